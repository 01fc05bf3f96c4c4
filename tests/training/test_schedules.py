"""Schedules, against torch's own and against their definitions."""

import math

import pytest
import torch

import tl_helpers as tl
from tests.training.conftest import make_mlp, make_split
from tl_helpers.training.schedules import cosine, one_cycle, set_rates


def test_one_cycle_is_torchs():
    total = 40
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.3, total_steps=total, cycle_momentum=False
    )
    for step in range(total):
        assert 0.3 * one_cycle(step, total) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < total - 1:
            theirs.step()


def test_cosine_warms_up_then_falls_along_half_a_cosine():
    total, warm_up = 100, 10
    factors = [cosine(step, total) for step in range(total)]
    assert factors[:10] == pytest.approx([(i + 1) / 11 for i in range(10)])
    expected = [(1 + math.cos(math.pi * (i - warm_up) / 90)) / 2 for i in range(10, 100)]
    assert factors[10:] == pytest.approx(expected)
    assert max(factors) == 1 and factors[-1] < 0.001


@pytest.mark.parametrize("total", [1, 2, 3])
def test_short_runs_stay_in_range(total):
    for schedule in (cosine, one_cycle):
        assert all(0 <= schedule(step, total) <= 1 for step in range(total))


def test_each_group_keeps_its_share_and_groups_may_join():
    first, second = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    optimizer = torch.optim.SGD([{"params": [first], "lr": 0.1}])
    set_rates(optimizer, 0.5)
    optimizer.add_param_group({"params": [second], "lr": 0.01})
    set_rates(optimizer, 0.2)
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.02, 0.002])


def test_the_rate_follows_the_schedule_step_by_step():
    seen = []
    ready = torch.optim.SGD(make_mlp().parameters(), lr=0.5)

    class Spy(torch.optim.SGD):
        def step(self, closure=None):
            seen.append(self.param_groups[0]["lr"])
            return super().step(closure)

    tl.fit(
        make_mlp(),
        make_split(50),
        epochs=2,
        batch_size=8,
        lr=0.5,
        schedule="cosine",
        optimizer=lambda parameters, lr: Spy(parameters, lr=lr),
    )
    assert seen == pytest.approx([0.5 * cosine(step, 14) for step in range(14)])
    assert ready.param_groups[0]["lr"] == 0.5


def test_a_schedule_needs_a_known_length():
    split = make_split()
    with pytest.raises(ValueError, match="known length"):
        tl.fit(make_mlp(), iter([(split.inputs, split.labels)]), schedule="cosine")
