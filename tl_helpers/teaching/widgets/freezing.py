"""Lesson 03: how many of the last blocks are trainable, what that costs and what it brings."""

import numpy as np
from matplotlib.ticker import PercentFormatter

from ..plots import COLOURS
from .base import Slider, Widget

TRAINED, FROZEN = COLOURS["partial"], "#BBBBBB"
MB = 4e-6  # of a number in float32


def freezing(blocks, trainable, seconds, accuracies) -> Widget:
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

    def draw_k(figure, k):
        return draw(figure, k, blocks, trainable, seconds, accuracies)

    return Widget(
        "How much of the network learns",
        draw_k,
        size=(7.4, 3.4),
        k=Slider("Last blocks that are trainable", range(len(blocks) + 1), value=2),
    )


def draw(figure, k, blocks, trainable, seconds, accuracies) -> str:
    """Draw the state of the slider into ``figure``; the arguments are those of ``freezing``."""
    stages, price = figure.subplots(1, 2)
    _draw_stages(stages, k, blocks, trainable)
    _draw_price(price, k, 1000 * seconds, accuracies)
    # Every parameter takes its place; a trainable one also its gradient and AdamW's two means.
    needed = MB * np.array([trainable[-1], trainable[k], 2 * trainable[k]])
    parts = f"MB: {needed[0]:.0f} parameters, {needed[1]:.0f} gradients, {needed[2]:.0f} AdamW"
    words = {"fontsize": 9.5, "loc": "left"}
    stages.set_title(f"{trainable[k]:,} parameters learn\n{parts}", **words)
    mean, low, high = (100 * f(accuracies[:, k]) for f in (np.mean, np.min, np.max))
    price.set_title(
        f"{1000 * seconds[k]:.0f} ms a step of 32 images\n"
        f"{mean:.0f} % right, over {len(accuracies)} seeds {low:.0f} to {high:.0f}",
        **words,
    )
    return (
        f"With the last {k} of {len(blocks)} blocks and the head trainable, "
        f"{trainable[k]:,} of {trainable[-1]:,} parameters learn, {needed.sum():.0f} MB are needed "
        f"(activations not counted), a step takes {1000 * seconds[k]:.0f} ms on one core, and "
        f"balanced accuracy is {mean:.0f} %."
    )


def _draw_stages(axes, k, blocks, trainable):
    sizes = np.diff(trainable)[::-1]  # of the blocks, from input to output
    names, sizes = [*blocks, "head"], np.append(sizes, trainable[0]) / 1e6
    rows, first = range(len(names)), len(blocks) - k
    colours = [TRAINED if row >= first else FROZEN for row in rows]
    axes.barh(rows, sizes, color=colours, height=0.75)
    axes.axhline(first - 0.5, color="black", linewidth=1, linestyle=":")
    words = ["trainable" if row >= first else "frozen" for row in rows]
    for row in (first - 1, first):
        if row >= 0:
            axes.text(1.03 * max(sizes), row, words[row], va="center", fontsize=9)
    axes.set_yticks(rows, names, fontsize=9)
    axes.set(
        xlabel="Parameters (millions)", xlim=(0, 1.4 * max(sizes)), ylim=(len(names) - 0.4, -0.6)
    )
    axes.grid(axis="y", visible=False)


def _draw_price(axes, k, milliseconds, accuracies):
    means = accuracies.mean(0)
    axes.vlines(
        milliseconds, accuracies.min(0), accuracies.max(0), color=TRAINED, alpha=0.3, linewidth=5
    )
    axes.plot(milliseconds, means, color=TRAINED, marker="s", markersize=5)
    axes.plot(milliseconds[k], means[k], "D", color="black", markersize=9)
    left = milliseconds[k] > max(milliseconds) / 2  # of the point: to its right is the edge
    axes.annotate(
        f"k = {k}",
        (milliseconds[k], means[k]),
        xytext=(-9 if left else 6, 9),
        textcoords="offset points",
        ha="right" if left else "left",
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    axes.set(xlabel="Milliseconds a step, on one core", ylabel="Balanced accuracy (%)")
    axes.set_xlim(0, 1.12 * max(milliseconds))
