"""The lesson on GANs: watch generators find clumps of points, or lose them, beside their losses."""

import math

import numpy as np
from matplotlib.patches import Circle

from tl_helpers.teaching import plots
from tl_helpers.teaching.widgets import Choice, Kept, Slider, Widget

_COVERED, _LOST = plots.COLOURS["partial"], "#777777"
_LOSSES = {"discriminator": (plots.COLOURS["full"], 4), "generator": (plots.COLOURS["probe"], 2)}


def gan(steps, recordings, centres, radius) -> Widget:
    """Return the widget of recorded trainings on clumps of points in the plane.

    steps: the T numbers of steps at which was recorded, rising. recordings: {setting: recording},
    a dictionary of "points" (generated, T×R×N×2), "covered" (is the clump covered? T×R×M) and
    "losses" (of discriminator and generator, T×R×2), for R runs. centres: M×2. radius: of a clump.

    Raises ValueError when there is no setting or arrays do not fit each other.
    """
    centres = np.asarray(centres, dtype=float)
    if not recordings:
        raise ValueError("recordings is empty, expected {setting: recording}")
    recordings = {
        setting: {name: np.asarray(values) for name, values in recording.items()}
        for setting, recording in recordings.items()
    }
    runs = next(iter(recordings.values()))["losses"].shape[1]
    for setting, recording in recordings.items():
        wanted = {"covered": (len(centres),), "losses": (2,)}
        wanted["points"] = (*recording["points"].shape[2:3], 2)
        for name, tail in wanted.items():
            if recording[name].shape != (len(steps), runs, *tail):
                raise ValueError(
                    f"{name} of {setting!r} has shape {recording[name].shape}, expected "
                    f"{(len(steps), runs, *tail)}"
                )
    return Widget(
        "Eight clumps, two networks",
        Kept(lambda figure: build(figure, list(steps), recordings, centres, radius)),
        size=(8.2, 3.6),
        setting=Choice("Setting", list(recordings), value=next(iter(recordings))),
        step=Slider("Step", list(steps), value=steps[-1]),
        run=Slider("Run", range(1, runs + 1), value=1),
    )


def build(figure, steps, recordings, centres, radius):
    """Draw what stays, and return ``move(setting, step, run)``, which returns the caption."""
    plane, curves = figure.subplots(1, 2, width_ratios=(1, 1.35))
    edge = 1.3 * np.abs(centres).max() + radius
    plane.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal")
    plane.set(xlabel="First coordinate", ylabel="Second coordinate")
    (dots,) = plane.plot([], [], "o", ms=2.5, color=plots.COLOURS["probe"], animated=True)
    rings = [Circle(centre, radius, fill=False, lw=2, animated=True) for centre in centres]
    for ring in rings:
        plane.add_patch(ring)
    title = plane.set_title(" ", animated=True)

    lines = {}
    for name, (colour, base) in _LOSSES.items():
        (lines[name],) = curves.plot([], [], color=colour, label=f"{name} (…: log {base})")
        lines[name].set_animated(True)
        curves.axhline(math.log(base), color=colour, linestyle=":")
    here = curves.axvline(steps[0], color="black", linewidth=1, animated=True)
    top = max(recording["losses"].max() for recording in recordings.values())
    curves.set(xlim=(0, steps[-1]), ylim=(0, min(3, 1.1 * top)), xlabel="Step", ylabel="Loss")
    curves.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=8.5)

    def move(setting, step, run):
        recording, time = recordings[setting], steps.index(step)
        covered = recording["covered"][time, run - 1]
        dots.set_data(*recording["points"][time, run - 1].T)
        for ring, held in zip(rings, covered, strict=True):
            ring.set(edgecolor=_COVERED if held else _LOST, linestyle="-" if held else ":")
        title.set_text(f"{covered.sum()} of {len(centres)} clumps covered")
        losses = recording["losses"][:, run - 1]
        for name, values in zip(_LOSSES, losses.T, strict=True):
            lines[name].set_data(steps, values)
        here.set_xdata([step, step])
        of_d, of_g = losses[time]
        return (
            f"{setting}, run {run}, after {step} steps: {covered.sum()} of {len(centres)} clumps "
            f"are covered. The discriminator's loss is {of_d:.2f}, the generator's {of_g:.2f}."
        )

    return move
