"""What tests of every room share."""

import pytest
import torch

DEVICES = ["cpu"]
if torch.cuda.is_available():
    DEVICES.append("cuda")
if torch.backends.mps.is_available():
    DEVICES.append("mps")


@pytest.fixture(
    params=[pytest.param(name, marks=() if name == "cpu" else pytest.mark.gpu) for name in DEVICES]
)
def device(request):
    """Each device that this machine has."""
    return torch.device(request.param)


@pytest.fixture
def no_network(monkeypatch):
    """Every attempt to reach another machine fails at once, and is counted."""
    import socket

    attempts = []

    def refuse(*args, **kwargs):
        attempts.append(args)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return attempts
