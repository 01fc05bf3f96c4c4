"""Files that ship with the project or come in a package: found, checked, or explained."""

import hashlib
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"


class FileProblem(RuntimeError):
    """A data file or a weight file is missing or is not what it should be."""


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checked(path: Path, digest: str, remedy: str) -> Path:
    """Return ``path`` when the file is there and its SHA-256 is ``digest``.

    Raises FileProblem, which names the file and ends in ``remedy``: what to do to get it back.
    """
    path = Path(path)
    if not path.is_file():
        raise FileProblem(f"{path} is missing. {remedy}")
    found = sha256(path)
    if found != digest:
        raise FileProblem(
            f"{path} is damaged: its SHA-256 is {found[:12]}…, expected {digest[:12]}…. {remedy}"
        )
    return path
