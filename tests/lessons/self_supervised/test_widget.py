"""The widget of nearest neighbours: who is near, and whose frame says that the class is right."""

import numpy as np
import pytest
import torch

from tl_helpers.lessons.self_supervised.widget import FRAME, GAP, NEAREST, self_supervised
from tl_helpers.teaching import plots

GREYS = torch.linspace(0, 1, 40)
START = {"word": "dark", "change": "lighter", "strength": 0.4}
CELL = 6 + 2 * FRAME + GAP


def plain(greys):
    return greys[:, None, None, None].expand(-1, 1, 6, 6).clone()


def example():
    """Images of one grey: dark ones are of class 0. One space sees the grey, one its opposite."""
    return self_supervised(
        plain(torch.tensor([0.0, 1.0])),
        ["dark", "light"],
        plain(GREYS),
        (GREYS > 0.5).long(),
        {"lighter": lambda x, s: (x + s).clamp(0, 1), "the same": lambda x, s: x},
        {"grey": lambda x: x[:, 0, 0, :1], "mirror": lambda x: (x[:, 0, 0, :1] - 0.5).abs()},
        START,
    )


def drawn(widget):
    """The picture, and the texts: the change, and the count beside each row."""
    (axes,) = widget.figure().axes
    return np.asarray(axes.images[0].get_array()), [text.get_text() for text in axes.texts]


def greys(canvas, row):
    """The grey of the image itself and of its neighbours, in the middle of each cell."""
    line = canvas[row * CELL + FRAME + 3]
    return [float(line[column * CELL + FRAME + 3, 0]) for column in [0, *range(2, NEAREST + 2)]]


def test_it_starts_where_it_was_told_to():
    assert example().state == START


def test_the_nearest_in_each_space_stand_in_their_row():
    widget = example()
    widget.set(word="dark", change="lighter", strength=0.2)
    canvas, _ = drawn(widget)
    own, *found = greys(canvas, 0)
    assert own == pytest.approx(0.2)
    wanted = sorted(GREYS.tolist(), key=lambda grey: abs(grey - 0.2))[:NEAREST]
    assert found == pytest.approx(wanted)
    _, *found = greys(canvas, 1)  # as far from the middle, on either side
    assert min(found) < 0.5 < max(found)


def test_the_frame_and_the_count_say_whether_the_class_is_right():
    widget = example()
    for strength, right in ((0.0, NEAREST), (1.0, 0)):
        widget.set(word="dark", change="lighter", strength=strength)
        canvas, texts = drawn(widget)
        assert texts[:2] == [f"lighter, {strength:g}", f"{right} of {NEAREST}"]
        assert f"grey {right}," in widget.caption
        colour = plots.RIGHT if right else plots.WRONG
        wanted = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        assert canvas[0, 2 * CELL] == pytest.approx(wanted, abs=1e-6)
    widget.set(change="the same")
    assert drawn(widget)[1][:2] == ["the same, 1", f"{NEAREST} of {NEAREST}"]


def test_what_does_not_fit_is_refused():
    images = plain(GREYS)
    with pytest.raises(ValueError, match="2 images and 1 words, 40 images in the bank and 40"):
        self_supervised(images[:2], ["dark"], images, GREYS, {}, {}, START)
    with pytest.raises(ValueError, match="7 or more in the bank"):
        self_supervised(images[:1], ["dark"], images[:3], GREYS[:3], {}, {}, START)
