"""Three logits and two losses: what is drawn is what autograd finds."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from tl_helpers.lessons.losses.widget import CLASSES, build, losses, measured

STATE = {"z0": 5, "z1": 0, "z2": 0, "truth": "bag", "epsilon": 0}


def example():
    return losses()


def shown(**state):
    figure = Figure(figsize=(7.4, 3.2))
    caption = build(figure)(**STATE | state)
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes]
    return figure, np.array(heights), caption


@pytest.mark.parametrize("epsilon", [0, 0.3])
@pytest.mark.parametrize("logits", [(2.0, -1.0, 0.5), (8.0, -8.0, -8.0), (0.0, 0.0, 0.0)])
def test_losses_and_gradients_are_those_of_autograd(logits, epsilon):
    target = np.array([0.0, 1.0, 0.0]) * (1 - epsilon) + epsilon / 3
    p, *found = measured(np.array(logits), target)
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    y = torch.tensor(target)
    np.testing.assert_allclose(p, z.softmax(0).detach(), atol=1e-12)
    references = (-(y * z.log_softmax(0)).sum(), ((z.softmax(0) - y) ** 2).sum())
    for (loss, gradient), reference in zip(found, references, strict=True):
        (wanted,) = torch.autograd.grad(reference, z)
        assert loss == pytest.approx(reference.item(), abs=1e-12)
        np.testing.assert_allclose(gradient, wanted, atol=1e-12)


def test_bars_are_probabilities_and_gradients():
    figure, (p, cross_entropy, mse), caption = shown()
    np.testing.assert_allclose(p, torch.tensor([5.0, 0, 0]).softmax(0), atol=1e-6)
    np.testing.assert_allclose(cross_entropy, p - [0, 0, 1])
    assert abs(mse[2]) < 0.03 < 0.9 < abs(cross_entropy[2]), "sure and wrong"
    titles = [axes.get_title("left") or axes.get_title() for axes in figure.axes]
    assert "5.013" in titles[1] and "MSE" in titles[2]
    assert caption.startswith(
        "The true class bag has probability 0.007. Losses: cross-entropy 5.01"
    )


def test_the_truth_and_its_smoothing_move_the_target():
    figure, heights, _ = shown(truth="coat", epsilon=0.4)
    lines = figure.axes[0].collections[0].get_segments()
    np.testing.assert_allclose([line[0][1] for line in lines], [0.6 + 0.4 / 3, 0.4 / 3, 0.4 / 3])
    weights = [label.get_fontweight() for label in figure.axes[0].get_xticklabels()]
    assert weights == ["bold", "normal", "normal"]
    assert heights[1].sum() == pytest.approx(0) and heights[1][0] > 0, "surer than the target"


def test_a_far_logit_stays_inside_the_picture():
    for state in ({"z0": 8, "z1": -8, "z2": -8}, {"z0": -8, "z1": -8, "z2": 8}):
        figure, heights, _ = shown(**state)
        assert np.isfinite(heights).all() and (abs(heights) <= 1).all()


def test_the_widget_starts_sure_and_wrong():
    widget = example()
    assert widget.state == STATE and set(CLASSES) == {"coat", "shirt", "bag"}
    widget.set(z2=8)
    assert "probability 0.9" in widget.caption and widget.png != widget.default_png


def test_logits_beyond_the_sliders_are_refused():
    with pytest.raises(ValueError, match="'Logit of coat' starts at 9"):
        losses(start=(9, 0, 0))
