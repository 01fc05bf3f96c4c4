"""Rotations: the labels are NumPy's turns, each as frequent as the others."""

import numpy as np
import pytest
import torch

import tl_helpers as tl
from tests.pretraining.conftest import QUIET, changed, corners, neighbours, noise, small, state
from tl_helpers.pretraining import rotated


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_labels_are_the_turns_of_numpy(dtype):
    images = torch.randint(0, 256, (50, 3, 6, 6)).to(dtype)
    images = images if dtype == torch.uint8 else images / 255
    split = tl.data.Split(images, torch.full((50,), 9))
    found = rotated(split)
    assert found.inputs.dtype == dtype and found.labels.dtype == torch.int64
    for before, after, label in zip(images, found.inputs, found.labels.tolist(), strict=True):
        np.testing.assert_array_equal(after, np.rot90(before.numpy(), label, axes=(1, 2)))
    assert split.inputs.equal(images) and (split.labels == 9).all(), "the split stays as it was"


def test_turns_are_balanced_shuffled_and_drawn_anew():
    for count in (1, 2, 7, 400):
        split = tl.data.Split(torch.rand(count, 1, 4, 4), torch.zeros(count))
        torch.manual_seed(0)
        one, other = rotated(split).labels, rotated(split).labels
        counts = torch.bincount(one, minlength=4)
        assert counts.max() - counts.min() <= 1
        if count == 400:
            assert not one.equal(other)
            assert not one.equal(one.sort().values)
            assert 0.1 < (one[1:] == one[:-1]).float().mean() < 0.4  # no pattern in the order
    # A rest of one image is turned too: by each turn, over many draws.
    single = tl.data.Split(torch.rand(1, 1, 4, 4), torch.zeros(1))
    assert {rotated(single).labels.item() for _ in range(60)} == {0, 1, 2, 3}


def test_turns_are_drawn_anew_in_each_epoch(monkeypatch):
    from tl_helpers.pretraining import rotation

    seen, original = [], rotation.turned

    def spy(images):
        found = original(images)
        seen.append(found[1])
        return found

    monkeypatch.setattr(rotation, "turned", spy)
    tl.pretraining.fit_rotation(small(4), noise().train, epochs=3, **QUIET)
    assert len(seen) == 3
    assert not seen[0].equal(seen[1]) and not seen[1].equal(seen[2])


def arrows(count=200):
    """Images whose upper half is bright: how they were turned is there to see."""
    images = torch.randint(0, 60, (count, 1, 28, 28)).to(torch.uint8)
    images[:, :, :14] += 150
    return tl.data.Split(images, torch.zeros(count, dtype=torch.int64))


def test_a_model_learns_to_tell_turns(device):
    torch.manual_seed(0)
    model, data = small(4), arrows()
    before = state(model)
    history = tl.pretraining.fit_rotation(model, data, epochs=4, lr=3e-3, device=device, **QUIET)
    assert history.metrics["train_accuracy"][-1] > 0.95
    assert {name.split(".")[0] for name in changed(model.cpu(), before)} == {"backbone", "head"}
    assert tl.evaluate(model, rotated(data)).accuracy > 0.95


def test_validation_images_are_turned_too():
    torch.manual_seed(0)
    train, valid, test = (arrows(count) for count in (200, 40, 10))
    task = tl.data.Task(train, valid, test, class_names=["arrow"])
    history = tl.pretraining.fit_rotation(small(4), task, epochs=4, lr=3e-3, **QUIET)
    assert history.valid_accuracy[-1] > 0.95 and len(history.valid_loss) == 4


def test_the_features_beat_random_ones():
    """Turned images of one corner teach to see all four, which no label has named."""
    data, more, model = corners(), corners(1600, seed=1), small(4)
    before = neighbours(model, data)
    upright = more.inputs[more.labels == 0]
    tl.pretraining.fit_rotation(model, upright, epochs=6, lr=3e-3, batch_size=50, **QUIET)
    assert neighbours(model, data) >= before + 0.25


def test_what_cannot_be_trained_is_refused():
    wide = tl.data.Split(torch.rand(4, 1, 28, 32), torch.zeros(4))
    with pytest.raises(ValueError, match=r"\(4, 1, 28, 32\): only square"):
        rotated(wide)
    with pytest.raises(ValueError, match="10 classes; there are 4 turns"):
        tl.pretraining.fit_rotation(small(10), noise(), epochs=1)
    with pytest.raises(TypeError, match="Linear; pretraining takes a model of tl.models"):
        tl.pretraining.fit_rotation(torch.nn.Linear(2, 4), noise(), epochs=1)
    model = small(4)
    tl.transfer.freeze(model, "backbone")
    with pytest.raises(ValueError, match="frozen backbone"):
        tl.pretraining.fit_rotation(model, noise(), epochs=1)
    with pytest.raises(ValueError, match="list; it has to be a task"):
        tl.pretraining.fit_rotation(small(4), [1, 2], epochs=1)
