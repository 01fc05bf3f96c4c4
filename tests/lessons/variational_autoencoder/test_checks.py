"""The exercises of the lesson on VAEs: solution, stub, and the usual mistakes."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

import tl_helpers as tl
from tl_helpers.lessons.variational_autoencoder import checks


@pytest.fixture
def measured(monkeypatch):
    """Shipped results in which generated images lose 0, 1, 3, 6 points at 1, 2, 10, 50 labels."""
    lost = {1: 0.0, 2: 0.01, 10: 0.03, 50: 0.06}
    runs = [
        {"name": name, "labels": k, "seed": seed, "accuracy": 0.8 + off - (name == "generated") * v}
        for name in ("real", "generated", "real + generated")
        for k, v in lost.items()
        for seed, off in enumerate((-0.02, 0.02))
    ]
    runs.append({"name": "real", "labels": 1, "seed": 0, "rare": 0, "accuracy": 0.1})
    monkeypatch.setattr(checks, "results", lambda lesson: runs)
    return lost


def test_losses_are_means_of_real_minus_generated(measured):
    assert checks.losses(checks.results("")) == pytest.approx(measured)


def test_generated_alone(prove, measured):
    prove(
        "10.1",
        solution=10,
        stub=...,
        wrong=[
            (7, "Not one of"),
            (1, "smaller"),
            (2, "smaller"),
            (50, "already"),
            (0.04, "Not one"),
        ],
    )


def draw(mean, log_variance):
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


def test_draw(prove):
    def stub(mean, log_variance): ...

    def by_normal(mean, log_variance):
        return torch.normal(mean, torch.exp(0.5 * log_variance))

    prove(
        "10.2",
        solution=draw,
        stub=stub,
        wrong=[
            (lambda m, v: m + v.exp() * torch.randn_like(m), "the variance"),
            (lambda m, v: m + torch.randn_like(m), "not used"),
            (lambda m, v: m, "noise"),
            (lambda m, v: m + v * torch.randn_like(m), "spread is wrong"),
            (lambda m, v: (0.5 * v).exp() * torch.randn_like(m), "mean of many"),
            (lambda m, v: m + (0.5 * v).exp() * torch.randn(len(m), 1), "shared"),
            (by_normal, "cut it"),
            (lambda m, v: draw(m, v.detach()), "log_variance"),
            (lambda m, v: draw(m, v)[0], "shape"),
        ],
        secrets=[],
    )


def test_draw_by_the_library_is_as_good():
    def rsample(mean, log_variance):
        return Normal(mean, torch.exp(0.5 * log_variance)).rsample()

    assert tl.exercises.verdict("10.2", rsample).state == "solved"


def kl(mean, log_variance):
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)


def loss(images, outputs, mean, log_variance, sigma):
    squares = (images - outputs).square() / (2 * sigma**2)
    return squares.sum((1, 2, 3)).mean() + kl(mean, log_variance).sum(1).mean()


def squared(i, o):
    return (i - o).square().flatten(1).sum(1)


def test_negative_elbo(prove):
    def stub(images, outputs, mean, log_variance, sigma): ...

    def changed(pixels=1.0, price=1.0):
        return lambda i, o, m, v, s: (
            pixels * squared(i, o).mean() / (2 * s**2) + price * kl(m, v).sum(1).mean()
        )

    prove(
        "10.3",
        solution=loss,
        stub=stub,
        wrong=[
            (changed(pixels=1 / 24), "averaged over pixels"),
            (changed(price=1 / 3), "over the dimensions"),
            (lambda i, o, m, v, s: 5 * loss(i, o, m, v, s), "over the batch"),
            (changed(price=-1), "taken away"),
            (changed(price=0), "alone"),
            (changed(pixels=2 * 0.3**2), "does not know sigma"),
            (changed(pixels=2), "has 2 sigma"),
            (changed(price=2), "half"),
            (lambda i, o, m, v, s: squared(i, o) + kl(m, v).sum(1), "One number"),
            (changed(pixels=7), "Squares over"),
        ],
        secrets=[],
    )


def test_negative_elbo_by_the_library_is_as_good():
    def by_library(images, outputs, mean, log_variance, sigma):
        prior, posterior = Normal(0.0, 1.0), Normal(mean, log_variance.exp().sqrt())
        density = Normal(outputs, sigma)
        best = density.log_prob(outputs)  # the constant, without which the loss is asked for
        found = (best - density.log_prob(images)).flatten(1).sum(1)
        return (found + kl_divergence(posterior, prior).sum(1)).mean()

    assert tl.exercises.verdict("10.3", by_library).state == "solved"
