"""One room a lesson, named like its notebook without the number.

A room is a folder with ``widget.py``, whose function named like the lesson makes the widget, and
``checks.py``, which registers the checks of the exercises. No list of rooms is kept: a new one is
found by ``tl.widgets`` and ``tl.exercises`` because it is here.
"""

from pathlib import Path


def rooms(part: str) -> list[str]:
    """Return the lessons whose room has this file, "widget" or "checks", in alphabetical order."""
    return sorted(file.parent.name for here in __path__ for file in Path(here).glob(f"*/{part}.py"))
