"""The exercises of the lesson on self-supervision: solution, stub, and the usual mistakes."""

import torch
from torch.nn import functional as F

import tl_helpers as tl


def test_destroyed(prove):
    prove(
        "12.1",
        solution=["b", "c", "e", "f", "h"],
        stub=...,
        wrong=[
            (["a", "b"], "should not be"),
            (["b", "c"], "are missing.*light"),
            ([], "number"),
            ("b", "list of letters"),
            (["z"], "list of letters"),
        ],
    )


def mask_of(count, patch, hidden):
    side = 28 // patch
    ranks = torch.rand(count, side * side).argsort(1).argsort(1)
    grid = (ranks < hidden).view(count, 1, side, side)
    return grid.repeat_interleave(patch, 2).repeat_interleave(patch, 3)


def test_mask_of(prove):
    def stub(count, patch, hidden): ...

    def by_chance(count, patch, hidden):
        side = 28 // patch
        grid = torch.rand(count, 1, side, side) < hidden / side**2
        return grid.repeat_interleave(patch, 2).repeat_interleave(patch, 3)

    def pixels(count, patch, hidden):
        ranks = torch.rand(count, 784).argsort(1).argsort(1)
        return (ranks < hidden * patch**2).view(count, 1, 28, 28)

    def first(count, patch, hidden):
        mask = mask_of(count, patch, hidden)
        mask[: count // 2] = mask[:1]
        return mask

    prove(
        "12.2",
        solution=mask_of,
        stub=stub,
        wrong=[
            (lambda n, p, h: mask_of(1, p, h).expand(n, -1, -1, -1), "same mask"),
            (by_chance, "Not every"),
            (pixels, "in part"),
            (lambda n, p, h: ~mask_of(n, p, h), "is seen"),
            (lambda n, p, h: mask_of(n, p, h).float(), "bool"),
            (lambda n, p, h: mask_of(n, p, h)[:, 0], "shape"),
            (first, "more often"),
        ],
        secrets=[],
    )


def loss(codes, labels, temperature):
    codes = F.normalize(codes, dim=1)
    itself = torch.eye(len(codes), dtype=torch.bool)
    similar = (codes @ codes.T / temperature).masked_fill(itself, float("-inf"))
    partners = (labels[:, None] == labels) & ~itself
    logs = similar.log_softmax(1).masked_fill(~partners, 0)
    return -(logs.sum(1) / partners.sum(1)).mean()


def in_loops(codes, labels, temperature):
    total = 0.0
    for i in range(len(codes)):
        others = [k for k in range(len(codes)) if k != i]
        e = {k: torch.exp(F.cosine_similarity(codes[i], codes[k], 0) / temperature) for k in others}
        partners = [k for k in others if labels[k] == labels[i]]
        logs = [torch.log(e[p] / sum(e.values())) for p in partners]
        total -= sum(logs) / len(partners)
    return total / len(codes)


def test_supervised_contrast(prove):
    def stub(codes, labels, temperature): ...

    def with_itself(codes, labels, temperature):
        codes = F.normalize(codes, dim=1)
        logs = (codes @ codes.T / temperature).log_softmax(1)
        partners = (labels[:, None] == labels) & ~torch.eye(len(codes), dtype=torch.bool)
        return -((logs * partners).sum(1) / partners.sum(1)).mean()

    def not_finite(codes, labels, temperature):
        return loss(codes, labels, temperature) * float("nan")

    def summed(codes, labels, temperature):
        codes = F.normalize(codes, dim=1)
        itself = torch.eye(len(codes), dtype=torch.bool)
        similar = (codes @ codes.T / temperature).masked_fill(itself, float("-inf"))
        partners = (labels[:, None] == labels) & ~itself
        return -similar.log_softmax(1).masked_fill(~partners, 0).sum(1).mean()

    prove(
        "12.3",
        solution=loss,
        stub=stub,
        wrong=[
            (lambda c, y, t: -loss(c, y, t), "minus"),
            (lambda c, y, t: loss(c, y, 1.0), "temperature"),
            (with_itself, "oneself"),
            (summed, "divide by their number"),
            (lambda c, y, t: 9 * loss(c, y, t), "sum over the codes"),
            (not_finite, "not finite"),
            (lambda c, y, t: c, "One number"),
            (lambda c, y, t: 0.3 * loss(c, y, t), "log-softmax"),
        ],
        secrets=[],
    )


def test_supervised_contrast_in_loops_is_as_good():
    assert tl.exercises.verdict("12.3", in_loops).state == "solved"


def test_with_two_views_of_each_it_is_the_loss_of_simclr():
    codes, temperature = torch.randn(12, 5), 0.3
    wanted = tl.pretraining.nt_xent(codes[:6], codes[6:], temperature)
    torch.testing.assert_close(loss(codes, torch.arange(6).repeat(2), temperature), wanted)
