"""Files that ship with the project or come in a package: found, checked, or explained."""

import functools
import hashlib
import json
from importlib.util import find_spec
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


def known(name: str) -> Path:
    """Return the path of a file that ``data/checksums.json`` lists, after checking it.

    The file stands in ``data/`` or in an installed package, which is found without importing it.
    The SHA-256 is computed once a process, and again when the file has changed since.

    Raises FileProblem for a file or package that is missing, or a file that is damaged, and
    ValueError for a name that is not listed.
    """
    checksums = DATA / "checksums.json"
    if not checksums.is_file():
        raise FileProblem(
            f"{checksums} is missing. Work from a clone of the project, installed with "
            "pip install -e . ; get the file back with: git checkout -- data/checksums.json"
        )
    listed = json.loads(checksums.read_text(encoding="utf-8"))
    if name not in listed:
        raise ValueError(f"name is {name!r}: accepted are {', '.join(listed)}.")
    entry = listed[name]
    folder = DATA
    if "module" in entry:
        spec = find_spec(entry["module"])
        if spec is None:
            raise FileProblem(f"The package {entry['package']} is missing. {entry['remedy']}")
        folder = Path(spec.submodule_search_locations[0])
    path = folder / entry["path"]
    stat = path.stat() if path.is_file() else None
    return _checked_once(
        path, entry["sha256"], entry["remedy"], stat and (stat.st_size, stat.st_mtime_ns)
    )


@functools.cache
def _checked_once(path: Path, digest: str, remedy: str, state) -> Path:
    return checked(path, digest, remedy)
