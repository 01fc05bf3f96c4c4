"""Checkpoints: one file that holds everything a run needs to go on as if nothing had happened."""

import glob
import os
from pathlib import Path

import psutil
import torch

FORMAT = 2


def prepare(path) -> None:
    """Make the folder of a checkpoint, and remove what runs that were killed left beside it.

    Raises ValueError at once when no file could be written there, and not after the first epoch.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"checkpoint is {path!r}: a file's path is accepted.")
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"checkpoint is {str(path)!r}, which is a folder: a file is accepted.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = _part(path, os.getpid())
        part.touch()
        part.unlink()
    except OSError as error:
        raise ValueError(f"checkpoint is {str(path)!r}, which cannot be written: {error}") from None
    for left in path.parent.glob(f"{glob.escape(path.name)}.part*"):
        number = left.name.rpartition(".part")[2]
        if number.isdigit() and not psutil.pid_exists(int(number)):
            left.unlink(missing_ok=True)


def save(path, contents: dict) -> None:
    """Write a checkpoint in one move: a reader finds the old file or the new one, never a part."""
    path = Path(path)
    part = _part(path, os.getpid())
    try:
        with open(part, "wb") as file:
            torch.save({"format": FORMAT, **contents}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load(path) -> dict:
    """Read a checkpoint onto the CPU (``weights_only=True``: it cannot run code).

    Raises FileNotFoundError when there is none, ValueError when it is not one of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {path} does not exist: run once with resume=False")
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"checkpoint {path} cannot be read: {error}") from error
    if not isinstance(contents, dict) or contents.get("format") != FORMAT:
        raise ValueError(f"checkpoint {path} was not written by tl.fit or tl.run of this version")
    return contents


def _part(path: Path, process: int) -> Path:
    return path.with_name(f"{path.name}.part{process}")
