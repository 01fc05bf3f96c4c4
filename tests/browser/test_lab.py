"""The test of the test: a good widget passes the check in the browser, broken ones do not.

And what the base promises about a browser: queued moves, a Job, a saved notebook.
"""

import nbformat
import pytest

from tools.notebooks import canonical, execute

from . import lab

IMPORTS = """
import time
import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from tl_helpers.teaching.widgets import Choice, Job, Slider, Toggles, Widget
from tl_helpers.teaching.plots import style
style()
"""

GOOD = """
drawn = []

def draw(figure, power, rate, colour, group, marks, fitted=None):
    drawn.append(power)
    axes = figure.add_subplot()
    x = np.linspace(0, 1, 20)
    axes.plot(x, rate * x**power, color=colour)
    axes.set(ylim=(0, 1), title=f"{group} {marks} {fitted}", xlabel="x", ylabel="y")
    return f"A power of {power}."

def fit(progress, power, **others):
    for step in range(15):
        progress(step / 15)
        time.sleep(0.1)
    return f"fitted to {power}"

Widget(
    "A power",
    draw,
    power=Slider("Power", range(1, 41), value=2),
    rate=Slider("Rate", [0.1, 0.5, 1.0], value=1.0, unit="per step"),
    colour=Choice("Colour", ["blue", "red"], value="blue"),
    group=Choice("Group", list("abcdefghijklmnopqrs"), value="s"),
    marks=Toggles("Marks", ["x", "+"], value=["x"]),
    fitted=Job("Fit", fit),
)
"""

# What a browser test has to catch, as other people's notebooks do it.
APPENDS = """
slider = ipywidgets.IntSlider(value=2, min=1, max=5, description="Power")
reset = ipywidgets.Button(description="Reset")
box = ipywidgets.VBox([slider, reset])

def draw(change):
    figure, axes = plt.subplots()
    axes.plot(np.linspace(0, 1, 20) ** slider.value)
    with open("power.png", "wb") as file:
        figure.savefig(file)
    plt.close(figure)
    box.children += (ipywidgets.Image.from_file("power.png"),)

slider.observe(draw, "value")
reset.on_click(lambda button: setattr(slider, "value", 2))
draw(None)
box
"""

THROWS = """
def draw(figure, power):
    figure.add_subplot().plot(np.linspace(0, 1, 20) ** power)
    if power == 4:
        raise RuntimeError("four")
    return "."

Widget("A power", draw, power=Slider("Power", range(2, 5), value=3))
"""

IGNORES = """
def draw(figure, power):
    figure.add_subplot().plot(np.linspace(0, 1, 20) ** 2)
    return "."

Widget("A power", draw, power=Slider("Power", range(1, 6), value=2))
"""

DRIFTS = """
drawn = []

def draw(figure, power):
    drawn.append(power)
    figure.add_subplot().plot(np.linspace(0, 1, 20) ** power, linewidth=len(drawn))
    return "."

Widget("A power", draw, power=Slider("Power", range(1, 6), value=2))
"""


def test_a_good_widget_passes(opened, notebook):
    with opened(notebook("good.ipynb", IMPORTS, GOOD)) as lesson:
        (widget,) = lesson.widgets()
        assert {words.rsplit(" by")[0] for words in widget.operations()} == {
            *("slider 1", "slider 2", "slider 3", "buttons 1"),
            *("checkbox 1", "checkbox 2", "job 1"),
        }
        assert lab.check(widget) == []

        # A job that is cancelled leaves the picture alone.
        first = widget.decoded()
        widget.root.get_by_text("Fit", exact=True).click()
        widget.root.get_by_text("Cancel", exact=True).click()
        widget.root.get_by_text("Cancelled; nothing was changed.").wait_for()
        assert (widget.decoded() == first).all()

        # Keys that come faster than pictures can: the newest is shown, most are never drawn.
        widget.page.evaluate(
            """() => {
                window.pictures = 0;
                new MutationObserver(seen => window.pictures += seen.length).observe(
                    document.querySelector('img.widget-image'), {attributeFilter: ['src']});
            }"""
        )
        # From within the page: sent one by one, on a busy machine they are slower than pictures.
        widget.root.locator(".noUi-handle").first.evaluate(
            """handle => {
                const key = {key: 'ArrowRight', bubbles: true, cancelable: true};
                for (let pressed = 0; pressed < 30; pressed++)
                    handle.dispatchEvent(new KeyboardEvent('keydown', key));
            }"""
        )
        widget.root.get_by_text("A power of 32.").wait_for()
        assert 1 <= widget.page.evaluate("window.pictures") <= 20


def test_a_saved_widget_is_one_picture_before_anything_runs(opened, notebook, folder):
    path = folder / notebook("saved.ipynb", IMPORTS, GOOD)
    saved = canonical(execute(nbformat.read(path, as_version=4), folder))
    nbformat.write(saved, path)
    with opened(path.name, run=False) as lesson:
        pictures = lesson.page.locator(".jp-Notebook .jp-OutputArea img")
        pictures.first.wait_for(timeout=20_000)
        assert pictures.count() == 1
        assert lesson.page.get_by_text("Error displaying widget").count() == 0
        lesson.run_all()
        (widget,) = lesson.widgets()
        assert widget.troubles() == []


BROKEN = {
    "appends": (APPENDS, "2 pictures in the widget, expected one"),
    "throws": (THROWS, "RuntimeError: four"),
    "ignores the slider": (IGNORES, "slider 1 by keyboard: the picture did not change"),
    "drifts": (DRIFTS, "slider 1 by mouse: Reset did not bring the first picture back"),
}


@pytest.fixture(scope="module")
def broken(opened, notebook):
    """The broken widgets, in one page."""
    with opened(
        notebook("broken.ipynb", IMPORTS, *(source for source, _ in BROKEN.values()))
    ) as it:
        yield dict(zip(BROKEN, it.widgets(len(BROKEN)), strict=True))


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_widget_fails_the_check(broken, kind, monkeypatch):
    monkeypatch.setattr(lab, "PATIENCE", 1)  # seconds, for what never comes
    assert any(BROKEN[kind][1] in trouble for trouble in lab.check(broken[kind]))
