"""A thousand random moves over all widgets: no error, one picture, flat memory."""

import gc
import importlib
import tracemalloc

import ipywidgets
import numpy as np
import pytest
from matplotlib.artist import Artist
from matplotlib.lines import Line2D

from tests.teaching.test_widgets import example as power
from tl_helpers.lessons import rooms
from tl_helpers.teaching import widgets

# The test file of each widget holds ``example()``, which makes one from small made-up inputs. The
# base's own example is among them.
EXAMPLES = {
    "the base": "tests.teaching.test_widgets",
    **{lesson: f"tests.lessons.{lesson}.test_widget" for lesson in rooms("widget")},
}
KILOBYTES_A_MOVE = 5  # a picture that is kept has 20 and more
MOVES = max(50, 2 * -(-500 // len(EXAMPLES)))  # a thousand in all


def example(word):
    return importlib.import_module(EXAMPLES[word]).example()


def move(widget, rng):
    name = rng.choice([*widget.controls, "Reset"], p=_shares(len(widget.controls)))
    if name == "Reset":
        widget.reset()
    else:
        widget.controls[name].set(widget.controls[name].any(rng))


def artists():
    """How many parts of drawings there are."""
    gc.collect()
    return sum(issubclass(type(thing), Artist) for thing in gc.get_objects())


def held():
    """How many kilobytes Python holds: the process's memory is torch's and the allocator's too.

    Without matplotlib's caches: that of text sizes tells renderers apart, and so goes on filling.
    """
    for thing in gc.get_objects():
        cached = type(thing).__name__ == "_lru_cache_wrapper"
        if cached and (thing.__module__ or "").startswith("matplotlib"):
            thing.cache_clear()
    gc.collect()
    return tracemalloc.get_traced_memory()[0] / 1000


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


@pytest.mark.slow
@pytest.mark.parametrize("word", EXAMPLES)
def test_random_moves(word):
    tracemalloc.start()  # first of all: what is replaced later must not count as new
    widget, drawn, pictures, half = example(word), [], [], MOVES // 2
    for number in range(2 * half):
        if number % half == 0:  # the same moves twice: the first time makes what is made once
            rng = np.random.default_rng(0)
            widget.reset()
        if number == half:
            before = held()
        move(widget, rng)
        assert widget.error == "", widget.state
        pictures.append(hash(widget.png))
        if number == 20:  # in the first half: ipywidgets keeps every widget that was made
            assert drawn_anew(word, widget.state) == widget.png
        if number % 10 == 0:
            assert cut_off(widget) <= 1, widget.state
            drawn.append(artists())
    state, png = dict(widget.state), widget.png
    widget.reset()
    grown = held() - before
    tracemalloc.stop()
    assert sum(isinstance(child, ipywidgets.Image) for child in widget.children) == 1
    assert len(set(pictures)) > 1, "no move changed the picture"
    assert pictures[half:] == pictures[:half], "the same moves drew other pictures"
    assert drawn[-1] <= drawn[len(drawn) // 2], f"parts of drawings over the moves: {drawn}"
    assert grown < KILOBYTES_A_MOVE * half, f"kilobytes: {grown}"
    assert drawn_anew(word, state) == png
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


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["line", "picture"])
def test_what_is_kept_at_each_move_is_found(kept, monkeypatch):
    hoard, moved = [], move

    def leaky(widget, rng):
        moved(widget, rng)
        hoard.append(Line2D([0], [0]) if kept == "line" else bytes(bytearray(widget.png)))

    monkeypatch.setitem(globals(), "move", leaky)
    with pytest.raises(
        AssertionError, match="parts of drawings" if kept == "line" else "kilobytes"
    ):
        test_random_moves("the base")
