"""Two gloo processes on the CPU equal one process at the same global batch."""

import os
import socket
import subprocess
import sys

import pytest
import torch

from tests.training.conftest import assert_same

KINDS = ("plain", "accumulate", "clip", "list", "frozen", "float16", "pixels", "heads", "norm")
SCRIPT = """
import atexit, os, sys
import torch

@atexit.register  # what is registered first is called last
def alone():
    if torch.distributed.is_initialized():
        os._exit(7)

import tl_helpers as tl
from tests.training.conftest import Split, make_mlp, make_task
from tests.training.test_distributed import KINDS
from tests.training.test_losses import make

def run(kind):
    # float16: whether the first, largest scale overflows should not hang on the shares
    task = make_task(41 if kind == "float16" else 42)
    # Batches of 8; the last holds two samples: none is left for process 1
    model = Split() if kind == "frozen" else make_mlp()
    if kind == "frozen":
        model.backbone.requires_grad_(False)
    data, more = task, {}
    if kind in ("pixels", "heads"):  # some labels do not count, in all of a batch even
        model, data, more["loss"], _ = make(kind, 42)
    if kind == "norm":
        model = make_mlp(batchnorm=True)  # statistics go by process: it must learn, and agree
    if kind == "list":
        data = list(tl.data.batches(task.train.inputs, task.train.labels, batch_size=8))
    history = tl.fit(
        model, data, valid=data if kind in ("pixels", "heads") else task.valid, epochs=3, **more, lr=0.05, optimizer="sgd", batch_size=8,
        accumulate=2 if kind in ("accumulate", "heads") else 1, clip_norm=0.5 if kind == "clip" else None,
        checkpoint=f"{out}-{kind}.run", device="cpu",
        precision="float16" if kind == "float16" else "auto",
    )
    return {"weights": model.state_dict(), "train": history.train_loss,
            "valid": history.valid_loss, "accuracy": history.valid_accuracy}

def items_seen():
    torch.manual_seed(int(os.environ.get("RANK", "0")))  # each process would draw another seed
    seen, model = [], torch.nn.Linear(1, 1)

    def step(batch, update):
        seen.extend(batch[0].flatten().tolist())
        update(model(batch[0]).mean())
        return {}

    items = torch.arange(40.0)[:, None]
    tl.run(step, tl.data.batches(items, items, batch_size=8, shuffle=True, seed=None), 1,
           modules={"model": model}, optimizers={"sgd": torch.optim.SGD(model.parameters(), 0.0)},
           seed=None, device="cpu")
    return seen

out = sys.argv[1]
torch.save({"seen": items_seen()} | {kind: run(kind) for kind in KINDS}, out + os.environ.get("RANK", "0"))
"""


def run_script(out, processes):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    workers = []
    for rank in range(processes):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TL_PROGRESS": "off"}
        if processes > 1:  # what torchrun sets
            environment |= {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(processes),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
            }
        command = [sys.executable, "-c", SCRIPT, str(out)]
        workers.append(subprocess.Popen(command, env=environment))
    try:
        assert [worker.wait(timeout=180) for worker in workers] == [0] * processes
    finally:
        for worker in workers:
            worker.kill()
    return [torch.load(f"{out}{rank}") for rank in range(processes)]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    return (*run_script(folder / "alone", 1), *run_script(folder / "pair", 2), folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_equal_one(results, kind):
    alone, first, second = (result[kind] for result in results[:3])
    loose = {"rtol": 1e-2, "atol": 2e-3} if kind == "float16" else {"rtol": 1e-4, "atol": 1e-6}
    assert_same(first["weights"], second["weights"])
    if kind == "norm":
        assert first["train"][-1] < first["train"][0]
        return
    assert_same(alone["weights"], first["weights"], **loose)
    for name in ("train", "valid", "accuracy"):
        assert first[name] == second[name]
        if kind == "heads" and name == "accuracy":  # each head has its own
            continue
        assert first[name] == pytest.approx(alone[name], rel=1e-2 if kind == "float16" else 1e-4)


def test_one_file_is_written_by_all_processes_together(results):
    written = sorted(file.name for file in results[3].glob("*.run*"))
    assert written == sorted(f"{who}-{kind}.run" for who in ("alone", "pair") for kind in KINDS)


def test_without_a_seed_the_processes_still_share_each_batch(results):
    alone, first, second = (result["seen"] for result in results[:3])
    assert sorted(first + second) == sorted(alone) == list(range(40))
