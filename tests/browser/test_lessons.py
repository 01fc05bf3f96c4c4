"""Every lesson that has a widget, in a real browser: run it, operate every control, look."""

import pytest

from . import lab

LESSONS = [path.name for path in lab.lessons_with_widgets()]


def test_the_lessons_with_widgets_are_found():
    assert LESSONS


@pytest.mark.parametrize("name", LESSONS)
def test_the_widgets_of_a_lesson(opened, name):
    with opened(name) as lesson:
        for number, widget in enumerate(lesson.widgets(), 1):
            wrong = lab.check(widget)
            lab.SCREENS.mkdir(parents=True, exist_ok=True)
            widget.area.screenshot(path=lab.SCREENS / f"{name.removesuffix('.ipynb')}-{number}.png")
            assert not wrong, "\n".join(wrong)
