"""Checkpoints: a run that was interrupted and resumed equals one that was not, bit for bit."""

import os
import subprocess
import sys

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import tl_helpers as tl
from tests.training.conftest import Split, assert_same, make_mlp, make_split, make_task, weights
from tl_helpers.transfer import GradualUnfreezing

# A process of its own runs every variant: trains with dropout, BatchNorm, augmentation and
# accumulation; interrupts itself (by the signal of Ctrl-C, or by an exception inside the loss) at
# some step, or resumes; and saves what came out.
VARIANTS = {
    "signal": {"loader": False, "precision": "float32", "schedule": "cosine"},
    "raise": {"loader": False, "precision": "float32", "schedule": None},
    "loader": {"loader": True, "precision": "float16", "schedule": None},
    "own": {"loader": True, "precision": "float32", "schedule": None},
}
SCRIPT = """
import os, random, signal, sys
import numpy as np, torch
from torch.utils.data import DataLoader, TensorDataset
import tl_helpers as tl
from tests.training.conftest import make_mlp, make_task
from tests.training.test_checkpoints import VARIANTS

folder, stage = sys.argv[1:]

def run(name, loader, precision, schedule):
    task, model, calls = make_task(50), make_mlp(dropout=0.4, batchnorm=True), 0
    data = task
    if loader:
        pairs = TensorDataset(task.train.inputs, task.train.labels)
        own = torch.Generator().manual_seed(3) if name == "own" else None
        data = DataLoader(pairs, 8, shuffle=True, generator=own)

    def augment(item):
        noise = 0.1 * torch.randn_like(item)
        # Python's and NumPy's states are as the interruption finds them: a signal waits for the
        # end of the step, an exception does not.
        return noise + item + (0 if name == "raise" else 0.1 * (random.random() + np.random.rand()))

    def loss(logits, labels):
        nonlocal calls
        calls += torch.is_grad_enabled()
        if stage == "first" and calls == 10:
            calls += 1
            if name == "raise":
                raise KeyboardInterrupt
            os.kill(os.getpid(), signal.SIGINT)
        return torch.nn.functional.cross_entropy(logits, labels)

    history = tl.fit(
        model, data, valid=task.valid, epochs=4, lr=0.02, batch_size=8, loss=loss, accumulate=2,
        augment=augment, early_stopping=50, precision=precision, device="cpu", schedule=schedule,
        checkpoint=None if stage == "straight" else f"{folder}/{name}.run",
        resume=stage == "resumed",
    )
    return {"weights": model.state_dict(), "losses": history.train_loss,
            "valid": history.valid_loss, "interrupted": history.interrupted}

torch.save({name: run(name, **variant) for name, variant in VARIANTS.items()}, f"{folder}/{stage}")
"""


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    environment = {**os.environ, "TL_PROGRESS": "off", "OMP_NUM_THREADS": "1"}
    for stage in ("straight", "first", "resumed"):
        command = [sys.executable, "-c", SCRIPT, str(folder), stage]
        subprocess.run(command, check=True, env=environment, timeout=180)
    return {stage: torch.load(folder / stage) for stage in ("straight", "first", "resumed")}


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_resume_in_a_fresh_process_is_exact(stages, name):
    # 7 batches an epoch in windows of 2: batch 10 is the third of the second epoch
    straight, first, resumed = (stages[stage][name] for stage in ("straight", "first", "resumed"))
    assert first["interrupted"] and len(first["losses"]) == 1
    assert not resumed["interrupted"]
    assert resumed["losses"] == straight["losses"]
    expected, found = straight["weights"], resumed["weights"]
    if name == "raise":  # the broken step had already moved BatchNorm's statistics
        moved = ("1.running_mean", "1.running_var", "1.num_batches_tracked")
        expected, found = (
            {key: value for key, value in held.items() if key not in moved}
            for held in (expected, found)
        )
    else:
        assert resumed["valid"] == straight["valid"]
    assert_same(expected, found)


def test_epochs_may_grow_under_a_constant_rate(tmp_path):
    straight, grown = make_mlp(0.3), make_mlp(0.3)
    long = tl.fit(straight, make_task(), epochs=5, batch_size=8)
    path = tmp_path / "run.pt"
    tl.fit(grown, make_task(), epochs=2, batch_size=8, checkpoint=path)
    fresh = make_mlp(0.3, seed=9)
    history = tl.fit(fresh, make_task(), epochs=5, batch_size=8, checkpoint=path, resume=True)
    assert_same(weights(straight), weights(fresh))
    assert history.train_loss == long.train_loss and len(history) == 5


def test_a_finished_run_returns_what_it_was(tmp_path):
    path, model = tmp_path / "run.pt", make_mlp()
    history = tl.fit(model, make_task(), epochs=2, checkpoint=path)
    again = make_mlp(seed=9)
    assert tl.fit(again, make_task(), epochs=2, checkpoint=path, resume=True) == history
    assert_same(weights(model), weights(again))


def test_early_stopping_remembers(tmp_path):
    path, models = tmp_path / "run.pt", [make_mlp(), make_mlp(seed=9)]
    kwargs = {"lr": 0.05, "early_stopping": 5, "checkpoint": path}
    straight = tl.fit(models[0], make_task(12), epochs=300, **kwargs)
    assert len(straight) < 300
    resumed = tl.fit(models[1], make_task(12), epochs=300, resume=True, **kwargs)
    assert resumed == straight
    assert_same(weights(models[0]), weights(models[1]))


def test_cached_features_resume(tmp_path):
    path, models = tmp_path / "run.pt", [Split(0.3), Split(0.3, seed=0)]
    for model in models:
        model.backbone.requires_grad_(False)
    tl.fit(models[0], make_task(), epochs=4, batch_size=8)
    tl.fit(models[1], make_task(), epochs=2, batch_size=8, checkpoint=path)
    tl.fit(models[1], make_task(), epochs=4, batch_size=8, checkpoint=path, resume=True)
    assert_same(weights(models[0]), weights(models[1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 16}, "written with batches an epoch = 7, this run has 4"),
        ({"precision": "bfloat16"}, "written with precision"),
        ({"accumulate": 2}, "written with accumulate"),
        ({"schedule": "cosine"}, "written with schedule"),
        ({"epochs": 1}, "already holds 2"),
        ({"callbacks": [GradualUnfreezing()]}, "callbacks"),
        ({"lr": 0.5}, "written with lr of optimizer = 0.001, this run has 0.5"),
        ({"optimizer": "sgd"}, "written with optimizer = AdamW, this run has SGD"),
        ({"weight_decay": 0.1}, "written with weight_decay of optimizer = 0.0, this run has 0.1"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, change, message):
    path = tmp_path / "run.pt"
    kwargs = {"epochs": 2, "batch_size": 8, "checkpoint": path}
    tl.fit(make_mlp(), make_split(50), **kwargs)
    with pytest.raises(ValueError, match=message):
        tl.fit(make_mlp(), make_split(50), **{**kwargs, "resume": True, **change})


def test_a_schedule_that_depends_on_the_length_refuses_more_epochs(tmp_path):
    kwargs = {"checkpoint": tmp_path / "run.pt", "schedule": "one_cycle"}
    tl.fit(make_mlp(), make_split(), epochs=2, **kwargs)
    with pytest.raises(ValueError, match="steps of the schedule"):
        tl.fit(make_mlp(), make_split(), epochs=3, resume=True, **kwargs)


def test_missing_and_damaged_files(tmp_path):
    path = tmp_path / "run.pt"
    with pytest.raises(FileNotFoundError, match="does not exist"):
        tl.fit(make_mlp(), make_split(), checkpoint=path, resume=True)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(ValueError, match="cannot be read"):
        tl.fit(make_mlp(), make_split(), checkpoint=path, resume=True)
    torch.save({"weights": 1}, path)
    with pytest.raises(ValueError, match="not written by"):
        tl.fit(make_mlp(), make_split(), checkpoint=path, resume=True)


def test_writing_is_atomic(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    tl.fit(make_mlp(), make_split(), checkpoint=path)
    before = path.read_bytes()

    def torn(contents, file):
        file.write(b"half")
        raise OSError("disk is full")

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(OSError, match="disk is full"):
        tl.fit(make_mlp(), make_split(), checkpoint=path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


def test_where_no_file_can_be_written_is_said_before_the_first_epoch(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "run.pt"):
        model = make_mlp()
        with pytest.raises(ValueError, match="which is a folder|which cannot be written"):
            tl.fit(model, make_split(), checkpoint=path)
        assert_same(weights(model), weights(make_mlp()))


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead, alive = (tmp_path / f"run[1].pt.part{number}" for number in (child.pid, os.getppid()))
    other = tmp_path / "run2.pt.part1"
    for file in (dead, alive, other):
        file.write_bytes(b"half")
    tl.fit(make_mlp(), make_split(), checkpoint=tmp_path / "run[1].pt")
    assert not dead.exists() and alive.exists() and other.exists()


def test_a_loader_with_a_generator_of_its_own_resumes_exactly(tmp_path):
    split, path = make_split(), tmp_path / "run.pt"

    def loader():
        pairs = TensorDataset(split.inputs, split.labels)
        return DataLoader(pairs, 8, shuffle=True, generator=torch.Generator().manual_seed(3))

    straight, resumed = make_mlp(), make_mlp()
    tl.fit(straight, loader(), epochs=4)
    tl.fit(resumed, loader(), epochs=2, checkpoint=path)
    tl.fit(resumed, loader(), epochs=4, checkpoint=path, resume=True)
    assert_same(weights(straight), weights(resumed))
