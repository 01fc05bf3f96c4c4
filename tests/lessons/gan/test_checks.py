"""The exercises of the lesson on GANs: solution, stub, and the usual mistakes."""

import math

import pytest
import torch

import tl_helpers as tl
from tl_helpers.lessons.gan import checks


def smallest_loss(real_counts, fake_counts):
    p, q = real_counts / real_counts.sum(), fake_counts / fake_counts.sum()
    both = p + q
    return -(torch.xlogy(p, p) + torch.xlogy(q, q) - torch.xlogy(both, both)).sum()


def test_smallest_loss(prove):
    def stub(real_counts, fake_counts): ...

    def with_nan(real, fake):
        p, q = real / real.sum(), fake / fake.sum()
        best = p / (p + q)
        return -(p * best.log() + q * (1 - best).log()).sum()

    def by_counts(real, fake):
        best = real / (real + fake)
        p, q = real / real.sum(), fake / fake.sum()
        return checks._loss(p, q, best)

    prove(
        "11.1",
        solution=smallest_loss,
        stub=stub,
        wrong=[
            (with_nan, "Not finite"),
            (by_counts, "shares, not counts"),
            (lambda r, f: -smallest_loss(r, f), "sign"),
            (lambda r, f: smallest_loss(r, f) / 2, "not averaged"),
            (lambda r, f: smallest_loss(r, f) / math.log(2), "natural"),
            (lambda r, f: math.log(4), "cannot|nothing can be told"),
            (lambda r, f: r / (r + f), "One number"),
            (lambda r, f: 0.3, "follows from"),
        ],
        secrets=[],
    )


def test_smallest_loss_is_log_4_for_equal_and_0_for_apart():
    even = torch.tensor([3, 4, 5])
    assert smallest_loss(even, even).item() == pytest.approx(math.log(4), abs=1e-6)
    assert smallest_loss(torch.tensor([1, 0]), torch.tensor([0, 9])).item() == pytest.approx(0)


def test_no_discriminator_is_below_the_smallest_loss():
    p, q = torch.tensor([0.2, 0.5, 0.3]), torch.tensor([0.6, 0.1, 0.3])
    logits = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    losses = [checks._loss(p, q, row.sigmoid()) for row in logits]
    assert min(losses) >= checks._loss(p, q)


def pull(logits):
    return -torch.sigmoid(-logits) / len(logits)


def test_pull(prove):
    def stub(logits): ...

    def unstable(logits):
        return -1 / (1 + logits.double().exp()).float() / len(logits) + 0 * logits.exp()

    prove(
        "11.2",
        solution=pull,
        stub=stub,
        wrong=[
            (lambda x: -pull(x), "sign"),
            (lambda x: len(x) * pull(x), "1/N"),
            (lambda x: -torch.sigmoid(x) / len(x), "saturates"),
            (lambda x: -1 / torch.sigmoid(x) / len(x), "respect to D"),
            (lambda x: pull(x).sum(), "one number for each"),
            (unstable, "±1000"),
            (lambda x: x, "autograd"),
        ],
        secrets=[],
    )


def test_pull_by_autograd_is_as_good_and_is_that_of_the_package():
    def by_autograd(logits):
        logits.requires_grad_()
        return torch.autograd.grad(tl.pretraining.generator_loss(logits), logits)[0]

    assert tl.exercises.verdict("11.2", by_autograd).state == "solved"


def effective(points, centres, radius):
    distance, nearest = torch.cdist(points, centres).min(1)
    counts = nearest[distance <= radius].bincount(minlength=len(centres))
    shares = counts / counts.sum()
    return torch.exp(-torch.xlogy(shares, shares).sum())


def test_effective(prove):
    def stub(points, centres, radius): ...

    def with_nan(points, centres, radius):
        shares = checks._shares(points, centres, radius)
        return (-(shares * shares.log()).sum()).exp()

    prove(
        "11.3",
        solution=effective,
        stub=stub,
        wrong=[
            (lambda p, c, r: effective(p, c, math.inf), "left? ?out|leave them out"),
            (lambda p, c, r: effective(p, c, r).log(), "entropy"),
            (lambda p, c, r: (checks._shares(p, c, r) > 0).sum(), "count alike"),
            (with_nan, "Not finite"),
            (lambda p, c, r: checks._shares(p, c, r), "One number"),
            (lambda p, c, r: 2.0, "Nearest centre"),
        ],
        secrets=[],
    )


@pytest.mark.parametrize("count", [1, 3, 5])
def test_equal_shares_count_each_clump_once(count):
    centres = 10.0 * torch.eye(5)
    assert effective(centres[:count].repeat(4, 1), centres, 1.0).item() == pytest.approx(count)
