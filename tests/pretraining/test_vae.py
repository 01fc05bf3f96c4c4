"""VAEs: the terms of the bound against closed forms, and the whole against probabilistic PCA."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from torch import nn
from torch.distributions import Normal, kl_divergence

import tl_helpers as tl
from tl_helpers.pretraining import kl_to_standard_normal, reconstruction_loss, sample_codes

QUIET = {"progress": False}


def some_codes(count=6, codes=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    mean = torch.randn(count, codes, generator=generator, dtype=dtype)
    return mean, torch.randn(count, codes, generator=generator, dtype=dtype)


def test_kl_is_the_analytic_value():
    mean, log_variance = some_codes()
    spread = torch.exp(0.5 * log_variance)
    wanted = kl_divergence(Normal(mean, spread), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl_to_standard_normal(mean, log_variance), wanted)
    # By hand: half of (mean² + variance - log variance - 1), here (4 + 1 - 0 - 1) / 2.
    assert kl_to_standard_normal(torch.tensor([[2.0]]), torch.zeros(1, 1)).item() == 2
    assert kl_to_standard_normal(torch.zeros(1, 5), torch.zeros(1, 5)).item() == 0


def test_kl_is_what_monte_carlo_finds():
    mean, log_variance = some_codes(count=2)
    torch.manual_seed(0)
    many = sample_codes(mean.expand(100_000, 2, 3), log_variance.expand(100_000, 2, 3))
    posterior = Normal(mean, torch.exp(0.5 * log_variance))
    difference = (posterior.log_prob(many) - Normal(0.0, 1.0).log_prob(many)).sum(-1)
    error = difference.std(0) / math.sqrt(len(many))
    assert (
        (difference.mean(0) - kl_to_standard_normal(mean, log_variance)).abs() < 4 * error
    ).all()


def test_codes_are_drawn_from_the_posterior_and_let_gradients_through():
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(0.25)]])
    torch.manual_seed(0)
    many = sample_codes(mean.expand(50_000, 2), log_variance.expand(50_000, 2))
    np.testing.assert_allclose(many.mean(0), [1, -2], atol=0.02)
    np.testing.assert_allclose(many.std(0), [1, 0.5], atol=0.02)
    mean, log_variance = mean.requires_grad_(), log_variance.requires_grad_()
    code = sample_codes(mean, log_variance)
    code.sum().backward()
    assert mean.grad.tolist() == [[1, 1]]
    # dz / d log variance = half of what was added to the mean
    torch.testing.assert_close(log_variance.grad, 0.5 * (code - mean).detach())


def test_reconstruction_is_a_normal_density_without_its_constant():
    outputs, targets = torch.rand(4, 1, 5, 5), torch.rand(4, 1, 5, 5)
    density = -Normal(outputs, 0.3).log_prob(targets).flatten(1).sum(1)
    constant = 25 * math.log(0.3 * math.sqrt(2 * math.pi))
    torch.testing.assert_close(reconstruction_loss(outputs, targets, 0.3), density - constant)
    with pytest.raises(ValueError, match=r"\(4, 1, 5, 5\).*\(4, 25\)"):
        reconstruction_loss(outputs, targets.flatten(1), 0.3)


def test_a_linear_vae_is_probabilistic_pca(device):
    """Tipping and Bishop (1999): its codes span the main plane, and both terms are known.

    With variances λ along the K kept axes, and μ along the others, the KL term is the sum of
    log(λ / σ²) / 2, and the reconstruction K / 2 + sum of μ / (2 σ²).
    """
    generator = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(6, 6, generator=generator)).Q
    spread = torch.tensor([2.0, 1.5] + 4 * [0.2])
    inputs = torch.randn(500, 6, generator=generator) * spread @ axes + 1
    torch.manual_seed(1)
    model = tl.pretraining.VAE(nn.Identity(), nn.Linear(2, 6), num_features=6, num_codes=2)
    split = tl.data.Split(inputs, torch.zeros(500, dtype=torch.int64))
    history = tl.pretraining.fit_vae(
        model, split, epochs=200, lr=0.02, sigma=0.5, schedule="cosine", device=device, **QUIET
    )
    pca = PCA().fit(inputs)
    decoder = model.decoder.weight.detach().cpu().numpy()
    assert np.rad2deg(subspace_angles(decoder, pca.components_[:2].T)).max() < 2
    kept, lost = np.split(pca.explained_variance_, [2])
    kl, reconstruction = (np.mean(history.metrics[f"train_{name}"][-20:]) for name in TERMS)
    assert kl == pytest.approx(0.5 * np.log(kept / 0.25).sum(), rel=0.03)
    assert reconstruction == pytest.approx(1 + lost.sum() / 0.5, rel=0.03)
    assert history.train_loss[-1] == pytest.approx(
        history.metrics["train_kl"][-1] + history.metrics["train_reconstruction"][-1]
    )


TERMS = ("kl", "reconstruction")


def task():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (60, 1, 28, 28), generator=generator)
    return tl.data.Task.from_arrays(images.to(torch.uint8), torch.arange(60) % 3)


def conditional(num_classes=3):
    torch.manual_seed(0)
    return tl.pretraining.VAE(
        nn.Flatten(),
        tl.models.conv_decoder(4 + num_classes),
        num_features=784,
        num_codes=4,
        num_classes=num_classes,
    )


def test_terms_are_recorded_for_both_splits():
    history = tl.pretraining.fit_vae(conditional(), task(), epochs=2, **QUIET)
    for split in ("train", "valid"):
        total = sum(np.array(history.metrics[f"{split}_{name}"]) for name in TERMS)
        np.testing.assert_allclose(getattr(history, f"{split}_loss"), total, rtol=1e-5)
    assert history.train_loss[1] < history.train_loss[0]


def test_only_a_vae_with_classes_looks_at_labels():
    data, losses = task(), {}
    for num_classes in (0, 3):
        for name, labels in (("right", data.train.labels), ("wrong", data.train.labels.flip(0))):
            split = tl.data.Split(data.train.inputs, labels)
            found = tl.pretraining.fit_vae(conditional(num_classes), split, epochs=1, **QUIET)
            losses[num_classes, name] = found.train_loss
    assert losses[0, "right"] == losses[0, "wrong"]
    assert losses[3, "right"] != losses[3, "wrong"]


def test_generated_images_are_of_the_class_that_was_asked_for():
    """Three classes of one grey each: what is generated has the grey of its label."""
    labels = torch.arange(90) % 3
    inputs = (0.2 + 0.3 * labels).view(-1, 1).expand(90, 8).clone()
    torch.manual_seed(0)
    model = tl.pretraining.VAE(
        nn.Identity(), nn.Linear(4, 8), num_features=8, num_codes=1, num_classes=3
    )
    data = tl.data.Split(inputs, labels)
    tl.pretraining.fit_vae(model, data, epochs=100, lr=0.02, batch_size=30, **QUIET)
    model.train()
    wanted = torch.tensor([2, 0, 1, 1])
    images = model.generate(wanted).cpu()
    assert images.shape == (4, 8) and not images.requires_grad and model.training
    np.testing.assert_allclose(images.mean(1), 0.2 + 0.3 * wanted, atol=0.08)


def test_a_checkpoint_goes_on_exactly(tmp_path):
    whole, parts, data = conditional(), conditional(), task()
    expected = tl.pretraining.fit_vae(whole, data, epochs=3, **QUIET)
    options = {"checkpoint": tmp_path / "vae.pt", **QUIET}
    tl.pretraining.fit_vae(parts, data, epochs=1, **options)
    found = tl.pretraining.fit_vae(parts, data, epochs=3, resume=True, **options)
    assert found.train_loss == expected.train_loss
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(ValueError, match="list.*a task or a split"):
        tl.pretraining.fit_vae(conditional(), [1, 2], epochs=1)
    with pytest.raises(ValueError, match="sigma is 0"):
        tl.pretraining.fit_vae(conditional(), task(), epochs=1, sigma=0)
    with pytest.raises(ValueError, match="labels are missing.*3 classes"):
        conditional().encode(torch.rand(2, 1, 28, 28))
