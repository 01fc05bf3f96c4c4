"""The widget of mode collapse: the points, the clumps and the losses of the chosen recording."""

import numpy as np
import pytest
from matplotlib.patches import Circle

from tl_helpers.lessons.gan.widget import gan

STEPS = [20, 40, 60, 80]
CENTRES = [(1, 0), (0, 1), (-1, 0)]


def recording(seed, runs=3, points=30):
    rng = np.random.default_rng(seed)
    return {
        "points": rng.normal(size=(len(STEPS), runs, points, 2)),
        "covered": rng.random((len(STEPS), runs, len(CENTRES))) < 0.5,
        "losses": rng.uniform(0.5, 1.5, (len(STEPS), runs, 2)),
    }


def example():
    return gan(STEPS, {"slow": recording(0), "fast": recording(1)}, CENTRES, 0.15)


def test_points_and_clumps_are_those_of_the_setting_the_step_and_the_run():
    widget, wanted = example(), recording(1)
    widget.set(setting="fast", step=40, run=3)
    plane, _ = widget.figure().axes
    np.testing.assert_array_equal(plane.lines[0].get_xydata(), wanted["points"][1, 2])
    rings = [patch for patch in plane.patches if isinstance(patch, Circle)]
    np.testing.assert_array_equal([ring.center for ring in rings], CENTRES)
    solid = [ring.get_linestyle() == "-" for ring in rings]
    assert solid == wanted["covered"][1, 2].tolist()
    assert f"{sum(solid)} of 3 clumps are covered" in widget.caption


def test_the_losses_are_those_of_the_run_and_the_mark_is_at_the_step():
    widget, wanted = example(), recording(0)
    widget.set(setting="slow", step=60, run=2)
    _, curves = widget.figure().axes
    moving = [line for line in curves.lines if line.get_animated()]
    for line, values in zip(moving, wanted["losses"][:, 1].T, strict=False):
        assert list(line.get_xdata()) == STEPS
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert moving[-1].get_xdata() == [60, 60]
    of_d, of_g = wanted["losses"][2, 1]
    assert f"loss is {of_d:.2f}, the generator's {of_g:.2f}" in widget.caption


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="recordings is empty"):
        gan(STEPS, {}, CENTRES, 0.15)
    for name in ("points", "covered", "losses"):
        short = recording(0)
        short[name] = short[name][:3]
        with pytest.raises(ValueError, match=f"{name} of 'slow' has shape"):
            gan(STEPS, {"slow": short}, CENTRES, 0.15)
