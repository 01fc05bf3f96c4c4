"""Choosing a pretrained model: a score against the accuracy after fine-tuning, and its regret."""

import numpy as np
from matplotlib.ticker import PercentFormatter

from tl_helpers.teaching import plots
from tl_helpers.teaching.widgets import Choice, Kept, Slider, Widget

MARKERS = "osv^PdDX"


def choosing_a_pretrained_model(candidates, scores, accuracies) -> Widget:
    """Return the widget of a score against the accuracy after fine-tuning, one point a candidate.

    candidates: the C names. scores: {score: {target: array, samples × C, nan where the score
    cannot be had}}. accuracies: {target: fractions, seeds × C}. The candidate with the
    highest score is chosen; of several with the same score, none is, and the regret is their mean.

    Raises ValueError when an array does not fit the candidates, targets differ, or a sample
    of labelled images has no score at all.
    """
    candidates = list(candidates)
    for name, found in {"accuracies": accuracies, **scores}.items():
        if set(found) != set(accuracies):
            raise ValueError(f"{name} has the targets {list(found)}, expected {list(accuracies)}")
        for target, values in found.items():
            if np.shape(values)[1:] != (len(candidates),):
                raise ValueError(
                    f"{name} of {target!r} has shape {np.shape(values)}, expected repeats × "
                    f"{len(candidates)} candidates"
                )
            if np.isnan(values).all(1).any():
                raise ValueError(f"{name} of {target!r} has a row without a number")
    draws = min(len(values) for found in scores.values() for values in found.values())

    def build_it(figure):
        return build(figure, candidates, scores, accuracies)

    return Widget(
        "Which candidate would you take?",
        Kept(build_it),
        size=(7.4, 3.7),
        score=Choice("Score", scores, value=next(iter(scores))),
        target=Choice("Target", accuracies, value=next(iter(accuracies))),
        labels=Slider("Sample of images", range(1, draws + 1), value=1),
    )


def build(figure, candidates, scores, accuracies):
    """Draw into ``figure`` what stays, and return ``move(score, target, labels)``.

    The arguments are those of ``choosing``; ``labels`` is the number of the sample, from 1.
    ``move`` returns the caption.
    """
    # The axes move as a whole: a new score has a new scale. The legend, which costs more, stays.
    axes = figure.add_subplot(animated=True)
    colours, points, bars = plots.colours(candidates), [], []
    for name, marker in zip(candidates, np.resize(list(MARKERS), len(candidates)), strict=True):
        colour = colours[name]
        bars += axes.plot([0, 0], [0, 0], color=colour, linewidth=5, alpha=0.3)
        look = {"ms": 9, "mec": "white", "label": name, "zorder": 3}
        points += axes.plot([0], [0], marker, color=colour, **look)
    look = {"ms": 17, "mfc": "none", "mec": "black", "mew": 1.5, "zorder": 2}
    (rings,) = axes.plot([], [], "o", **look)
    best_line = axes.axhline(0, color="black", linewidth=1, linestyle=":")
    look = {"ha": "center", "bbox": {"fc": "white", "ec": "none", "pad": 1}, "zorder": 4}
    no_score = axes.text(0, 0.02, "n/a", transform=axes.get_xaxis_transform(), **look)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    axes.set_ylabel("Accuracy after fine-tuning (%)")
    figure.legend(handles=points, loc="outside right center", fontsize=9)
    axes.set_xlabel("Score")
    axes.locator_params(nbins=4)  # each number beside an axis costs a millisecond of a redraw
    title = axes.set_title("\n", fontsize=10, loc="left")  # the place of two lines
    framed = [None]  # what the axes were set for

    def move(score, target, labels):
        draws, spread = np.asarray(scores[score][target]), np.asarray(accuracies[target])
        values, means = draws[labels - 1], spread.mean(0)
        has, low, high = ~np.isnan(values), np.nanmin(draws), np.nanmax(draws)
        width = (high - low) or 1
        aside = low - 0.2 * width  # where those without a score stand
        x = np.where(has, values, aside)
        for number, (point, bar) in enumerate(zip(points, bars, strict=True)):
            point.set_data([x[number]], [means[number]])
            bar.set_data([x[number]] * 2, [spread[:, number].min(), spread[:, number].max()])
        tied = np.isclose(values, np.nanmax(values), rtol=1e-6, atol=1e-9)
        rings.set_data(x[tied], means[tied])
        best_line.set_ydata([means.max()] * 2)
        no_score.set(x=aside, visible=not has.all())
        if framed[0] != (score, target):  # the axes stand still while only the sample moves
            framed[0], room = (score, target), 0.06 * np.ptp(spread)
            left = low - (0.3 if np.isnan(draws).any() else 0.1) * width
            axes.set_xlim(left, high + 0.1 * width)
            axes.set_ylim(spread.min() - room, spread.max() + room)
            axes.set_xlabel(f"{score} on the labelled images")
        regret = 100 * (means.max() - means[tied].mean())
        chosen = candidates[int(tied.argmax())] if tied.sum() == 1 else f"any of {tied.sum()}"
        best = candidates[int(means.argmax())]
        title.set_text(
            f"○: {score} chooses {chosen}, regret {regret:.1f} points\n"
            f"dotted: the best mean, {best}; bars: lowest to highest of {len(spread)} seeds"
        )
        return (
            f"On {target}, {score} chooses {chosen}, right in {100 * means[tied].mean():.1f} % "
            f"after fine-tuning; the best is {best} with {100 * means.max():.1f} %, so the regret "
            f"is {regret:.1f} points."
        )

    return move
