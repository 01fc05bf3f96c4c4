"""The widget of the principal components: neighbours, what is rebuilt, and the accuracy."""

import numpy as np
import pytest
import torch

from tl_helpers import plots
from tl_helpers.data import Split
from tl_helpers.lessons.classical_baselines.widget import (
    COLUMNS,
    FRAME,
    NEIGHBOURS,
    classical_baselines,
)

DIMENSIONS = [1, 2, 4]
GROUPS = ["animal", "clothing", "transport"]


def given(items=30, queries=3, size=20):
    """Images of one colour each; in "pixels" the first coordinate tells the group, in "features"
    the last."""
    rng = np.random.default_rng(0)
    splits, coordinates = [], {"pixels": [], "features": []}
    for count in (items, queries):
        labels = np.arange(count) % 3
        images = np.zeros((count, 3, size, size), np.uint8)
        images[:] = rng.integers(1, 254, (count, 3, 1, 1))
        splits.append(Split(images, labels, [f"{GROUPS[k]} {i}" for i, k in enumerate(labels)]))
        noise = rng.normal(size=(count, 4))
        for name, place in (("pixels", 0), ("features", 3)):
            told = noise.copy()
            told[:, place] = 100 * labels + noise[:, place]
            coordinates[name].append(torch.tensor(told))
    rebuilt = rng.integers(0, 256, (len(DIMENSIONS), queries, 3, size, size), dtype=np.uint8)
    accuracies = {
        "pixels": [[0.2, 0.3, 0.4], [0.4, 0.5, 0.6]],
        "features": [[0.3, 0.6, 0.9], [0.3, 0.6, 0.9]],
    }
    return DIMENSIONS, *splits, coordinates, {"pixels": torch.tensor(rebuilt)}, accuracies, GROUPS


def example():
    return classical_baselines(*given())


def cell(widget, place, size=20):
    """The image drawn at a place of the mosaic, without its frame, and the frame's colour."""
    mosaic = np.asarray(widget.figure().axes[0].images[0].get_array())
    across, down = mosaic.shape[1] // COLUMNS, mosaic.shape[0] // 3
    top, left = place // COLUMNS * down, place % COLUMNS * across
    inner = mosaic[top + FRAME :, left + FRAME :][:size, :size]
    return inner.transpose(2, 0, 1), mosaic[top, left]


def words(widget):
    return [text.get_text() for text in widget.figure().axes[0].texts]


def test_the_image_stands_beside_what_is_rebuilt_of_it():
    _, _, queries, _, rebuilt, _, _ = given()
    widget = example()
    widget.set(k=4, image=queries.names[2])
    assert (cell(widget, 0)[0] == queries.inputs[2].numpy()).all()
    assert (cell(widget, 1)[0] == rebuilt["pixels"][2, 2].numpy()).all()
    assert "rebuilt" in words(widget)
    widget.set(given="features")
    assert (cell(widget, 1)[0] == 255).all() and "(no way back)" in words(widget)


def test_neighbours_are_the_nearest_in_the_first_components_only():
    _, items, queries, coordinates, *_ = given()
    widget = example()
    for name, k, right in (("pixels", 1, 8), ("pixels", 4, 8), ("features", 4, 8)):
        widget.set(given=name, k=k, image=queries.names[1])
        assert f"{right} of its 8 nearest" in widget.caption and "group, clothing" in widget.caption
    widget.set(given="features", k=2)  # the coordinate that tells is not among them
    assert "8 of its 8" not in widget.caption
    train, query = (part[:, :2].numpy() for part in coordinates["features"])
    order = np.linalg.norm(train - query[1], axis=1).argsort()[:NEIGHBOURS]
    for place, number in enumerate(order):
        image, frame = cell(widget, COLUMNS + place)
        assert (image == items.inputs[number].numpy()).all()
        same = items.labels[number] == queries.labels[1]
        assert "#{:02X}{:02X}{:02X}".format(*frame) == (plots.RIGHT if same else plots.WRONG)
        mark = "✓" if same else "✗"
        assert words(widget)[2 + place] == f"{mark} {GROUPS[items.labels[number]]}"


def test_the_accuracy_is_read_off_at_the_slider():
    widget = example()
    widget.set(k=2, given="pixels")
    assert widget.caption.endswith("is right in 40 % of the test.")
    axes = widget.figure().axes[1]
    (mark,) = [line for line in axes.lines if line.get_marker() == "D"]
    assert mark.get_xydata().tolist() == [[2, pytest.approx(0.4)]]
    assert "2 components of pixels: 40 % right" in [
        axes.get_title(place) for place in ("left", "center")
    ]
    widget.set(given="features", k=4)
    assert widget.caption.endswith("is right in 90 % of the test.")


def test_arrays_that_do_not_fit_are_refused():
    dimensions, items, queries, coordinates, rebuilt, accuracies, groups = given()
    with pytest.raises(ValueError, match="rising"):
        classical_baselines([2, 1, 4], items, queries, coordinates, rebuilt, accuracies, groups)
    with pytest.raises(ValueError, match="items holds 5 images"):
        few = items.take(range(5))
        classical_baselines(dimensions, few, queries, coordinates, rebuilt, accuracies, groups)
    with pytest.raises(ValueError, match=r"accuracies is of \['pixels'\]"):
        one = {"pixels": accuracies["pixels"]}
        classical_baselines(dimensions, items, queries, coordinates, rebuilt, one, groups)
    with pytest.raises(ValueError, match=r"'pixels' comes with \(30, 3, 3\).*\(30, 3, 2\)"):
        classical_baselines(
            dimensions[:2], items, queries, coordinates, rebuilt, accuracies, groups
        )
