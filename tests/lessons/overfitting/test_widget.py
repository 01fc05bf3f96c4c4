"""Remedies on and off: what is drawn are the means of the runs with just these remedies."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from tl_helpers.lessons.overfitting.widget import build, overfitting

REMEDIES = ["augmentation", "dropout", "L1"]
EPOCHS = [2, 4, 6]
COMBINATIONS = [
    tuple(name for name, bit in zip(REMEDIES, bits, strict=True) if bit)
    for bits in np.ndindex(2, 2, 2)
]


def curves():
    rng = np.random.default_rng(0)
    return {
        start: {on: rng.random((4, len(EPOCHS), 4)) for on in COMBINATIONS}
        for start in ("scratch", "probe")
    }


def example():
    return overfitting(REMEDIES, EPOCHS, curves())


def shown(on=(), start="scratch", metric="accuracy", given=None):
    figure = Figure(figsize=(7.6, 3.7))
    caption = build(figure, REMEDIES, EPOCHS, given or curves())(on, start, metric)
    left, right = figure.axes
    lines = {line.get_label(): line for line in left.lines}
    words = [text.get_text() for text in left.get_legend().get_texts()]
    assert words == ["training", "validation", "validation, no remedy"]
    return left, right, list(lines.values()), caption


@pytest.mark.parametrize("metric, column, scale", [("accuracy", 0, 100), ("loss", 1, 1)])
def test_the_curves_are_means_over_seeds(metric, column, scale):
    on, given = ("augmentation", "L1"), curves()
    left, right, (plain, train, valid), caption = shown(on, "probe", metric, given)
    runs = scale * given["probe"][on]
    np.testing.assert_allclose(train.get_ydata(), runs[..., column].mean(0))
    np.testing.assert_allclose(valid.get_ydata(), runs[..., 2 + column].mean(0))
    nothing = scale * given["probe"][()][..., 2 + column].mean(0)
    np.testing.assert_allclose(plain.get_ydata(), nothing)
    band = left.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(runs[..., 2 + column].max())
    assert caption.startswith("probe with augmentation and L1: at the end the training")
    mark = right.lines[1]
    assert mark.get_xdata() == [2] and mark.get_ydata()[0] == pytest.approx(valid.get_ydata()[-1])


def test_the_legend_has_the_colours_of_the_lines():
    figure = Figure(figsize=(7.6, 3.7))
    move = build(figure, REMEDIES, EPOCHS, curves())
    for start in ("scratch", "probe"):
        move((), start, "loss")
        left = figure.axes[0]
        drawn = {line.get_color() for line in left.lines}
        assert {line.get_color() for line in left.get_legend().get_lines()} == drawn
        assert len(drawn) == 2


def test_every_combination_is_a_dot():
    _, right, _, _ = shown()
    dots, mark = right.lines
    assert sorted(dots.get_xdata()) == sorted(map(len, COMBINATIONS))
    pairs = np.column_stack([dots.get_xdata(), dots.get_ydata()])
    here = [mark.get_xdata()[0], mark.get_ydata()[0]]
    assert np.isclose(pairs, here).all(1).any(), "the mark sits on a dot"


def test_the_caption_tells_the_gap():
    given = curves()
    given["scratch"][()][:, -1] = [1.0, 0.01, 0.44, 1.9]
    assert shown(given=given)[3] == (
        "scratch with no remedy: at the end the training accuracy is 100 % and the validation "
        "accuracy 44 %, a gap of 56 points."
    )
    assert shown(metric="loss", given=given)[3].endswith(
        "training loss is 0.01 and the validation loss 1.90, a gap of 1.89."
    )


def test_the_widget_starts_with_one_remedy():
    widget = example()
    assert widget.state == {"on": ("augmentation",), "start": "scratch", "metric": "accuracy"}
    widget.set(on=())
    assert "no remedy" in widget.caption and widget.png != widget.default_png


def test_what_does_not_fit_is_refused():
    given = curves()
    del given["probe"][()]
    with pytest.raises(ValueError, match="'probe'.*7 combinations.*8"):
        overfitting(REMEDIES, EPOCHS, given)
    given = curves()
    given["scratch"][()] = np.zeros((4, 2, 4))
    with pytest.raises(ValueError, match=r"\(4, 2, 4\), expected seeds × 3 × 4"):
        overfitting(REMEDIES, EPOCHS, given)
