"""Lesson 06: how many of the last blocks are trainable, what that costs and what it brings."""

import numpy as np
from matplotlib.ticker import PercentFormatter

from tl_helpers.teaching.plots import COLOURS
from tl_helpers.teaching.widgets import Kept, Slider, Widget

TRAINED, FROZEN = COLOURS["partial"], "#BBBBBB"
MB = 4e-6  # of a number in float32


def freezing_strategies(blocks, trainable, seconds, accuracies) -> Widget:
    """Return the widget of a freezing slider over a network's blocks.

    blocks: names of the backbone's n blocks, from input to output. The other arguments have an
    entry for each k = 0 … n last blocks that are trainable, with the head: ``trainable``
    parameters, ``seconds`` a step, and ``accuracies`` (fractions, seeds × (n + 1)). With k = n
    nothing is frozen, so the last entry of ``trainable`` is the size of the network.

    Raises ValueError when the lengths do not fit together.
    """
    blocks, trainable, seconds = list(blocks), np.asarray(trainable), np.asarray(seconds)
    accuracies = np.atleast_2d(accuracies)
    for name, entries in {
        "trainable": len(trainable),
        "seconds": len(seconds),
        "accuracies": accuracies.shape[1],
    }.items():
        if entries != len(blocks) + 1:
            raise ValueError(
                f"{name} has {entries} entries, expected {len(blocks) + 1}: "
                f"one for each k from 0 to {len(blocks)} blocks"
            )

    def build_it(figure):
        return build(figure, blocks, trainable, seconds, accuracies)

    return Widget(
        "How much of the network learns",
        Kept(build_it),
        size=(7.4, 3.4),
        k=Slider("Last blocks that are trainable", range(len(blocks) + 1), value=2),
    )


def build(figure, blocks, trainable, seconds, accuracies):
    """Draw into ``figure`` what stays, and return ``move(k)``, which shows a state of the slider.

    The arguments are those of ``freezing``; ``move`` returns the caption.
    """
    stages, price = figure.subplots(1, 2)
    words = {"fontsize": 9.5, "loc": "left", "animated": True}
    sizes, speed = stages.set_title("\n", **words), price.set_title("\n", **words)
    move_stages = _build_stages(stages, blocks, trainable)
    move_price = _build_price(price, 1000 * seconds, accuracies)

    def move(k):
        # Every parameter takes its place; a trainable one also its gradient and AdamW's two means.
        needed = MB * np.array([trainable[-1], trainable[k], 2 * trainable[k]])
        parts = f"MB: {needed[0]:.0f} parameters, {needed[1]:.0f} gradients, {needed[2]:.0f} AdamW"
        sizes.set_text(f"{trainable[k]:,} parameters learn\n{parts}")
        mean, low, high = (100 * f(accuracies[:, k]) for f in (np.mean, np.min, np.max))
        speed.set_text(
            f"{1000 * seconds[k]:.0f} ms a step\n"
            f"{mean:.0f} % right, over {len(accuracies)} seeds {low:.0f} to {high:.0f}"
        )
        move_stages(k)
        move_price(k)
        return (
            f"With the last {k} of {len(blocks)} blocks and the head trainable, "
            f"{trainable[k]:,} of {trainable[-1]:,} parameters learn, {needed.sum():.0f} MB are "
            f"needed (activations not counted), a step takes {1000 * seconds[k]:.0f} ms on one "
            f"core, and balanced accuracy is {mean:.0f} %."
        )

    return move


def _build_stages(axes, blocks, trainable):
    sizes = np.diff(trainable)[::-1]  # of the blocks, from input to output
    names, sizes = [*blocks, "head"], np.append(sizes, trainable[0]) / 1e6
    bars = axes.barh(range(len(names)), sizes, height=0.75, animated=True)
    border = axes.axhline(0, color="black", linewidth=1, linestyle=":", animated=True)
    look = {"ha": "right", "va": "center", "fontsize": 9, "animated": True}
    frozen = axes.text(max(sizes), 0, "frozen", **look)
    learns = axes.text(max(sizes), 0, "trainable", **look)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set(xlabel="Parameters (millions)", ylim=(len(names) - 0.4, -0.6))
    axes.grid(axis="y", visible=False)

    def move(k):
        first = len(blocks) - k  # the row of the first trainable block
        for row, bar in enumerate(bars):
            bar.set_color(TRAINED if row >= first else FROZEN)
        border.set_ydata([first - 0.5, first - 0.5])
        frozen.set(y=first - 1, visible=first > 0)
        learns.set_y(first)

    return move


def _build_price(axes, milliseconds, accuracies):
    means = accuracies.mean(0)
    axes.vlines(
        milliseconds, accuracies.min(0), accuracies.max(0), color=TRAINED, alpha=0.3, linewidth=5
    )
    axes.plot(milliseconds, means, color=TRAINED, marker="s", markersize=5)
    (mark,) = axes.plot([0], [means[0]], "D", color="black", markersize=9, animated=True)
    look = {"xytext": (0, 9), "textcoords": "offset points", "animated": True}
    name = axes.annotate("", (0, 0), **look)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    axes.set(xlabel="Milliseconds a step, on one core", ylabel="Balanced accuracy (%)")
    axes.set_xlim(0, 1.12 * max(milliseconds))

    def move(k):
        mark.set_data([milliseconds[k]], [means[k]])
        left = milliseconds[k] > max(milliseconds) / 2  # of the point: to its right is the edge
        name.set(text=f"k = {k}", x=-9 if left else 6, ha="right" if left else "left")
        name.xy = milliseconds[k], means[k]

    return move
