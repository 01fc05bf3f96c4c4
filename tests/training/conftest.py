"""Small data and networks for the tests of the loop, on every device that is present."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn


@pytest.fixture(autouse=True)
def cpu_unless_asked(request, monkeypatch):
    """Tests that do not ask for a device run on the CPU, also where "auto" would find another."""
    if "device" not in request.fixturenames:
        monkeypatch.setattr("tl_helpers.training.device.present", lambda: ["cpu"])


def make_split(count=50, classes=3, features=6, seed=0):
    """Points around one centre a class: learnable, and not at once."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (count,), generator=generator)
    centres = torch.randn(classes, features, generator=torch.Generator().manual_seed(99))
    inputs = centres[labels] + torch.randn(count, features, generator=generator)
    return SimpleNamespace(inputs=inputs, labels=labels)


def make_task(count=50, **kwargs):
    return SimpleNamespace(
        train=make_split(count, **kwargs), valid=make_split(23, seed=1), test=make_split(31, seed=2)
    )


def make_mlp(dropout=0.0, batchnorm=False, seed=0):
    torch.manual_seed(seed)
    norm = [nn.BatchNorm1d(16)] if batchnorm else []
    return nn.Sequential(nn.Linear(6, 16), *norm, nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 3))


class Split(nn.Module):
    """A backbone and a head, as the package's models have them."""

    def __init__(self, dropout=0.0, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.backbone = nn.Sequential(
            nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout)
        )
        self.head = nn.Linear(16, 3)

    def features(self, inputs):
        return self.backbone(inputs)

    def forward(self, inputs):
        return self.head(self.features(inputs))


def weights(module):
    """A copy of everything a module holds, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}


def assert_same(first, second, **tolerance):
    assert first.keys() == second.keys()
    for name in first:
        if tolerance:
            torch.testing.assert_close(first[name], second[name], msg=name, **tolerance)
        else:
            assert torch.equal(first[name], second[name]), name
