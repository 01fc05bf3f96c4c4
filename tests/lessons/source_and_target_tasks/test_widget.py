"""Labels a class against accuracy: what is read off is what was given."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from tl_helpers.lessons.source_and_target_tasks.widget import SPREAD, build, source_and_target_tasks

X = [2, 10, 50]
RESULTS = {
    "scratch": np.array([[0.40, 0.60, 0.90], [0.50, 0.70, 0.92]]),
    "probe": np.array([[0.60, 0.70, 0.80], [0.66, 0.72, 0.82]]),
    "probe from digits": np.array([[0.30, 0.40, 0.50], [0.34, 0.42, 0.52]]),
}


def example():
    return source_and_target_tasks(X, RESULTS)


def drawn(k=10, shown=tuple(RESULTS), spread=True):
    figure = Figure(figsize=(7, 4))
    move = build(figure, X, RESULTS)
    move(X[0], ("scratch",), ())  # whatever was shown before
    caption = move(k, shown, (SPREAD,) if spread else ())
    return figure.axes[0], caption


def legend(axes):
    return [text.get_text() for text in axes.texts if text.get_visible()][::-1]


def marks(axes):
    """The points that are marked with a diamond: (labels, accuracy)."""
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axes.lines
        if line.get_marker() == "D" and line.get_visible()
    ]


def test_numbers_are_read_off_at_the_slider():
    axes, caption = drawn(k=10, shown=("scratch", "probe"))
    assert legend(axes) == ["scratch: 65 % (60 to 70)", "probe: 71 % (70 to 72)"]
    assert caption == "With 10 labels a class, mean accuracy is: scratch 65 %, probe 71 %."
    np.testing.assert_allclose(marks(axes), [(10, 0.65), (10, 0.71)])
    assert marks(drawn(k=50, shown=("scratch",))[0]) == [(50, pytest.approx(0.91))]


def test_what_is_off_is_hidden_and_the_rest_stands_still():
    everything, _ = drawn()
    axes, caption = drawn(shown=("probe from digits",))
    lines = axes.lines[: len(RESULTS)]
    assert [line.get_visible() for line in lines] == [False, False, True]
    assert [band.get_visible() for band in axes.collections] == [False, False, True]
    assert axes.get_ylim() == everything.get_ylim() and "scratch" not in caption
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--"]


def test_the_spread_can_be_switched_off():
    axes, _ = drawn(shown=("scratch",), spread=False)
    assert not any(band.get_visible() for band in axes.collections)
    assert legend(axes) == ["scratch: 65 %"]
    titles = [axes.get_title(loc) for loc in ("left", "center")]
    assert "10 labels" in "".join(titles) and "band" not in "".join(titles)


def test_nothing_on_is_said():
    axes, caption = drawn(shown=())
    assert caption == "No strategy is switched on." and legend(axes) == [] and marks(axes) == []


def test_the_widget_hands_its_controls_to_the_picture():
    widget = example()
    assert widget.state == {"k": 10, "shown": tuple(RESULTS), "extras": (SPREAD,)}
    widget.set(k=2, shown=("probe",))
    assert widget.caption == "With 2 labels a class, mean accuracy is: probe 63 %."
    with_spread = widget.png
    widget.set(extras=())
    assert widget.png != with_spread and widget.error == ""


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"'scratch'.*\(2, 3\).*seeds × 2"):
        source_and_target_tasks([2, 10], RESULTS)
    with pytest.raises(ValueError, match="rising"):
        source_and_target_tasks([10, 2, 50], RESULTS)
