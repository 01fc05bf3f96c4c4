"""The freezing slider: what each bar shows is what it was given."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from tl_helpers.lessons.freezing_strategies.widget import build, freezing_strategies

BLOCKS = ["stem", "middle", "top"]
TRAINABLE = [10_000, 510_000, 710_000, 1_000_000]  # the top has 500,000, the stem 290,000
SECONDS = [0.01, 0.05, 0.1, 0.2]
ACCURACIES = np.array([[0.50, 0.60, 0.55, 0.52], [0.54, 0.64, 0.57, 0.56]])


def example():
    return freezing_strategies(BLOCKS, TRAINABLE, SECONDS, ACCURACIES)


def drawn(k):
    figure = Figure(figsize=(7, 4.6))
    move = build(figure, BLOCKS, np.array(TRAINABLE), np.array(SECONDS), ACCURACIES)
    return figure.axes, move(k)


def widths(axes):
    return [bar.get_width() for bar in axes.patches]


def test_stages_show_their_size_and_which_are_trainable():
    (stages, _), _ = drawn(k=1)
    assert [bar.get_width() for bar in stages.patches] == pytest.approx([0.29, 0.2, 0.5, 0.01])
    colours = [bar.get_facecolor() for bar in stages.patches]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert [label.get_text() for label in stages.get_yticklabels()] == [*BLOCKS, "head"]
    shown = [text for text in stages.texts if text.get_visible()]
    assert [(text.get_text(), text.get_position()[1]) for text in shown] == [
        ("frozen", 1),
        ("trainable", 2),
    ]


@pytest.mark.parametrize(
    ("k", "parts"), [(0, [4, 0.04, 0.08]), (1, [4, 2.04, 4.08]), (3, [4, 4, 8])]
)
def test_memory_counts_parameters_gradients_and_two_numbers_of_the_optimizer(k, parts):
    (stages, _), caption = drawn(k)
    for part, word in zip(parts, ["parameters", "gradients", "AdamW"], strict=True):
        assert f"{part:.0f} {word}" in stages.get_title(loc="left")
    assert f"{sum(parts):.0f} MB are needed" in caption


def test_time_and_accuracy_are_those_of_the_slider():
    (_, price), caption = drawn(k=2)
    line, mark = price.lines
    np.testing.assert_allclose(line.get_xdata(), [10, 50, 100, 200])
    np.testing.assert_allclose(line.get_ydata(), [0.52, 0.62, 0.56, 0.54])
    assert mark.get_xdata()[0] == 100 and mark.get_ydata()[0] == pytest.approx(0.56)
    (spread,) = price.collections
    ends = [segment[:, 1].tolist() for segment in spread.get_segments()]
    assert ends[2] == [0.55, 0.57]
    assert "710,000 of 1,000,000" in caption and "100 ms" in caption and "56 %" in caption


def test_the_slider_goes_over_all_blocks_and_moves_the_picture():
    widget = example()
    assert widget.controls["k"].values == [0, 1, 2, 3]
    seen = set()
    for k in range(4):
        widget.set(k=k)
        assert widget.error == ""
        seen.add(widget.png)
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((BLOCKS, TRAINABLE[:3], SECONDS, ACCURACIES), "trainable has 3 entries, expected 4"),
        ((BLOCKS, TRAINABLE, SECONDS[:2], ACCURACIES), "seconds has 2"),
        ((BLOCKS, TRAINABLE, SECONDS, ACCURACIES.T), "accuracies has 2"),
    ],
)
def test_lengths_that_do_not_fit_are_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        freezing_strategies(*arguments)
