"""The checks of the lesson on GANs: the best discriminator, the generator's pull, modes counted."""

import math

import numpy as np
import torch

from tl_helpers.teaching.exercises import close, exercise


@exercise(
    "11.1",
    "The smallest loss of a discriminator",
    expects="a function of (real_counts, fake_counts) that gives one number",
)
def smallest_loss(answer):
    for real, fake in (
        ([10, 30, 40, 20], [40, 30, 10, 20]),
        ([0, 30, 70, 0, 100], [20, 20, 0, 0, 10]),  # empty bins, and other totals
    ):
        real, fake = torch.tensor(real), torch.tensor(fake)
        found = answer(real.clone(), fake.clone())
        if np.shape(_plain(found)) != ():
            return "One number is asked for: the sum over the bins."
        p, q = real / real.sum(), fake / fake.sum()
        if close(found, _loss(p, q, real / (real + fake))) and not close(found, _loss(p, q)):
            return "There may be more real samples than generated ones: compare shares, not counts."
        if not math.isfinite(float(found)):
            return "Not finite: a bin without samples of one kind adds nothing for that kind."
        if not close(found, _loss(p, q)):
            return _mistake(float(found), p, q)


def _loss(p, q, best=None):
    """The discriminator's loss on two lists of shares; ``best`` is what it says in each bin."""
    best = p / (p + q) if best is None else best
    terms = torch.special.xlogy(p, best) + torch.special.xlogy(q, 1 - best)
    return -terms[p + q > 0].sum()


def _mistake(found, p, q):
    right = _loss(p, q).item()
    mistakes = {
        -right: "The sign: a loss is minus the logarithm.",
        right / 2: "Two means are added, not averaged: one over the real, one over the generated.",
        right / math.log(2): "The logarithm is the natural one here.",
        math.log(4): "That is the loss where nothing can be told apart; here the shares differ.",
        _loss(p, q, torch.full_like(p, 0.5)).item(): "A half in each bin is not the best answer.",
    }
    for value, hint in mistakes.items():
        if close(found, value):
            return hint
    return (
        "In each bin the best D follows from the two shares. Weigh -log D by the real share and "
        "-log (1 - D) by the generated one, and add all up."
    )


@exercise("11.2", "How hard the generator is pulled", expects="a function of logits, N to N")
def pull(answer):
    logits = torch.tensor([-3.0, -0.5, 0.0, 2.0, 1.0])
    found = answer(logits.clone())
    if not isinstance(found, torch.Tensor) or found.shape != logits.shape:
        return "A tensor is asked for, one number for each logit."
    right = _pull(logits)
    mistakes = {
        "The sign: where the loss falls as the logit rises, its derivative is negative.": -right,
        "The loss is a mean over N samples: each has its share of 1/N.": len(logits) * right,
        "That is the derivative of log(1 - D), the form that saturates.": (
            -torch.sigmoid(logits) / len(logits)
        ),
        "That is the derivative with respect to D; go on to the logit.": (
            -1 / torch.sigmoid(logits) / len(logits)
        ),
    }
    if not close(found, right):
        for hint, value in mistakes.items():
            if close(found, value):
                return hint
        return "Differentiate -log D with D = sigmoid(logit), and compare with torch's autograd."
    extreme = answer(torch.tensor([-1000.0, 1000.0]))
    if not close(extreme, torch.tensor([-0.5, 0.0])):
        return "Right for small logits; at ±1000 it is not. Which part overflows?"


def _pull(logits):
    return -torch.sigmoid(-logits) / len(logits)


@exercise(
    "11.3",
    "The effective number of clumps",
    expects="a function of (points, centres, radius) that gives one number",
)
def effective(answer):
    for seed in (0, 1):
        points, centres, radius = _cloud(seed)
        found = answer(points.clone(), centres.clone(), radius)
        if np.shape(_plain(found)) != ():
            return "One number is asked for."
        shares = _shares(points, centres, radius)
        everywhere = _shares(points, centres, math.inf)
        if not math.isfinite(float(found)):
            return "Not finite: a clump without a point has no logarithm, and adds nothing."
        if close(found, _effective(shares)):
            continue
        for hint, value in {
            "Points outside every clump are counted too: leave them out first.": (
                _effective(everywhere)
            ),
            "That is the entropy; its exponential is a number of clumps.": (
                _effective(shares).log()
            ),
            "That is how many clumps have any point; a rich and a poor one count alike.": (
                (shares > 0).sum()
            ),
            "Take the shares among the points that lie in a clump: they add up to one.": (
                _effective(shares * _near(points, centres, radius).float().mean())
            ),
        }.items():
            if close(found, value):
                return hint
        return (
            "Nearest centre of each point; leave out what is further than radius; shares of the "
            "rest; then the exponential of their entropy, with the natural logarithm."
        )


def _cloud(seed):
    """Points around five centres, in unequal shares, one without any, and some in between."""
    generator = torch.Generator().manual_seed(seed)
    angles = 2 * math.pi * torch.arange(5) / 5
    centres = 3 * torch.stack([angles.cos(), angles.sin()], 1)
    counts = torch.tensor([40, 20, 10, 5, 0]).roll(seed)
    points = centres.repeat_interleave(counts, 0)
    points = points + 0.1 * torch.randn(points.shape, generator=generator)
    between = 1.5 * centres[[0, 1, 2, 3, 4, 0]] / 3
    return torch.cat([points, between])[torch.randperm(81, generator=generator)], centres, 0.5


def _near(points, centres, radius):
    return torch.cdist(points, centres).min(1).values <= radius


def _shares(points, centres, radius):
    nearest = torch.cdist(points, centres).argmin(1)[_near(points, centres, radius)]
    counts = nearest.bincount(minlength=len(centres))
    return counts / counts.sum()


def _effective(shares):
    return torch.special.entr(shares).sum().exp()


def _plain(value):
    return value.detach().numpy() if isinstance(value, torch.Tensor) else value
