"""Paths over surfaces: what is drawn is what was given."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from tl_helpers.lessons.gradient_descent_to_adam.widget import (
    HIGHEST,
    PIXELS,
    X,
    Y,
    build,
    gradient_descent_to_adam,
)

RATES = [0.01, 0.1, 1.0]
SURFACES = {
    "bowl": (lambda x, y: x**2 + y**2, [(0, 0)]),
    "saddle": (lambda x, y: x**2 - y**2 + y**4 / 2, [(0, 1), (0, -1)]),
}


def walk(factors, start):
    """A point that is multiplied by a factor a step, another one for each rate."""
    powers = np.array(factors) ** np.arange(31)[:, None]
    return powers[:, :, None] * np.array(start)


PATHS = {
    name: {
        "gradient descent": walk([0.99, 0.9, -3.0], start),
        "Adam": walk([0.9, 0.5, 0.1], start),
    }
    for name, start in (("bowl", (-2.0, 1.0)), ("saddle", (1.0, 0.1)))
}


def example():
    return gradient_descent_to_adam(SURFACES, PATHS, RATES)


def drawn(surface="bowl", shown=("gradient descent", "Adam"), lr=0.1, steps=20):
    figure = Figure(figsize=(8.2, 3.6))
    caption = build(figure, SURFACES, PATHS, RATES)(surface, shown, lr, steps)
    return figure.axes, caption


def seen(axes):
    """The lines of a pair of axes that show a method."""
    return [line for line in axes.lines if line.get_visible() and len(line.get_xdata()) > 1]


def test_paths_run_from_the_start_to_the_step_at_the_rate():
    (plane, heights, _), caption = drawn(lr=0.1, steps=20)
    first, second = seen(plane)
    wanted = PATHS["bowl"]["gradient descent"][:21, 1]
    np.testing.assert_allclose(first.get_xydata(), wanted)
    np.testing.assert_allclose(second.get_xydata(), PATHS["bowl"]["Adam"][:21, 1])
    np.testing.assert_allclose(seen(heights)[0].get_ydata(), (wanted**2).sum(1))
    assert heights.get_yscale() == "log"
    height = f"{(wanted[-1] ** 2).sum():.1g}"
    assert caption.startswith("bowl, learning rate 0.1, height after 20 steps: ")
    assert f"gradient descent at {height}" in caption


def test_heights_are_above_the_minimum_not_above_zero():
    (_, heights, _), _ = drawn("saddle", lr=0.01, steps=5)
    x, y = PATHS["saddle"]["Adam"][:6, 0].T
    wanted = x**2 - y**2 + y**4 / 2 + 0.5  # the lowest value is -1/2
    np.testing.assert_allclose(seen(heights)[1].get_ydata(), wanted)


def test_a_path_that_diverged_is_said_and_leaves_nothing_to_draw_far_out():
    (plane, heights, key), caption = drawn(lr=1.0, steps=30)
    assert "gradient descent diverged" in caption and "Adam at 1e-06" in caption
    far = seen(plane)[0].get_xydata()
    assert np.isfinite(far[:5]).all() and np.isnan(far[-1]).all()
    assert seen(heights)[0].get_ydata()[-1] == HIGHEST
    assert any("diverged" in text.get_text() for text in key.texts if text.get_visible())


def test_only_the_chosen_surface_and_methods_are_shown():
    (plane, heights, key), caption = drawn("saddle", shown=("Adam",))
    (stars,) = [line for line in plane.lines if line.get_marker() == "*"]
    assert stars.get_xydata().tolist() == [[0, 1], [0, -1]]
    assert len(seen(heights)) == 1 and "gradient" not in caption
    assert [t.get_text().split("\n")[0] for t in key.texts if t.get_visible()] == ["Adam"]
    assert drawn(shown=())[1].endswith("no method is switched on.")


def test_contours_stand_at_equal_ratios_of_the_height():
    (plane, *_), _ = drawn("bowl")
    ground = np.asarray(plane.images[0].get_array())[..., 0].astype(float)
    row = ground[np.argmin(np.abs(np.linspace(*Y, PIXELS)))]  # along y = 0, where height is x²
    x = np.linspace(*X, PIXELS)
    dark = x[(row < np.roll(row, 1)) & (row < np.roll(row, -1)) & (x > 0)]
    np.testing.assert_allclose(
        dark, np.sqrt([0.01, 0.1**1.5, 0.1, 0.1**0.5, 1, 10**0.5]), atol=0.02
    )


def test_the_widget_offers_every_surface_rate_and_step():
    widget = example()
    assert widget.state == {
        "surface": "bowl",
        "shown": ("gradient descent", "Adam"),
        "lr": 0.1,
        "steps": 30,
    }
    assert gradient_descent_to_adam(SURFACES, PATHS, RATES, shown=["Adam"]).state["shown"] == (
        "Adam",
    )
    widget.set(surface="saddle", lr=1.0, steps=0)
    assert widget.error == "" and "after 0 steps" in widget.caption
    assert widget.png != widget.default_png


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="'saddle'.*expected"):
        gradient_descent_to_adam(SURFACES, {"bowl": PATHS["bowl"]}, RATES)
    with pytest.raises(ValueError, match=r"\(31, 3, 2\).*steps × 2 × 2"):
        gradient_descent_to_adam(SURFACES, PATHS, RATES[:2])
