"""The exercises of the lesson on fine-tuning BERT: solution, stub, and the usual mistakes."""

import pytest
import torch

import tl_helpers as tl


def test_share_of_the_rate(prove):
    prove(
        "13.1",
        solution=128 / 500,
        stub=...,
        wrong=[
            (25.6, "not a percentage"),
            (8.0, "a whole batch"),
            (32 / 500, "one epoch"),
            (128, "how far"),
            (3.0, "more than all"),
            (0.5, "Count the steps"),
            ("a quarter", "one number"),
        ],
    )


@pytest.mark.parametrize("answer", [127 / 500, 125 / 500, torch.tensor(0.256)])
def test_the_last_step_and_a_run_without_its_last_batch_are_right_too(answer):
    assert tl.exercises.verdict("13.1", answer).state == "solved"


def pooled(states, ids):
    mask = (ids != 0).unsqueeze(-1)
    return (states * mask).sum(1) / mask.sum(1)


def without_the_marks(states, ids):
    mask = ((ids != 0) & (ids != 101) & (ids != 102)).unsqueeze(-1)
    return (states * mask).sum(1) / mask.sum(1).clamp_min(1)


def test_mean_pooling(prove):
    def stub(states, ids): ...

    prove(
        "13.2",
        solution=pooled,
        stub=stub,
        wrong=[
            (lambda states, ids: states, "one vector"),
            (lambda states, ids: states.mean(1), "all places"),
            (lambda states, ids: (states * (ids != 0).unsqueeze(-1)).mean(1), "divide by"),
            (lambda states, ids: (states * (ids != 0).unsqueeze(-1)).sum(1), "a sum"),
            (lambda states, ids: states[:, 0], "[CLS]"),
            (without_the_marks, "tokens like the others"),
            (lambda states, ids: states.amax(1), "by hand"),
        ],
    )


def rise_and_fall(step, total):
    warm_up = round(0.1 * total)
    return min(step / warm_up, (total - step) / (total - warm_up))


def test_schedule(prove):
    def stub(step, total): ...

    prove(
        "13.3",
        solution=rise_and_fall,
        stub=stub,
        wrong=[
            (lambda step, total: (total - step) / total, "begins at the full rate"),
            (lambda step, total: 5e-5 * rise_and_fall(step, total), "no higher than"),
            (lambda step, total: min(step / 500, 1), "no higher than"),
            (lambda step, total: 2 * rise_and_fall(step, total), "1 at its highest"),
            (lambda step, total: min(1, step / (0.1 * total)), "falls"),
            (
                lambda step, total: min(2 * step / total, 2 - 2 * step / total),
                "a tenth is asked",
            ),
            (lambda step, total: rise_and_fall(step, total) ** 4, "straight lines"),
        ],
    )


@pytest.mark.parametrize("begin", [0, 1])
def test_schedules_as_libraries_count_them_are_right(begin):
    def schedule(step, total):
        warm_up = int(0.1 * total) + begin
        if step < warm_up:
            return (step + begin) / warm_up
        return max(0.0, (total - step) / (total - warm_up))

    assert tl.exercises.verdict("13.3", schedule).state == "solved"
