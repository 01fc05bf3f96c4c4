"""Masked images: exactly so much is hidden, and the loss sees what is hidden and nothing else."""

import pytest
import torch

import tl_helpers as tl
from tests.pretraining.conftest import QUIET, changed, corners, neighbours, noise, small, state
from tl_helpers.pretraining import masked_loss, patch_mask


def masked(seed=0):
    model = small(seed=seed)
    return tl.pretraining.MaskedAutoencoder(model, tl.models.conv_decoder(model.num_features))


@pytest.mark.parametrize(
    "patch, share, hidden", [(4, 0.5, 24), (4, 0.75, 37), (7, 0.5, 8), (14, 0.1, 1), (14, 0.9, 3)]
)
def test_each_image_hides_the_share_that_was_asked_for_in_whole_patches(patch, share, hidden):
    mask = patch_mask(torch.rand(30, 3, 28, 28), patch, share)
    assert mask.shape == (30, 1, 28, 28) and mask.dtype == torch.bool
    assert (mask.sum((1, 2, 3)) == hidden * patch**2).all()
    blocks = mask.unfold(2, patch, patch).unfold(3, patch, patch).flatten(4)
    assert (blocks.all(-1) | ~blocks.any(-1)).all(), "a patch is hidden whole or not at all"


def test_masks_differ_between_images_and_calls_and_reach_every_patch():
    images = torch.rand(400, 1, 28, 28)
    torch.manual_seed(0)
    one, other = patch_mask(images, 7), patch_mask(images, 7)
    assert not one[0].equal(one[1]) and not one.equal(other)
    often = torch.cat([one, other]).float().mean(0)
    assert 0.4 < often.min() and often.max() < 0.6  # 0.5 ± 0.018: six standard deviations


def test_a_mask_need_not_be_square():
    mask = patch_mask(torch.rand(2, 1, 8, 20), 4, 0.3)
    assert mask.shape == (2, 1, 8, 20) and mask[0].sum() == 3 * 16


def test_the_loss_is_blind_to_what_is_seen():
    targets, outputs = torch.rand(4, 3, 8, 8), torch.rand(4, 3, 8, 8, requires_grad=True)
    mask = patch_mask(targets, 4)
    value = masked_loss(outputs, targets, mask)
    wanted = sum(
        ((outputs[n, c, i, j] - targets[n, c, i, j]) ** 2).item()
        for n, _, i, j in mask.nonzero().tolist()
        for c in range(3)
    ) / (3 * mask.sum())
    torch.testing.assert_close(value, wanted)
    value.backward()
    assert (outputs.grad != 0).equal(mask.expand_as(outputs))
    assert masked_loss(outputs + ~mask, targets, mask) == value
    assert masked_loss(outputs + mask, targets, mask) != value


def test_the_guess_knows_nothing_of_what_is_hidden():
    learner = masked().eval()
    images = torch.rand(4, 1, 28, 28)
    mask = patch_mask(images)
    other = torch.where(mask, torch.rand_like(images), images)
    assert learner(other, mask).equal(learner(images, mask))
    assert not learner(other, ~mask).equal(learner(images, ~mask))


def test_the_backbone_and_the_decoder_learn_and_nothing_else():
    learner = masked()
    before, decoder = state(learner.model), state(learner.decoder)
    history = tl.pretraining.fit_masked_autoencoder(learner, noise(), epochs=2, **QUIET)
    names = changed(learner.model, before)
    assert {"backbone.block1.0.weight", "backbone.block4.0.weight"} <= names
    assert all(name.startswith("backbone.") for name in names)
    assert changed(learner.decoder, decoder) == set(decoder)
    assert history.train_loss[1] < history.train_loss[0]
    assert len(history.valid_loss) == 2


def test_patch_and_share_reach_the_run(monkeypatch):
    seen = []

    def spy(images, patch, share):
        seen.append((images.dtype, float(images.max()) <= 1, patch, share))
        return patch_mask(images, patch, share)

    monkeypatch.setattr("tl_helpers.pretraining.masked.patch_mask", spy)
    tl.pretraining.fit_masked_autoencoder(
        masked(), noise().train, epochs=2, patch=7, share=0.8, **QUIET
    )
    assert seen == 2 * [(torch.float32, True, 7, 0.8)]


def test_the_features_beat_random_ones():
    """What the visible part tells about the hidden one is the brightness and the corner."""
    data, learner = corners(), masked()
    before = neighbours(learner.model, data)
    tl.pretraining.fit_masked_autoencoder(learner, data, epochs=6, lr=3e-3, batch_size=45, **QUIET)
    assert neighbours(learner.model, data) >= before + 0.15


def test_a_checkpoint_goes_on_exactly(tmp_path):
    whole, parts = masked(), masked()
    parts.load_state_dict(whole.state_dict())
    expected = tl.pretraining.fit_masked_autoencoder(whole, noise(), epochs=3, **QUIET)
    options = {"checkpoint": tmp_path / "masked.pt", **QUIET}
    tl.pretraining.fit_masked_autoencoder(parts, noise(), epochs=1, **options)
    found = tl.pretraining.fit_masked_autoencoder(parts, noise(), epochs=3, resume=True, **options)
    assert found.train_loss == expected.train_loss
    assert not changed(parts, state(whole))


def test_what_cannot_be_trained_is_refused():
    images = torch.rand(2, 1, 28, 28)
    with pytest.raises(ValueError, match="patch is 5; it has to divide 28 and 28"):
        patch_mask(images, 5)
    for share in (0, 1, 1.5):
        with pytest.raises(ValueError, match=f"share is {share}"):
            patch_mask(images, share=share)
    model = small()
    flat = tl.pretraining.MaskedAutoencoder(model, torch.nn.Linear(model.num_features, 784))
    with pytest.raises(ValueError, match=r"\(30, 784\).*\(30, 1, 28, 28\)"):
        tl.pretraining.fit_masked_autoencoder(flat, torch.rand(30, 1, 28, 28), epochs=1, **QUIET)
    tl.transfer.freeze(model, "backbone")
    with pytest.raises(ValueError, match="frozen backbone"):
        tl.pretraining.fit_masked_autoencoder(flat, noise(), epochs=1, **QUIET)
    with pytest.raises(TypeError, match="Linear; pretraining takes a model of tl.models"):
        tl.pretraining.MaskedAutoencoder(torch.nn.Linear(2, 2), torch.nn.Identity())
