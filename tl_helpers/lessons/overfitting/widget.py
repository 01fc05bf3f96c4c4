"""Lesson on overfitting: remedies to switch on and off, and what is left of the gap."""

import numpy as np

from tl_helpers.teaching import plots
from tl_helpers.teaching.widgets import Choice, Kept, Toggles, Widget

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
    moves = {"animated": True}
    (plain,) = left.plot(epochs, epochs, ":", color="#777777", lw=1.5, **moves)
    (train,) = left.plot(epochs, epochs, ls=(0, (3, 2)), lw=1.5, **moves)
    (valid,) = left.plot(epochs, epochs, **moves)
    band = left.fill_between(epochs, epochs, epochs, alpha=0.15, linewidth=0, **moves)
    (dots,) = right.plot([], [], "o", ms=5, alpha=0.4)
    (mark,) = right.plot([0], [0], "D", ms=10, mec="white", mew=1.2, **moves)
    title = left.set_title(" ", size=9.5, **moves)
    left.set(xlabel="Epoch", xlim=(0, epochs[-1] * 1.02))
    right.set(xlim=(-0.5, len(remedies) + 0.5), xlabel="Remedies that are on")
    right.set_xticks(range(len(remedies) + 1))
    right.set_title(f"Last epoch of all {2 ** len(remedies)}; ◆: this one", size=9.5)
    colour, ground = plots.colours(curves), None

    def set_ground(start, column):
        # All that stays while remedies are switched: axes, the legend, the dots.
        for artist in (train, valid, band, dots, mark):
            artist.set_color(colour[start])
        mark.set_markeredgecolor("white")
        ends, count = _ends(curves[start], column)
        dots.set_data(count, ends)
        margin = 0.08 * max(np.ptp(ends), 1e-3)
        right.set_ylim(ends.min() - margin, ends.max() + margin)
        left.set_ylim(0, (102, _highest(curves[start]))[column])
        left.set_ylabel(("Accuracy (%)", "Loss")[column])
        right.set_ylabel(("Validation accuracy (%)", "Validation loss")[column])
        words = ["training", "validation", "validation, no remedy"]
        where = ("lower right", "upper right")[column]
        left.legend([train, valid, plain], words, fontsize=8.5, loc=where)

    def move(on, start, metric):
        nonlocal ground
        column = METRICS.index(metric)
        if ground != (start, metric):
            set_ground(start, column)
            ground = start, metric
        values = _scaled(curves[start][tuple(on)], column)
        low, high = values[..., 1].min(0), values[..., 1].max(0)
        plain.set_ydata(_scaled(curves[start][()], column)[..., 1].mean(0))
        train.set_ydata(values[..., 0].mean(0))
        valid.set_ydata(values[..., 1].mean(0))
        around = np.concatenate([epochs, epochs[::-1]]), np.concatenate([low, high[::-1]])
        band.set_verts([np.column_stack(around)])
        end = values[:, -1].mean(0)
        mark.set_data([len(on)], [end[1]])
        title.set_text(f"{start}: training {_told(end[0])}, validation {_told(end[1])}")
        named = " and ".join(filter(None, [", ".join(on[:-1]), *on[-1:]])) or "no remedy"
        unit, points = ((" %", " points"), ("", ""))[column]
        return (
            f"{start} with {named}: at the end the training {metric} is {_told(end[0])}{unit} and "
            f"the validation {metric} {_told(end[1])}{unit}, a gap of "
            f"{_told(abs(end[0] - end[1]))}{points}."
        )

    return move


def _scaled(values, column):
    """Of one metric, training and validation, accuracy in percent: seeds × epochs × 2."""
    return (100, 1)[column] * values[..., [column, 2 + column]]


def _ends(by_remedies, column):
    """Mean on validation after the last epoch, and how many remedies are on, per combination."""
    ends = [_scaled(values, column)[:, -1, 1].mean() for values in by_remedies.values()]
    return np.array(ends), [len(on) for on in by_remedies]


def _highest(by_remedies):
    """The upper end of an axis on which every loss has room, and the legend above."""
    return 1.3 * max(values[..., 3].max(0).max() for values in by_remedies.values())


def _told(number):
    return f"{number:.0f}" if number >= 10 else f"{number:.2f}"
