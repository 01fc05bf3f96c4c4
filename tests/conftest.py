"""What tests of every room share."""

import pytest
import torch

from tools.browser import NONE

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


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter):
    """Say in the last lines that the browser tests were left out, and what mends it."""
    yield
    reports = [
        report for kind in ("skipped", "error") for report in terminalreporter.getreports(kind)
    ]
    said = [str(report.longrepr) for report in reports if NONE in str(report.longrepr)]
    if said:
        words = said[0][said[0].index(NONE) :].splitlines()[0].rstrip("')")
        terminalreporter.section("NOT TESTED IN A BROWSER", sep="!", red=True, bold=True)
        terminalreporter.line(f"{len(said)} tests did not run. {words}")
