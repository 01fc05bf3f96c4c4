"""The exercises of the lesson on losses."""

import math

import torch
from torch import nn


def test_gap(prove):
    solution = 4 / (math.exp(3) + 3)
    prove(
        "02.1",
        solution=solution,
        stub=...,
        wrong=[
            (0.1, "more smoothing"),
            (0.4, "less smoothing"),
            (10 / (math.exp(3) + 9), "ten classes"),
            (4 / (math.exp(3) + 4), "its part"),
            (math.exp(-3), "more than one share"),
            (0, "between 0 and 1"),
            (17, "between 0 and 1"),
            ("a little", "one number"),
        ],
    )


def test_gradient(prove):
    def stub(logits, labels, epsilon): ...

    def by_hand(change=lambda g: g, soften=None, squash=lambda z: z.softmax(1)):
        def gradient(logits, labels, epsilon):
            hard = nn.functional.one_hot(labels, logits.shape[1])
            share = epsilon / logits.shape[1]
            target = (soften or (lambda y, e: (1 - e) * y + share))(hard, epsilon)
            return change((squash(logits) - target) / len(labels))

        return gradient

    def by_autograd(logits, labels, epsilon):
        logits.requires_grad_()
        loss = nn.functional.cross_entropy(logits, labels, label_smoothing=epsilon)
        return torch.autograd.grad(loss, logits)[0]

    wrong = [
        (by_hand(lambda g: g * len(g)), "mean"),
        (by_hand(lambda g: -g), "sign"),
        (by_hand(soften=lambda y, e: y), "hard labels"),
        (by_hand(soften=lambda y, e: (1 - e) * y), "add up to 1"),
        (by_hand(soften=lambda y, e: (1 - e) * y + e / 2 * (1 - y)), "the true one as well"),
        (by_hand(squash=lambda z: z), "not with logits"),
        (by_hand(squash=torch.sigmoid), "autograd on a small example"),
        (by_hand(lambda g: g.mean(0)), "own shape"),
    ]
    for solution in (by_hand(), by_autograd):
        prove("02.2", solution=solution, stub=stub, wrong=wrong)


def test_cross_entropy(prove):
    def stub(logits, labels): ...

    def picked(rows, labels):
        return rows[torch.arange(len(labels)), labels]

    def with_maximum(shift, after=lambda losses: losses.mean()):
        def loss(logits, labels):
            shifted = logits - shift(logits)
            return after(shifted.exp().sum(1).log() - picked(shifted, labels))

        return loss

    def by_probabilities(logits, labels, least=0.0):
        shifted = logits - logits.amax(1, keepdim=True)
        p = shifted.exp() / shifted.exp().sum(1, keepdim=True)
        return -(picked(p, labels) + least).log().mean()

    def own(logits):
        return logits.amax(1, keepdim=True)

    prove(
        "02.3",
        solution=with_maximum(own),
        stub=stub,
        secrets=["amax", "maximum of the row"],
        wrong=[
            (with_maximum(lambda logits: 0), "range of a float"),
            (with_maximum(lambda logits: logits.max()), "its own maximum"),
            (by_probabilities, "Simplify|own maximum"),
            (lambda z, y: by_probabilities(z, y, 1e-9), "Simplify|own maximum"),
            (with_maximum(own, lambda losses: losses.sum()), "sum over the rows"),
            (with_maximum(own, lambda losses: -losses.mean()), "other sign"),
            (with_maximum(own, lambda losses: losses), "one number"),
            (with_maximum(own, lambda losses: losses.mean() / 4), "each row"),
            (with_maximum(own, lambda losses: losses.mean() / math.log(2)), "natural"),
            (lambda z, y: with_maximum(own)(z.softmax(1), y), "twice"),
            (lambda z, y: with_maximum(own)(2 * z, y), "by hand"),
            (nn.functional.cross_entropy, "torch's own"),
            (lambda z, y: -picked(z.log_softmax(1), y).mean(), "torch's own"),
            (lambda z, y: (z.logsumexp(1) - picked(z, y)).mean(), "torch's own"),
        ],
    )
