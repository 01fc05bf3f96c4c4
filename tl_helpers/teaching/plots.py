"""Plots: one style for every picture of the collection.

Every function returns one figure. A notebook shows it once, at the end of the cell, whether the
call is the cell's last line or not. Accuracies go in as fractions and are drawn in percent; the
spread over seeds is drawn from the lowest to the highest run, because with a handful of seeds that
is what was seen.
"""

from itertools import cycle
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

# Okabe and Ito's colours for colour-blind readers (https://jfly.uni-koeln.de/color/), without the
# yellow that vanishes on white. One colour for one strategy, in every lesson and widget.
COLOURS = {
    "scratch": "#4D4D4D",
    "probe": "#0072B2",
    "partial": "#009E73",
    "full": "#D55E00",
    "probe-then-full": "#CC79A7",
    "gradual": "#E69F00",
    "discriminative": "#56B4E9",
}
_MARKERS = dict(zip(COLOURS, "Xosd^v*", strict=True))  # the second mark beside the colour
_FURTHER = ["#882255", "#332288", "#999933", "#117733", "#AA4499", "#44AA99"]  # Tol's muted set
RIGHT, WRONG = "#0072B2", "#D55E00"


class Picture(Figure):
    """A figure that a notebook shows once, with ``alt``: what it shows, in words."""

    alt = ""

    def _repr_mimebundle_(self, include=None, exclude=None):
        # The inline backend shows what is still open when the cell ends. Whoever shows the figure
        # first closes it, so a call on the cell's last line is not drawn a second time.
        plt.close(self)
        return {}, {"image/png": {"alt": self.alt}}


def style() -> None:
    """Set the style of the collection for every figure drawn from here on."""
    plt.rcParams.update(
        {
            "figure.dpi": 96,  # one picture pixel is one CSS pixel, so 10 pt text reads as 10 pt
            "figure.figsize": (6.6, 3.6),
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "axes.titlesize": 10.5,
            "axes.titlelocation": "left",
            "axes.titley": 1.0,  # not searched for anew in each redraw of a widget
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#DDDDDD",
            "grid.linewidth": 0.8,
            "lines.linewidth": 2,
            "lines.markersize": 6,
            "legend.frameon": False,
            "axes.prop_cycle": plt.cycler(color=[*COLOURS.values(), *_FURTHER]),
        }
    )


def colours(names) -> dict:
    """Return {name: colour} for strategies, the same in every lesson.

    A name that begins with a strategy's name ("scratch, 10× epochs") has that strategy's colour;
    any other name gets one of the further colours, in order of appearance.
    """
    further = cycle(_FURTHER)
    found = {name: _strategy(name) for name in names}
    return {name: COLOURS[word] if word else next(further) for name, word in found.items()}


def curves(histories) -> Picture:
    """Draw learning curves: loss and, where there is one, accuracy against epochs.

    ``histories``: {name: History}, or one History. Training is dashed, validation solid.
    """
    if hasattr(histories, "train_loss"):
        histories = {"": histories}
    _filled("histories", histories, "a History, or {name: History}")
    columns = [("loss", "Loss"), ("accuracy", "Accuracy (%)")]
    columns = [
        (metric, label)
        for metric, label in columns
        if any(_lists(history, metric) for history in histories.values())
    ]
    if not columns:
        raise ValueError("histories hold no epoch: expected at least one with a train_loss.")
    figure, all_axes = _picture(1, len(columns), size=(4.1 * len(columns) + 0.4, 3.3))
    colour, dashed = colours(histories), (0, (3, 2))
    splits = set()
    for axes, (metric, label) in zip(all_axes[0], columns, strict=True):
        for name, history in histories.items():
            for split, values in _lists(history, metric).items():
                splits.add(split)
                axes.plot(
                    range(1, len(values) + 1),
                    values,
                    color=colour[name],
                    linestyle=dashed if split == "train" else "-",
                    linewidth=1.5 if split == "train" else 2,
                    marker=_marker(name) if split == "valid" else None,
                    markersize=5,
                    label=f"{name} {split}".strip(),
                )
        axes.set(xlabel="Epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if metric == "accuracy":
            axes.yaxis.set_major_formatter(_percent())
        else:
            axes.set_ylim(bottom=0)
    handles = [
        Line2D([], [], color=colour[name], marker=_marker(name), markersize=5, label=name)
        for name in histories
        if name
    ]
    words = {"train": ("training", dashed, 1.5), "valid": ("validation", "-", 2)}
    handles += [
        Line2D([], [], color="#777777", linestyle=line, linewidth=width, label=word)
        for split, (word, line, width) in words.items()
        if split in splits
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=6)
    figure.alt = f"Learning curves against epochs{_of(histories)}."
    return figure


def strategies(results, ax=None) -> Picture:
    """Compare strategies: one point a seed, a bar from the lowest to the highest, the mean.

    ``results``: {strategy: accuracies over seeds, fractions}. ``ax``: axes to draw into instead of
    a figure of its own.
    """
    _filled("results", results, "{strategy: accuracies over seeds}")
    results = {name: _accuracies(name, values).ravel() for name, values in results.items()}
    figure, ax = _one(ax, size=(6.6, 0.9 + 0.42 * len(results)))
    colour = colours(results)
    for row, (name, values) in enumerate(results.items()):
        ax.plot(
            [values.min(), values.max()],
            [row, row],
            color=colour[name],
            linewidth=7,
            alpha=0.3,
            solid_capstyle="round",
        )
        ax.plot(values, np.full(len(values), row), "o", color=colour[name], ms=4, alpha=0.7)
        ax.plot(values.mean(), row, "D", color=colour[name], ms=8, mec="white", mew=1.2)
        ax.annotate(
            f"{values.mean():.0%}".replace("%", " %"),
            (1.01, row),
            xycoords=ax.get_yaxis_transform(),
            va="center",
            fontweight="bold",
        )
    ax.set_yticks(range(len(results)), [fill(name, 28) for name in results])
    ax.set_ylim(len(results) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", visible=False)
    ax.xaxis.set_major_formatter(_percent())
    seeds = {len(values) for values in results.values()}
    dots = "one seed" if seeds == {1} else f"dot: one of {_count(seeds)} seeds, ◆ and number: mean"
    ax.set_xlabel(f"Accuracy (%)   –   {dots}")
    figure.alt = "Mean accuracy: " + _means(results)
    return figure


def lines(x, results, *, xlabel="Labels per class", ax=None) -> Picture:
    """Draw accuracy against a quantity on a logarithmic axis, a line a strategy, a band of seeds.

    ``x``: the values, for instance labels a class. ``results``: {strategy: array seeds × len(x),
    fractions}; the line is the mean over seeds, the band runs from the lowest to the highest.
    ``ax``: axes to draw into instead of a figure of its own.
    """
    x = np.asarray(x)
    _filled("results", results, "{strategy: array seeds × len(x)}")
    if x.ndim != 1 or len(x) == 0 or (x <= 0).any():
        raise ValueError(f"x is {x.tolist()}, expected a list of positive numbers.")
    figure, ax = _one(ax, size=(6.6, 3.8))
    colour = colours(results)
    arrays, seen = {}, set()
    for name, values in results.items():
        values = np.atleast_2d(_accuracies(name, values))
        if values.ndim != 2 or values.shape[1] != len(x):
            raise ValueError(
                f"results[{name!r}] has shape {values.shape}, expected seeds × {len(x)}."
            )
        word = _strategy(name)
        ax.fill_between(
            x, values.min(axis=0), values.max(axis=0), color=colour[name], alpha=0.15, linewidth=0
        )
        ax.plot(
            x,
            values.mean(axis=0),
            color=colour[name],
            marker=_marker(name),
            markersize=7 if _marker(name) in "*Xd" else 6,
            linestyle="--" if word in seen else "-",
            label=name,
        )
        seen |= {word} - {None}
        arrays[name] = values
    ax.set_xscale("log")
    ax.set_xticks(x)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(_percent())
    seeds = {len(values) for values in arrays.values()}
    ax.set(xlabel=xlabel, ylabel="Accuracy (%)")
    if seeds != {1}:
        ax.set_title(f"Line: mean of {_count(seeds)} seeds; band: lowest to highest")
    ax.legend()
    figure.alt = f"Accuracy against {xlabel.lower()}. At {x[-1]:g}: " + _means(
        {name: values[:, -1] for name, values in arrays.items()}
    )
    return figure


def images(inputs, labels=None, predictions=None, class_names=None, *, columns=8) -> Picture:
    """Draw a grid of images; with predictions, right and wrong are told by sign, frame and colour.

    ``inputs``: N×1×H×W or N×3×H×W, uint8 or floats in [0, 1]. ``labels``, ``predictions``: N class
    numbers. ``class_names``: the words for them; without it the numbers are written.
    """
    inputs = _array(inputs)
    if inputs.ndim != 4 or inputs.shape[1] not in (1, 3) or len(inputs) == 0:
        raise ValueError(
            f"inputs has shape {inputs.shape}, expected images: N×1×height×width or "
            "N×3×height×width with N ≥ 1."
        )
    if labels is None and predictions is not None:
        raise ValueError("predictions came without labels, expected both or labels alone.")
    labels = _classes("labels", labels, len(inputs), class_names)
    predictions = _classes("predictions", predictions, len(inputs), class_names)
    words = (lambda k: str(k)) if class_names is None else (lambda k: str(class_names[k]))

    columns = min(columns, len(inputs))
    rows = -(-len(inputs) // columns)
    height = 1.02 if labels is None else 1.32 if predictions is None else 1.56
    figure, all_axes = _picture(rows, columns, size=(1.15 * columns, height * rows))
    for number, axes in enumerate(all_axes.flat):
        axes.grid(False)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        if number >= len(inputs):
            continue
        picture = inputs[number].transpose(1, 2, 0)
        largest = 255 if inputs.dtype == np.uint8 else 1
        axes.imshow(picture, cmap="gray", vmin=0, vmax=largest, interpolation="nearest")
        if predictions is not None:
            right = labels[number] == predictions[number]
            text = fill(words(predictions[number]), 13)
            if not right:
                text += "\n" + fill(f"is {words(labels[number])}", 13)
            colour = RIGHT if right else WRONG
            axes.set_title(
                f"{'✓' if right else '✗'} {text}", color=colour, loc="center", fontsize=9
            )
            axes.spines[:].set(
                visible=True,
                color=colour,
                linewidth=1.5 if right else 3,
                linestyle="-" if right else (0, (2, 1)),
            )
        elif labels is not None:
            axes.set_title(fill(words(labels[number]), 13), loc="center", fontsize=9)
    figure.alt = f"{len(inputs)} images"
    if predictions is not None:
        figure.alt += f", {int((labels == predictions).sum())} of them predicted right"
    figure.alt += "."
    return figure


def confusion(labels, predictions, class_names) -> Picture:
    """Draw the confusion matrix: a row a true class, a column a predicted one, shares in percent.

    ``labels``, ``predictions``: N class numbers. Drawn by scikit-learn's ConfusionMatrixDisplay.
    """
    if isinstance(class_names, str) or not hasattr(class_names, "__iter__"):
        raise TypeError(f"class_names is {class_names!r}: a list of names is accepted.")
    from sklearn.metrics import ConfusionMatrixDisplay

    labels = _classes("labels", labels, None, class_names)
    predictions = _classes("predictions", predictions, len(labels), class_names)
    count = len(class_names)
    side = max(3.4, 1.6 + 0.42 * count)
    figure, axes = _one(None, size=(side, side))
    display = ConfusionMatrixDisplay.from_predictions(
        labels,
        predictions,
        labels=range(count),
        display_labels=class_names,
        normalize="true",
        cmap="Blues",
        im_kw={"vmin": 0, "vmax": 1},
        text_kw={"fontsize": 9},
        xticks_rotation=90 if count > 4 else "horizontal",
        colorbar=False,
        ax=axes,
    )
    for text, share in zip(display.text_.flat, display.confusion_matrix.flat, strict=True):
        text.set_text(f"{100 * share:.0f}" if round(100 * share) else "")
    axes.grid(False)
    axes.spines[:].set_visible(True)
    axes.set(xlabel="Predicted class", ylabel="True class", title="Percent of each true class")
    right = (labels == predictions).mean()
    figure.alt = f"Confusion matrix of {count} classes, {right:.0%} of {len(labels)} right."
    return figure


def _picture(rows, columns, *, size):
    figure = plt.figure(FigureClass=Picture, figsize=size)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _percent():
    """Tick labels of fractions in percent, as exact as the tick: 72.5 is not shown as 72."""
    return FuncFormatter(lambda value, _: f"{round(100 * value, 6):g}")


def _one(ax, *, size):
    if ax is not None:
        return ax.figure, ax
    figure, axes = _picture(1, 1, size=size)
    return figure, axes[0, 0]


def _strategy(name):
    """The strategy that a name begins with, the longest that fits; None when there is none."""
    known = [word for word in COLOURS if str(name).startswith(word)]
    return max(known, key=len, default=None)


def _marker(name):
    return _MARKERS.get(_strategy(name), "o")


def _lists(history, metric):
    """{split: values} of a metric, for the splits whose values the history holds."""
    found = {split: getattr(history, f"{split}_{metric}", None) for split in ("train", "valid")}
    return {split: list(values) for split, values in found.items() if values}


def _array(values):
    """NumPy array of a list, an array or a tensor on any device."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)


def _accuracies(name, values):
    values = _array(values).astype(float)
    if values.size == 0 or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(
            f"results[{name!r}] is {values.tolist()}, expected accuracies as fractions from 0 to 1."
        )
    return values


def _classes(argument, values, length, class_names):
    if values is None:
        return None
    values = _array(values)
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError(
            f"{argument} has shape {values.shape} and dtype {values.dtype}, expected N class "
            "numbers (of logits: logits.argmax(1))."
        )
    if length not in (None, len(values)):
        raise ValueError(f"{argument} has {len(values)} entries, expected {length}.")
    if (
        class_names is not None
        and len(values)
        and not 0 <= values.min() <= values.max() < len(class_names)
    ):
        raise ValueError(
            f"{argument} reaches from {values.min()} to {values.max()}, expected class numbers "
            f"from 0 to {len(class_names) - 1}, one for each of class_names."
        )
    return values


def _filled(argument, values, accepted):
    if not isinstance(values, dict) or not values:
        raise ValueError(f"{argument} is {values!r}, expected {accepted}.")


def _count(seeds):
    return f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"


def _of(names):
    return " of " + ", ".join(names) if any(names) else ""


def _means(results):
    return ", ".join(f"{name} {np.mean(values):.0%}" for name, values in results.items()) + "."
