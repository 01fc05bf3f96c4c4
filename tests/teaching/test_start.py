import random
import warnings

import matplotlib
import numpy as np
import pytest
import torch

import tl_helpers as tl


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    monkeypatch.delenv("TL_SEED", raising=False)
    with warnings.catch_warnings(), matplotlib.rc_context():
        yield


def draws():
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_it_seeds_every_generator():
    tl.start(seed=3)
    first = draws()
    tl.start(seed=4)
    second = draws()
    tl.start(seed=3)
    assert draws() == first
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_tl_seed_moves_the_seed_and_is_told(monkeypatch, capsys):
    tl.start()
    first = draws()
    monkeypatch.setenv("TL_SEED", "1")
    tl.start()
    assert draws() != first
    assert "TL_SEED" not in capsys.readouterr().out.splitlines()[0]
    tl.start()
    assert capsys.readouterr().out.endswith("TL_SEED 1\n")


def test_it_prints_one_line_with_versions_and_device(capsys):
    tl.start()
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert line.startswith(f"tl_helpers {tl.__version__} · Python ")
    assert f"torch {torch.__version__}" in line
    assert any(device in line for device in ("cpu", "cuda", "mps"))


def test_it_sets_the_plot_style():
    matplotlib.rcdefaults()
    before = dict(matplotlib.rcParams)
    tl.start()
    assert dict(matplotlib.rcParams) != before


def test_future_changes_are_silent_and_other_warnings_are_not():
    tl.start()
    with warnings.catch_warnings(record=True) as seen:
        warnings.warn("gone in the next version", FutureWarning, stacklevel=1)
        warnings.warn("this result is wrong", UserWarning, stacklevel=1)
    assert [str(warning.message) for warning in seen] == ["this result is wrong"]


@pytest.mark.parametrize("seed", ["0", 1.0, None, True])
def test_the_seed_is_a_whole_number(seed):
    with pytest.raises(TypeError, match="seed is .*a whole number"):
        tl.start(seed=seed)
