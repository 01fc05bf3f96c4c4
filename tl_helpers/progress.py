"""Progress: one line that moves while a run works and is gone when it is done."""

import os
import sys

from tqdm import tqdm

DELAY = 1.0  # seconds before the bar shows: short runs stay silent


def bar(total: int | None, show: bool, unit: str = "batch") -> tqdm:
    """Return a progress bar over ``total`` batches, or whatever ``unit`` names.

    In a notebook it writes to stdout and leaves nothing behind; in a terminal to stderr; where
    nobody looks (a file, or TL_PROGRESS=off, as in the tests and when notebooks are saved) it is
    silent.
    """
    notebook = "ipykernel" in sys.modules
    off = not show or os.environ.get("TL_PROGRESS") == "off"
    return tqdm(
        total=total,
        file=sys.stdout if notebook else sys.stderr,
        disable=True if off else (False if notebook else None),
        leave=False,
        delay=DELAY,
        mininterval=0.25,
        unit=unit,
        ncols=80,
    )
