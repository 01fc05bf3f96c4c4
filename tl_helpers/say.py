"""Say: print a line also where the output's encoding has no ✔ or ≈ (Windows, to a file)."""

import sys


def say(text: str) -> None:
    """Print a line at once; a sign that the output cannot write becomes a question mark."""
    try:
        print(text, flush=True)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding
        print(text.encode(encoding, "replace").decode(encoding), flush=True)
