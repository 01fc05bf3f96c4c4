"""A thousand random moves over all widgets: no error, one picture, flat memory."""

import gc
import importlib
import sys

import ipywidgets
import numpy as np
import pytest

from tests.teaching.test_widgets import example as power
from tl_helpers.lessons import rooms
from tl_helpers.teaching import widgets

# The test file of each widget holds ``example()``, which makes one from small made-up inputs. The
# base's own example is among them.
EXAMPLES = {
    "the base": "tests.teaching.test_widgets",
    **{lesson: f"tests.lessons.{lesson}.test_widget" for lesson in rooms("widget")},
}
LEAK = 1500  # objects; a line that is left at each move makes more
MOVES = max(50, -(-1000 // len(EXAMPLES)))  # a thousand in all


def example(word):
    return importlib.import_module(EXAMPLES[word]).example()


def move(widget, rng):
    name = rng.choice([*widget.controls, "Reset"], p=_shares(len(widget.controls)))
    if name == "Reset":
        widget.reset()
    else:
        widget.controls[name].set(widget.controls[name].any(rng))


def _shares(controls):
    return [0.95 / controls] * controls + [0.05]


def cut_off(widget):
    """By how many pixels what is drawn reaches beyond the picture's edge, on the worst side."""
    figure = widget.figure()
    drawn = figure.get_tightbbox(figure.canvas.get_renderer()).extents * figure.dpi
    edge = figure.bbox.extents
    return max(0, round(max(*(edge[:2] - drawn[:2]), *(drawn[2:] - edge[2:]))))


def drawn_anew(word, state):
    """Return the picture of a new widget in this state."""
    anew = example(word)
    anew.set(**state)
    return anew.png


@pytest.mark.parametrize("word", EXAMPLES)
def test_random_moves(word):
    rng = np.random.default_rng(0)
    widget = example(word)
    held, seen = [], set()
    for number in range(MOVES):
        move(widget, rng)
        assert widget.error == "", widget.state
        seen.add(hash(widget.png))
        if number == 20:  # in the first half: ipywidgets keeps every widget that was made
            assert drawn_anew(word, widget.state) == widget.png
        if number % 10 == 0:
            assert cut_off(widget) <= 1, widget.state
            gc.collect()  # of what cut_off drew
            # what Python holds: the process's memory is torch's and the allocator's too
            held.append(sys.getallocatedblocks())
    assert sum(isinstance(child, ipywidgets.Image) for child in widget.children) == 1
    assert len(seen) > 1, "no move changed the picture"
    half = len(held) // 2  # caches of fonts and the like are filled by then
    assert held[-1] - held[half] < LEAK, f"objects over the moves: {held}"
    assert drawn_anew(word, widget.state) == widget.png
    widget.reset()
    assert widget.png == widget.default_png, "the picture depends on more than its state"


@pytest.mark.parametrize("word", EXAMPLES)
def test_each_control_of_each_widget_changes_the_picture(word):
    rng = np.random.default_rng(0)
    widget = example(word)
    for name, control in widget.controls.items():
        if isinstance(control, widgets.Job):
            continue  # what a job changes is for the widget's own test
        pictures = set()
        for _ in range(20):
            widget.set(**{name: control.any(rng)})
            pictures.add(widget.png)
        assert len(pictures) > 1, name
        widget.reset()


def test_a_text_beyond_the_edge_is_found():
    def draw(figure, power, **state):
        figure.text(0.5 if power == 2 else 0.9, 0.5, "a long text")
        return "."

    widget = power(draw)
    assert cut_off(widget) == 0
    widget.set(power=3)
    assert cut_off(widget) > 1
