"""Lesson 01: how accuracy grows with the labels a class, for each strategy, read off by a slider."""

import numpy as np

from tl_helpers.teaching import plots
from tl_helpers.teaching.widgets import Kept, Slider, Toggles, Widget

SPREAD = "spread over seeds"


def source_and_target_tasks(labels_per_class, results) -> Widget:
    """Return the widget of accuracy against labels a class.

    labels_per_class: the K numbers of labels that were measured, rising. results: {strategy:
    accuracies, fractions, seeds × K}.

    Raises ValueError when the numbers do not rise or an array does not fit them.
    """
    x = [int(k) for k in labels_per_class]
    if len(x) < 2 or any(low >= high for low, high in zip(x, x[1:], strict=False)):
        raise ValueError(f"labels_per_class is {x}, expected at least two rising numbers")
    arrays = {name: np.atleast_2d(np.asarray(values)) for name, values in results.items()}
    for name, values in arrays.items():
        if values.shape[1] != len(x):
            raise ValueError(
                f"results[{name!r}] has shape {values.shape}, expected seeds × {len(x)}"
            )

    return Widget(
        "Labels a class against accuracy",
        Kept(lambda figure: build(figure, x, arrays)),
        size=(7.4, 3.9),
        k=Slider("Labels per class", x, value=x[1]),
        shown=Toggles("Strategies", arrays),
        extras=Toggles("Show", [SPREAD]),
    )


def build(figure, labels_per_class, results):
    """Draw the curves of all strategies; return ``move(k, shown, extras)``.

    What is off is hidden, so axes and line styles stay as they are. ``move`` reads the strategies
    in ``shown`` off at ``k`` labels a class, and returns the caption.
    """
    axes = figure.add_subplot()
    plots.lines(labels_per_class, results, ax=axes)
    bands, lines = list(axes.collections), list(axes.lines)
    axes.get_legend().remove()
    marks = [axes.plot([], [], "D", color=line.get_color(), ms=9, mec="white")[0] for line in lines]
    reader = axes.axvline(labels_per_class[0], color="black", linewidth=1, linestyle=":", zorder=0)
    axes.autoscale(False)
    title = axes.set_title(" ", fontsize=10)
    samples, words = _key(axes, lines)
    for artist in (*bands, *lines, *marks, reader, title, *samples, *words):
        artist.set_animated(True)

    def move(k, shown, extras):
        spread, column = SPREAD in extras, list(labels_per_class).index(k)
        read, rows = {}, zip(lines, bands, marks, samples, words, strict=True)
        for name, (line, band, mark, sample, word) in zip(results, rows, strict=True):
            values, on = 100 * results[name][:, column], name in shown
            for artist in (line, mark, sample, word):
                artist.set_visible(on)
            band.set_visible(on and spread)
            mark.set_data([k], [values.mean() / 100])
            if on:
                read[name] = f"{values.mean():.0f} %"
                extent = f" ({values.min():.0f} to {values.max():.0f})" if spread else ""
                word.set_text(f"{name}: {read[name]}{extent}")
        reader.set_xdata([k, k])
        band_said = "; band: lowest to highest seed" if spread else ""
        title.set_text(f"◆: mean at {k:,} labels a class{band_said}")
        if not read:
            return "No strategy is switched on."
        told = ", ".join(f"{name} {number}" for name, number in read.items())
        return f"With {k:,} labels a class, mean accuracy is: {told}."

    return move


def _key(axes, lines):
    """Return a sample of each line and a text for it: a legend takes as long as all the rest."""
    samples, words = [], []
    place = {"transform": axes.transAxes}
    for row, line in enumerate(reversed(lines)):
        y = 0.05 + 0.062 * row
        looks = (line.get_color(), line.get_linestyle(), line.get_marker())
        look = dict(zip(("color", "linestyle", "marker"), looks, strict=True)) | place
        samples += axes.plot([0.915, 0.95, 0.985], [y] * 3, markevery=[1], **look)
        words.append(axes.text(0.9, y, "", ha="right", va="center", fontsize=9, **place))
    return samples[::-1], words[::-1]
