"""SimCLR: the loss against a reference in loops and by hand, and what it teaches a backbone."""

import math

import pytest
import torch
from torchvision.transforms.v2 import functional as v2

import tl_helpers as tl
from tests.pretraining.conftest import QUIET, changed, corners, neighbours, noise, small, state
from tl_helpers.pretraining import nt_xent, random_views


def some_codes(count=5, width=3):
    generator = torch.Generator().manual_seed(0)
    shape = (2, count, width)
    return torch.randn(shape, generator=generator, dtype=torch.float64).unbind()


def in_loops(first, second, temperature):
    """Equation 1 of the paper, one pair after the other."""
    codes = [code.tolist() for pair in zip(first, second, strict=True) for code in pair]

    def similarity(one, other):
        product = sum(a * b for a, b in zip(one, other, strict=True))
        return product / math.hypot(*one) / math.hypot(*other)

    losses = []
    for i in range(len(codes)):
        j = i + 1 if i % 2 == 0 else i - 1  # the views of an image stand side by side here
        others = [
            math.exp(similarity(codes[i], codes[k]) / temperature)
            for k in range(len(codes))
            if k != i
        ]
        wanted = math.exp(similarity(codes[i], codes[j]) / temperature)
        losses.append(-math.log(wanted / sum(others)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_nt_xent_is_the_equation_of_the_paper(temperature):
    first, second = some_codes()
    wanted = in_loops(first, second, temperature)
    assert nt_xent(first, second, temperature).item() == pytest.approx(wanted, rel=1e-10)


def test_nt_xent_by_hand():
    # Both views of two images, at right angles: each code sees its partner at similarity 1 and
    # the two of the other image at 0.
    codes = torch.eye(2, dtype=torch.float64)
    for temperature in (0.25, 1.0):
        wanted = math.log(1 + 2 * math.exp(-1 / temperature))
        assert nt_xent(codes, codes, temperature).item() == pytest.approx(wanted)
    alike = torch.ones(4, 3, dtype=torch.float64)
    assert nt_xent(alike, alike, 0.3).item() == pytest.approx(math.log(7))  # log(2N - 1)
    assert nt_xent(codes[:1], codes[1:], 0.3).item() == 0  # no other image to be mistaken for


def test_nt_xent_is_symmetric_and_blind_to_length():
    first, second = some_codes()
    value = nt_xent(first, second)
    torch.testing.assert_close(nt_xent(second, first), value)
    torch.testing.assert_close(nt_xent(3 * first, 0.1 * second), value)
    assert nt_xent(first, second.flip(0)) != value


ALL = {"crop": (1, 1), "flip": 0, "jitter": 0}  # nothing is changed


def ramp(count=6):
    """Images whose pixels say their column, 0 to 1 from left to right."""
    return ((torch.arange(28) + 0.5) / 28).expand(count, 1, 28, 28).clone()


def test_the_views_differ_between_images_and_between_calls():
    torch.manual_seed(0)
    found = [random_views(ramp()) for _ in range(2)]
    assert found[0].shape == ramp().shape
    assert 0 <= found[0].min() and found[0].max() <= 1
    for one in range(6):
        assert not found[0][one].equal(found[1][one])
        assert all(not found[0][one].equal(found[0][other]) for other in range(one))


def test_a_view_may_be_the_image_or_its_mirror_image():
    images = torch.rand(3, 3, 20, 28)
    torch.testing.assert_close(random_views(images, **ALL), images)
    torch.testing.assert_close(random_views(images, **ALL | {"flip": 1}), images.flip(-1))


def test_a_crop_keeps_its_share_of_the_area_and_lies_anywhere_inside():
    torch.manual_seed(0)
    found = random_views(ramp(2000), **ALL | {"crop": (0.25, 0.25)})
    width = 28 * (found[:, 0, 14, 20] - found[:, 0, 14, 10]) / 10
    torch.testing.assert_close(width, torch.full((2000,), 0.5))  # half as wide, half as high
    middle = found[:, 0, 14, 13:15].mean(1)
    assert 0.249 < middle.min() < 0.26 and 0.74 < middle.max() < 0.751
    areas = []
    for crop in ((0.3, 1.0), (0.8, 0.9)):
        found = random_views(ramp(2000), **ALL | {"crop": crop})
        areas.append((2.8 * (found[:, 0, 14, 18] - found[:, 0, 14, 8])).square())
    assert 0.29 < areas[0].min() < 0.33 and areas[0].max() > 0.97
    assert 0.79 < areas[1].min() and areas[1].max() < 0.91


def test_contrast_and_brightness_are_those_of_torchvision(monkeypatch):
    images, factors = torch.rand(1, 1, 28, 28), []
    monkeypatch.setattr(
        torch.Tensor, "uniform_", lambda t, low, high: t.fill_(_next(factors, high))
    )
    found = random_views(images, **ALL | {"jitter": 0.4})
    contrast, brightness = factors
    wanted = v2.adjust_brightness(v2.adjust_contrast(images, contrast), brightness)
    torch.testing.assert_close(found, wanted)
    assert contrast != brightness


def _next(factors, high):
    """What is drawn in place of a chance number: the largest contrast, then a middle brightness."""
    if high == 1.4:
        factors.append(1.4 if not factors else 1.2)
        return factors[-1]
    return high


def test_both_views_of_a_batch_go_through_the_augmentation():
    seen = []

    def augment(images):
        seen.append(images)
        return images

    data = noise().train
    tl.pretraining.fit_simclr(
        tl.pretraining.SimCLR(small()), data, augment=augment, epochs=1, **QUIET
    )
    assert [len(images) for images in seen] == 2 * [len(data)]
    assert seen[0].dtype == torch.float32 and 0.9 < seen[0].max() <= 1


def test_the_backbone_and_the_projection_learn_and_nothing_else():
    model = small()
    learner = tl.pretraining.SimCLR(model, num_codes=8)
    before, projection = state(model), state(learner.projection)
    history = tl.pretraining.fit_simclr(learner, noise(), epochs=2, lr=0.01, **QUIET)
    names = changed(model, before)
    assert {"backbone.block1.0.weight", "backbone.block4.0.weight"} <= names
    assert all(name.startswith("backbone.") for name in names)
    assert changed(learner.projection, projection) == set(projection)
    assert len(history.train_loss) == len(history.valid_loss) == 2
    assert learner(torch.rand(3, 1, 28, 28, device=next(model.parameters()).device)).shape == (3, 8)


def test_what_is_frozen_stays_and_a_frozen_backbone_is_refused():
    model = small()
    learner = tl.pretraining.SimCLR(model)
    tl.transfer.freeze(model, "all_but_last=1")
    before = state(model)
    options = {"epochs": 1, **QUIET}
    tl.pretraining.fit_simclr(learner, noise(), **options)
    assert {name.split(".")[1] for name in changed(model, before)} == {"block4"}
    tl.transfer.freeze(model, "backbone")
    with pytest.raises(ValueError, match="frozen backbone.*unfreeze"):
        tl.pretraining.fit_simclr(learner, noise(), **options)


def test_no_label_is_looked_at():
    losses, data = [], noise()
    for labels in (data.train.labels, 1 - data.train.labels):
        train = tl.data.Split(data.train.inputs, labels)
        learner = tl.pretraining.SimCLR(small())
        history = tl.pretraining.fit_simclr(learner, train, epochs=2, **QUIET)
        losses.append(history.train_loss)
    assert losses[0] == losses[1]


def test_what_the_augmentation_leaves_alone_is_kept_and_the_rest_forgotten():
    """Views differ in brightness and noise, so the corner is what tells images apart."""
    data, model = corners(), small()
    before = neighbours(model, data)

    def augment(images):
        brightness = torch.rand(len(images), 1, 1, 1, device=images.device) - 0.5
        return images + brightness + 0.2 * torch.randn_like(images)

    learner = tl.pretraining.SimCLR(model)
    options = {"augment": augment, "epochs": 15, "lr": 3e-3, "batch_size": 90, **QUIET}
    tl.pretraining.fit_simclr(learner, data, **options)
    assert neighbours(model, data) >= before + 0.15


def test_a_checkpoint_goes_on_exactly(tmp_path):
    torch.manual_seed(1)
    whole, parts = (tl.pretraining.SimCLR(small()) for _ in range(2))
    parts.load_state_dict(whole.state_dict())
    options = {"batch_size": 16, **QUIET}
    expected = tl.pretraining.fit_simclr(whole, noise(), epochs=3, **options)
    options["checkpoint"] = tmp_path / "simclr.pt"
    tl.pretraining.fit_simclr(parts, noise(), epochs=1, **options)
    found = tl.pretraining.fit_simclr(parts, noise(), epochs=3, resume=True, **options)
    assert found.train_loss == expected.train_loss
    assert not changed(parts, state(whole))


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(ValueError, match=r"\(4, 3\) and second \(3, 3\)"):
        nt_xent(torch.rand(4, 3), torch.rand(3, 3))
    with pytest.raises(ValueError, match=r"first has shape \(4,\)"):
        nt_xent(torch.rand(4), torch.rand(4))
    with pytest.raises(ValueError, match="temperature is 0"):
        nt_xent(torch.rand(4, 3), torch.rand(4, 3), 0)
    with pytest.raises(TypeError, match="Linear; pretraining takes a model of tl.models"):
        tl.pretraining.SimCLR(torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="list; it has to be a task"):
        learner = tl.pretraining.SimCLR(small())
        tl.pretraining.fit_simclr(learner, [1, 2], epochs=1)
