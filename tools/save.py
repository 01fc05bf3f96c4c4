"""``make save``: format, execute and canonicalise lessons and their solutions, in place."""

import os
import subprocess
import sys

from tools.notebooks import TEMPLATE, execute_all, lessons, solutions, write


def main() -> int:
    chosen = os.environ.get("LESSONS", "")
    paths = lessons(chosen)
    numbers = {path.name[:2] for path in paths}
    paths += [path for path in solutions() if path.name[:2] in numbers]
    if not chosen:
        paths.append(TEMPLATE)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", *paths], check=True)
    failed = 0
    for path, nb, problem in execute_all(paths):
        if problem:
            failed += 1
        else:
            write(nb, path)
    if failed:
        print(f"{failed} of {len(paths)} were not saved: mend what stands above, then save again.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
