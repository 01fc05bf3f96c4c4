"""``tl.widgets``: the widget of each lesson, called by the lesson's word.

``tl.widgets.freezing_strategies(…)`` is the function of that name in
``tl_helpers/lessons/freezing_strategies/widget.py``, imported when it is first used.
"""

import importlib

from tl_helpers.lessons import rooms


def __getattr__(name):
    if name not in __dir__():
        raise AttributeError(
            f"tl.widgets has no {name!r}; a widget is called by its lesson's word: "
            f"{', '.join(__dir__())}"
        )
    return getattr(importlib.import_module(f"tl_helpers.lessons.{name}.widget"), name)


def __dir__():
    return rooms("widget")
