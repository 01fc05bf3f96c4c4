"""Lesson on losses: three logits, what softmax makes of them, and how each loss pushes them."""

import numpy as np

from tl_helpers.teaching import plots
from tl_helpers.teaching.widgets import Choice, Kept, Slider, Widget

CLASSES = ("coat", "shirt", "bag")
CROSS_ENTROPY, MSE = plots.colours(["cross-entropy", "MSE"]).values()  # as in the lesson


def losses(start=(5, 0, 0), truth="bag") -> Widget:
    """Return the widget of three logits, one of whose classes is the ``truth``.

    start: the three logits at first, whole numbers from -8 to 8. Raises ValueError for others.
    """
    sliders = {
        f"z{number}": Slider(f"Logit of {name}", range(-8, 9), value=logit)
        for number, (name, logit) in enumerate(zip(CLASSES, start, strict=True))
    }
    return Widget(
        "Three logits, two losses",
        Kept(build),
        size=(7.4, 3.2),
        **sliders,
        truth=Choice("True class", CLASSES, truth),
        epsilon=Slider("Label smoothing", [0, 0.1, 0.2, 0.4], value=0),
    )


def measured(logits, target):
    """Return probabilities, and for cross-entropy and MSE the loss and its gradient.

    logits, target: C floats; the target sums to 1. MSE is the sum of (p - target)² over classes,
    with p the softmax of the logits. The gradients are with respect to the logits, by hand.
    """
    shifted = logits - logits.max()
    log_p = shifted - np.log(np.exp(shifted).sum())
    p = np.exp(log_p)
    error = p - target
    cross_entropy = -(target * log_p).sum(), error
    mse = (error**2).sum(), 2 * p * (error - (p * error).sum())
    return p, cross_entropy, mse


def build(figure):
    """Draw into ``figure`` what stays, and return ``move``, which shows a state of the controls."""
    panels = figure.subplots(1, 3)
    places = np.arange(len(CLASSES))
    texts = {"ha": "center", "va": "center", "fontsize": 9, "animated": True}
    parts, titles = [], []
    for axes, colour in zip(panels, ("#777777", CROSS_ENTROPY, MSE), strict=True):
        bars = axes.bar(places, np.zeros(len(CLASSES)), color=colour, width=0.6, animated=True)
        numbers = [axes.text(place, 0, "", **texts) for place in places]
        axes.set(xlim=(-0.6, 2.6), ylim=(-1.25, 1.25))
        axes.set_xticks(places, CLASSES)
        axes.grid(axis="x", visible=False)
        axes.axhline(0, color="black", linewidth=0.8)
        parts.append((bars, numbers))
        titles.append(axes.set_title(" ", fontsize=9.5, animated=True))
    panels[0].set(ylabel="Probability", ylim=(0, 1.18), yticks=(0, 0.5, 1))
    panels[1].set(ylabel="Gradient with respect to the logit")
    look = {"color": "black", "linewidth": 2.5, "animated": True}
    targets = panels[0].hlines([0] * 3, places - 0.38, places + 0.38, **look)
    titles[0].set_text("Bar: p, black line: target")

    marked = [None]  # the class whose label is bold

    def move(z0, z1, z2, truth, epsilon):
        hard = np.array([name == truth for name in CLASSES], dtype=float)
        target = (1 - epsilon) * hard + epsilon / len(CLASSES)
        p, *found = measured(np.array([z0, z1, z2], dtype=float), target)
        targets.set_segments([[(x - 0.38, t), (x + 0.38, t)] for x, t in enumerate(target)])
        for name, title, (loss, _) in zip(("Cross-entropy", "MSE"), titles[1:], found, strict=True):
            title.set_text(f"{name}: loss {loss:.3f}")
        for (bars, numbers), heights in zip(parts, (p, *(g for _, g in found)), strict=True):
            for bar, number, height in zip(bars, numbers, heights, strict=True):
                bar.set_height(height)
                # Beyond the bar's end; in the first panel beyond the target's line as well.
                number.set_text(f"{height:.3f}".replace("-0.000", "0.000"))
                number.set_y(height + (0.12 if height >= 0 else -0.12))
        for place, (number, height) in enumerate(zip(parts[0][1], p, strict=True)):
            end = max(height, target[place]) if abs(height - target[place]) < 0.15 else height
            number.set_y(end + 0.06)
        if truth != marked[0]:
            marked[0], figure.stale = truth, True
            for axes in panels:
                for label, name in zip(axes.get_xticklabels(), CLASSES, strict=True):
                    label.set_fontweight("bold" if name == truth else "normal")
        place = CLASSES.index(truth)
        told = [
            f"{name} {loss:.2f}"
            for name, (loss, _) in zip(("cross-entropy", "MSE"), found, strict=True)
        ]
        pulls = [f"{gradient[place]:.3f}" for _, gradient in found]
        return (
            f"The true class {truth} has probability {p[place]:.3f}. Losses: {told[0]}, "
            f"{told[1]}. Gradients with respect to its logit: {pulls[0]} and {pulls[1]}."
        )

    return move
