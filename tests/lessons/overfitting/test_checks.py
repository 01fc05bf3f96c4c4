"""The exercises of the lesson on overfitting: solution, stub, and the usual mistakes."""

from types import SimpleNamespace

import pytest
import torch

import tl_helpers as tl
from tl_helpers.lessons.overfitting import checks
from tl_helpers.training.early_stopping import EarlyStopping


def test_half_life(prove):
    prove(
        "07.1",
        solution=231,
        stub=...,
        wrong=[
            (230, "So close"),
            (167, "a share of what is left"),
            (333, "earlier step"),
            (23.5, "whole number"),
            (0, "whole number"),
        ],
    )


def stopped(valid_loss, patience):
    best = min(valid_loss[0], float("inf"))
    where = since = 0
    for epoch, loss in enumerate(valid_loss[1:], 1):
        since += 1
        if loss < best:
            best, where, since = loss, epoch, 0
        if since >= patience:
            return epoch + 1, where + 1
    return len(valid_loss), where + 1


def rises_in_a_row(valid_loss, patience):
    rises = 0
    for epoch in range(1, len(valid_loss)):
        rises = rises + 1 if valid_loss[epoch] > valid_loss[epoch - 1] else 0
        if rises == patience:
            return epoch + 1, valid_loss.index(min(valid_loss[: epoch + 1])) + 1
    return len(valid_loss), valid_loss.index(min(valid_loss)) + 1


def equal_is_better(valid_loss, patience):
    best = 0
    for epoch, loss in enumerate(valid_loss):
        best = epoch if loss <= valid_loss[best] else best
        if epoch - best == patience:
            return epoch + 1, best + 1
    return len(valid_loss), best + 1


def test_early_stopping(prove):
    def stub(valid_loss, patience): ...

    def changed(change):
        return lambda losses, patience: change(*stopped(losses, patience))

    prove(
        "07.2",
        solution=stopped,
        stub=stub,
        wrong=[
            (changed(lambda trained, best: (trained - 1, best - 1)), "counted from 1"),
            (changed(lambda trained, best: (best, trained)), "exchanged"),
            (changed(lambda trained, best: (trained, trained)), "last epoch came back"),
            (changed(lambda trained, best: (trained, best + 1)), "lowest loss of those trained"),
            (changed(lambda trained, best: best), "two numbers"),
            (rises_in_a_row, "nothing stopped"),
            (equal_is_better, "nothing stopped|an equal loss"),
            (lambda losses, patience: stopped(losses, patience - 1), "since the lowest loss"),
        ],
        secrets=[],
    )


@pytest.mark.parametrize("losses, patience", [*checks._RUNS, ([1.0, 0.5], 1), ([0.3], 4)])
def test_the_check_of_early_stopping_does_what_fit_does(losses, patience):
    stopping = EarlyStopping(patience)
    state = SimpleNamespace(
        stop=False, modules={"model": torch.nn.Linear(1, 1)}, history=tl.History()
    )
    for loss in losses:
        if not state.stop:
            state.history.valid_loss.append(loss)
            stopping.on_epoch_end(state)
    trained, best = len(state.history.valid_loss), losses.index(stopping.best) + 1
    assert checks.stopped(losses, patience) == (trained, best)
    assert stopped(losses, patience) == checks.stopped(losses, patience)


def dropout(features, p, training):
    if not training:
        return features
    return features * (torch.rand_like(features) >= p) / (1 - p)


def same_each_time(features, p, training):
    torch.manual_seed(3)
    return dropout(features, p, training)


def noisy(features, p, training):
    return dropout(features, p, training) * (1 + torch.rand_like(features) * training)


def test_dropout(prove):
    def stub(features, p, training): ...

    def without_training(change):
        return lambda x, p, training: change(x, p) if training else x

    prove(
        "07.3",
        solution=dropout,
        stub=stub,
        wrong=[
            (lambda x, p, training: dropout(x, p, True), "In evaluation"),
            (lambda x, p, training: x * (1 - p) if not training else x, "In evaluation"),
            (lambda x, p, training: x.mean(), "shape of the features"),
            (lambda x, p, training: x, "none does"),
            (without_training(lambda x, p: x * (torch.rand_like(x) >= p)), "shrinks"),
            (without_training(lambda x, p: x * (torch.rand_like(x) < p) / p), "were kept"),
            (without_training(lambda x, p: x * (torch.rand(60) >= p) / (1 - p)), "rows or columns"),
            (without_training(lambda x, p: dropout(x, 0.5, True)), "another number"),
            (without_training(lambda x, p: (1 - p) ** 2 * dropout(x, p, True)), "does not stay"),
            (same_each_time, "drawn anew"),
            (noisy, "one number, the same for all"),
        ],
        secrets=[],
    )


def test_dropout_by_the_library_is_as_good():
    assert tl.exercises.verdict("07.3", torch.nn.functional.dropout).state == "solved"
