"""The widget of the latent walk: what is decoded, the nearest real image, and all classes."""

import numpy as np
import pytest

from tl_helpers.lessons.variational_autoencoder.widget import (
    COLUMNS,
    FRAME,
    variational_autoencoder,
)

STEPS = [-2, -1, 0, 1, 2]
WORDS = ["zero", "one", "two"]


def given(classes=3, images=60, size=6):
    """Images of one grey each: class and code can be read off the grey."""
    rng = np.random.default_rng(0)
    labels = np.arange(images) % classes
    codes = rng.normal(size=(images, 2))
    real = np.linspace(0, 1, images)[:, None, None] * np.ones((1, size, size))
    greys = np.arange(classes * len(STEPS) ** 2) / (classes * len(STEPS) ** 2)
    decoded = greys.reshape(classes, len(STEPS), len(STEPS), 1, 1) * np.ones((1, 1, 1, size, size))
    words = WORDS[:classes] if classes <= 3 else [str(k) for k in range(classes)]
    return STEPS, decoded, codes, real, labels, words


def example():
    return variational_autoencoder(*given())


def drawn(widget):
    """What stands in the plane (lines), in the pair and in the mosaic (arrays)."""
    plane, pair, mosaic = widget.figure().axes
    return plane.lines, *(np.asarray(axes.images[0].get_array()) for axes in (pair, mosaic))


def test_the_decoded_image_stands_beside_the_nearest_real_one_of_its_class():
    steps, decoded, codes, real, labels, words = given()
    widget = example()
    widget.set(word="two", first=-1.0, second=2.0)
    _, pair, _ = drawn(widget)
    assert pair[0, 0] == decoded[2, steps.index(-1), steps.index(2), 0, 0]
    of_class = np.flatnonzero(labels == 2)
    nearest = of_class[np.linalg.norm(codes[of_class] - (-1, 2), axis=1).argmin()]
    assert pair[0, -1] == real[nearest, 0, 0]


def test_the_mark_is_at_the_code_and_the_dots_are_of_the_class():
    _, _, codes, _, labels, _ = given()
    widget = example()
    widget.set(word="one", first=1.0, second=-2.0)
    _, dots, ring, mark = drawn(widget)[0]
    assert mark.get_xydata().tolist() == [[1, -2]]
    np.testing.assert_allclose(dots.get_xydata(), codes[labels == 1])
    distances = np.linalg.norm(codes[labels == 1] - (1, -2), axis=1)
    np.testing.assert_allclose(ring.get_xydata()[0], codes[labels == 1][distances.argmin()])
    assert f"{(distances < 0.5).sum()} have a code within 0.5" in widget.caption
    assert f"nearest is {distances.min():.2f} away" in widget.caption


def test_the_mosaic_holds_every_class_at_this_code_and_frames_the_chosen_one():
    _, decoded, *_ = given()
    widget = example()
    widget.set(word="one", first=0.0, second=1.0)
    mosaic = drawn(widget)[2]
    for number in range(3):
        left = number * (6 + 2 * FRAME)
        assert (mosaic[FRAME, left + FRAME] == decoded[number, 2, 3, 0, 0]).all()
        framed = not (mosaic[0, left] == 1).all()
        assert framed == (number == 1)


def test_more_classes_go_on_in_the_next_row():
    widget = variational_autoencoder(*given(classes=7))
    mosaic = drawn(widget)[2]
    assert mosaic.shape[:2] == (2 * (6 + 2 * FRAME), COLUMNS * (6 + 2 * FRAME))
    assert (mosaic[-1, -1] == 1).all()  # no eighth class


def test_arrays_that_do_not_fit_are_refused():
    steps, decoded, codes, real, labels, words = given()
    with pytest.raises(ValueError, match="rising"):
        variational_autoencoder(steps[::-1], decoded, codes, real, labels, words)
    with pytest.raises(ValueError, match=r"decoded has shape \(2, 5"):
        variational_autoencoder(steps, decoded[:2], codes, real, labels, words)
    with pytest.raises(ValueError, match=r"codes has shape \(59, 2\)"):
        variational_autoencoder(steps, decoded, codes[1:], real, labels, words)
    with pytest.raises(ValueError, match="no image of 'two'"):
        variational_autoencoder(steps, decoded, codes, real, np.minimum(labels, 1), words)
