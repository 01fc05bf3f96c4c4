"""``tl.exercises``: the exercises of all lessons.

How they work stands in ``tl_helpers/teaching/exercises.py``, and what each checks in
``tl_helpers/lessons/<lesson>/checks.py``.
"""

import importlib

from tl_helpers.lessons import rooms
from tl_helpers.teaching.exercises import check, progress, verdict

__all__ = ["check", "progress", "verdict"]

for _room in rooms("checks"):  # each registers its own
    importlib.import_module(f"tl_helpers.lessons.{_room}.checks")
