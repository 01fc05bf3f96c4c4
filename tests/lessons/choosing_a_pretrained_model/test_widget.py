"""A score against accuracy: who is chosen, and what that costs, is what the arrays say."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from tl_helpers.lessons.choosing_a_pretrained_model.widget import build, choosing_a_pretrained_model

CANDIDATES = ["photos", "clothes", "scratch"]
NAN = float("nan")
SCORES = {
    "LEEP": {
        "digits": np.array([[-1.0, -2.0, NAN], [-3.0, -2.0, NAN]]),
        "emoji": np.array([[-4.0, -3.0, NAN], [-4.0, -5.0, NAN]]),
    },
    "H-score": {
        "digits": np.array([[0.5, 0.7, 0.6], [0.9, 0.7, 0.6]]),
        "emoji": np.array([[2.0, 2.0, 2.0], [2.0, 2.0, 1.0]]),
    },
}
ACCURACIES = {
    "digits": np.array([[0.80, 0.90, 0.70], [0.84, 0.92, 0.74]]),
    "emoji": np.array([[0.60, 0.40, 0.30], [0.60, 0.44, 0.34]]),
}


def example():
    return choosing_a_pretrained_model(CANDIDATES, SCORES, ACCURACIES)


def drawn(score, target, labels):
    figure = Figure(figsize=(7, 4))
    move = build(figure, CANDIDATES, SCORES, ACCURACIES)
    move("H-score", "emoji", 1)  # whatever was shown before
    caption = move(score, target, labels)
    (axes,) = figure.axes
    return axes, caption


def points(axes):
    """{candidate: (score, mean accuracy)}, as drawn."""
    return {
        line.get_label(): (line.get_xdata()[0], line.get_ydata()[0])
        for line in axes.lines
        if line.get_label() in CANDIDATES
    }


def rings(axes):
    (ring,) = [line for line in axes.lines if line.get_markersize() == 17]
    return list(zip(ring.get_xdata(), ring.get_ydata(), strict=True))


def test_the_highest_score_is_chosen_and_its_regret_told():
    axes, caption = drawn("H-score", "digits", 2)
    found = points(axes)
    assert found["photos"] == pytest.approx((0.9, 0.82))
    assert found["clothes"] == pytest.approx((0.7, 0.91))
    assert rings(axes) == [pytest.approx((0.9, 0.82))]
    assert caption == (
        "On digits, H-score chooses photos, right in 82.0 % after fine-tuning; "
        "the best is clothes with 91.0 %, so the regret is 9.0 points."
    )
    assert "regret 9.0 points" in axes.get_title(loc="left")
    assert drawn("H-score", "digits", 1)[1].endswith("the regret is 0.0 points.")


def test_bars_run_over_the_seeds():
    axes, _ = drawn("H-score", "digits", 1)
    bars = [line for line in axes.lines if line.get_linewidth() == 5]
    assert [tuple(bar.get_ydata()) for bar in bars] == [(0.8, 0.84), (0.9, 0.92), (0.7, 0.74)]
    assert [bar.get_xdata()[0] for bar in bars] == [0.5, 0.7, 0.6]


def test_a_candidate_without_the_score_stands_aside_and_is_not_chosen():
    axes, caption = drawn("LEEP", "digits", 1)
    assert points(axes)["scratch"][0] < -2.0 and "LEEP chooses photos" in caption
    (word,) = [text for text in axes.texts if text.get_text() == "n/a"]
    assert word.get_visible() and word.get_position()[0] == points(axes)["scratch"][0]
    axes, _ = drawn("H-score", "digits", 1)
    assert not [text for text in axes.texts if text.get_visible()]


def test_of_equal_scores_none_is_chosen_and_the_regret_is_their_mean():
    axes, caption = drawn("H-score", "emoji", 1)
    assert len(rings(axes)) == 3
    assert "chooses any of 3" in caption and "the regret is 15.3 points" in caption
    assert "any of 2" in drawn("H-score", "emoji", 2)[1]


def test_the_widget_hands_its_controls_to_the_picture():
    widget = example()
    assert widget.state == {"score": "LEEP", "target": "digits", "labels": 1}
    widget.set(target="emoji", labels=2)
    assert widget.error == "" and "On emoji, LEEP chooses photos" in widget.caption


@pytest.mark.parametrize(
    ("scores", "accuracies", "words"),
    [
        (SCORES, {"digits": ACCURACIES["digits"]}, "LEEP has the targets.*digits"),
        (SCORES, ACCURACIES | {"emoji": np.ones((2, 2))}, r"accuracies of 'emoji'.*\(2, 2\).*3"),
        ({"LEEP": dict.fromkeys(ACCURACIES, np.full((1, 3), NAN))}, ACCURACIES, "without a number"),
    ],
)
def test_arrays_that_do_not_fit_are_named(scores, accuracies, words):
    with pytest.raises(ValueError, match=words):
        choosing_a_pretrained_model(CANDIDATES, scores, accuracies)
