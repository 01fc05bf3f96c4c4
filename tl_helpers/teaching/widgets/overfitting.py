"""Lesson on overfitting: remedies to switch on and off, and what is left of the gap."""

import numpy as np

from .. import plots
from .base import Choice, Kept, Toggles, Widget

METRICS = ("accuracy", "loss")


def overfitting(remedies, epochs, curves) -> Widget:
    """Return the widget of remedies against overfitting, each on or off.

    remedies: the names of the R remedies. epochs: the E epochs at which was measured, rising.
    curves: {start: {remedies that are on, a tuple in the order of ``remedies``: array
    seeds × E × 4}} with training accuracy, training loss, validation accuracy and validation loss;
    all 2^R combinations for every start.

    Raises ValueError when a combination is missing or an array has another shape.
    """
    remedies, epochs = list(remedies), [int(epoch) for epoch in epochs]
    wanted = {_on(remedies, number) for number in range(2 ** len(remedies))}
    arrays = {}
    for start, by_remedies in curves.items():
        if set(by_remedies) != wanted:
            raise ValueError(
                f"curves[{start!r}] holds {len(by_remedies)} combinations of remedies, expected "
                f"each of the {len(wanted)} of {remedies}"
            )
        arrays[start] = {on: np.asarray(values, float) for on, values in by_remedies.items()}
        for on, values in arrays[start].items():
            if values.ndim != 3 or values.shape[1:] != (len(epochs), 4):
                raise ValueError(
                    f"curves[{start!r}][{on}] has shape {values.shape}, expected "
                    f"seeds × {len(epochs)} × 4"
                )
    return Widget(
        "Remedies on and off",
        Kept(lambda figure: build(figure, remedies, epochs, arrays)),
        size=(7.6, 3.7),
        on=Toggles("Remedies", remedies, value=remedies[:1]),
        start=Choice("Start", list(arrays), value=list(arrays)[0]),
        metric=Choice("Draw", METRICS, value=METRICS[0]),
    )


def _on(remedies, number):
    """The combination of remedies that the bits of ``number`` switch on."""
    return tuple(name for place, name in enumerate(remedies) if number >> place & 1)


def build(figure, remedies, epochs, curves):
    """Draw into ``figure`` what stays, and return ``move(on, start, metric)``."""
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    colour = plots.colours(curves)
    (plain,) = left.plot(epochs, epochs, ":", color="#777777", lw=1.5)
    (train,) = left.plot(epochs, epochs, ls=(0, (3, 2)), lw=1.5)
    (valid,) = left.plot(epochs, epochs)
    band = left.fill_between(epochs, epochs, epochs, alpha=0.15, linewidth=0)
    left.set(xlabel="Epoch", xlim=(0, epochs[-1] * 1.02))
    handles = [train, valid, plain]
    left.legend(
        handles, ["training", "validation", "validation, no remedy"], fontsize=8.5, loc="best"
    )
    legend = left.get_legend()
    (dots,) = right.plot([], [], "o", ms=5, alpha=0.4)
    (mark,) = right.plot([0], [0], "D", ms=10, mec="white", mew=1.2)
    right.set(xlim=(-0.5, len(remedies) + 0.5), xlabel="Remedies that are on")
    right.set_xticks(range(len(remedies) + 1))
    final = {start: _final(by_remedies) for start, by_remedies in curves.items()}
    highest = {start: _highest(by_remedies) for start, by_remedies in curves.items()}

    def move(on, start, metric):
        column = METRICS.index(metric)
        scale, unit = ((100, " %"), (1, ""))[column]
        values = scale * curves[start][tuple(on)]
        low, high = values[..., 2 + column].min(0), values[..., 2 + column].max(0)
        plain.set_ydata(scale * curves[start][()][..., 2 + column].mean(0))
        train.set_ydata(values[..., column].mean(0))
        valid.set_ydata(values[..., 2 + column].mean(0))
        around = np.concatenate([epochs, epochs[::-1]]), np.concatenate([low, high[::-1]])
        band.set_verts([np.column_stack(around)])
        ends = scale * final[start][:, column]
        dots.set_data(final[start][:, 2], ends)
        gap = values[:, -1, column].mean(), values[:, -1, 2 + column].mean()
        mark.set_data([len(on)], [gap[1]])
        for artist in (train, valid, band, dots, mark):
            artist.set_color(colour[start])
        mark.set_markeredgecolor("white")
        left.set_ylim(0, (102, highest[start])[column])
        margin = 0.08 * max(np.ptp(ends), 1e-3)
        right.set_ylim(ends.min() - margin, ends.max() + margin)
        word = ("Accuracy (%)", "Loss")[column]
        left.set_ylabel(word)
        right.set_ylabel(f"{word}, validation, last epoch")
        legend.set_loc(("lower right", "upper left")[column])
        left.set_title(f"{start}: training {_told(gap[0])}, validation {_told(gap[1])}", size=9.5)
        right.set_title(f"All {len(ends)} combinations; ◆: this one", size=9.5)
        named = " and ".join(filter(None, [", ".join(on[:-1]), *on[-1:]])) or "no remedy"
        return (
            f"{start} with {named}: at the end the training {metric} is {_told(gap[0])}{unit} and "
            f"the validation {metric} {_told(gap[1])}{unit}, a gap of "
            f"{_told(abs(gap[0] - gap[1]))}{' points' if unit else ''}."
        )

    return move


def _final(by_remedies):
    """Validation accuracy and loss after the last epoch, and how many are on: combinations × 3."""
    return np.array([[*v[:, -1, 2:].mean(0), len(on)] for on, v in by_remedies.items()])


def _highest(by_remedies):
    """The upper end of an axis on which every mean loss has room."""
    return 1.05 * max(values[..., [1, 3]].mean(0).max() for values in by_remedies.values())


def _told(number):
    return f"{number:.0f}" if number >= 10 else f"{number:.2f}"
