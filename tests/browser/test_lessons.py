"""The widgets in a real browser: operate every control of each, look; and a lesson as a whole.

Each widget is made from the small inputs of its own test, all in one notebook: to compute what the
lessons hand to their widgets takes half a minute each, which the comparison of the notebooks does
anyway. There each lesson's widget is moved too (tests/notebooks/moved.py).
"""

import re

import nbformat
import pytest

from tools.notebooks import read

from . import lab

LESSONS = lab.lessons_with_widgets()
# The test of each lesson's widget holds ``example()``, which makes one from small made-up inputs.
EXAMPLES = [
    path.relative_to(lab.ROOT).with_suffix("")
    for path in sorted((lab.ROOT / "tests" / "lessons").glob("*/test_widget.py"))
]
NAMES = [path.parent.name for path in EXAMPLES]


@pytest.fixture(scope="module")
def widgets(opened, notebook):
    """The widget of each example, in one page."""
    name = notebook(
        "examples.ipynb",
        *(f"from {'.'.join(path.parts)} import example\nexample()" for path in EXAMPLES),
    )
    with opened(name) as lesson:
        yield lesson.widgets(len(EXAMPLES))


def test_the_widget_of_every_lesson_is_among_the_examples(widgets):
    saved = {
        re.search(r"^Widget: (.*)$", str(output.data.get("text/plain")), re.M)
        for path in LESSONS
        for cell in read(path).cells
        for output in cell.get("outputs", [])
        if "data" in output
    }
    titles = {found[1] for found in saved if found}
    assert len(titles) == len(LESSONS) > 0
    assert titles <= {widget.root.locator("b").first.text_content() for widget in widgets}


@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=NAMES)
def test_every_control_of_a_widget(widgets, number):
    operated(widgets[number], NAMES[number])


def test_a_lesson_as_a_whole(opened, folder):
    nb = read(LESSONS[0])
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(nb, folder / LESSONS[0].name)
    with opened(LESSONS[0].name) as lesson:
        (widget,) = lesson.widgets()
        operated(widget, LESSONS[0].stem)


def operated(widget, name):
    wrong = lab.check(widget)
    lab.SCREENS.mkdir(parents=True, exist_ok=True)
    widget.area.screenshot(path=lab.SCREENS / f"{name}.png")
    assert not wrong, "\n".join(wrong)
