"""The commands that pretrain: weights, history, going on, two processes, and reading back."""

import os
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open

import tl_helpers as tl
from tl_helpers import files
from tl_helpers.pretraining import contrastive, masked, rotation, script, supervised

# file of the room, flags, and what reads back what is written
COMMANDS = [
    (contrastive, [], tl.pretraining.load_simclr),
    (contrastive, ["--jitter", "0"], lambda: tl.pretraining.load_simclr(jitter=False)),
    (masked, [], tl.pretraining.load_masked),
    (rotation, [], tl.pretraining.load_rotation),
    (supervised, [], tl.pretraining.load_supervised),
    (supervised, ["--source", "glyphs"], lambda: tl.pretraining.load_supervised("glyphs")),
]
IDS = [" ".join([module.__name__.split(".")[-1], *flags]) for module, flags, _ in COMMANDS]
NAMES = ["contrastive", "masked", "rotation", "supervised"]


def command(name, output, *flags, launcher=()):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TL_PROGRESS": "off"}
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", *launcher, "-m"]
        + [f"tl_helpers.pretraining.{name}", "--output", output, "--images", "70", *flags],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def history_in(file):
    with safe_open(file, framework="pt") as opened:
        return tl.History.from_json(opened.metadata()["history"])


@pytest.mark.parametrize("name", NAMES)
def test_a_command_runs_under_torchrun_and_goes_on_alone(tmp_path, name):
    output = tmp_path / "new" / "any.safetensors"
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    told = command(name, output, "--epochs", "1", launcher=launcher)
    first = history_in(output)
    assert told.count("SHA-256") == 1 and len(first) == 1
    told = command(name, output, "--epochs", "2", "--resume")
    both = history_in(output)
    assert files.sha256(output) in told and len(both) == 2
    assert both.seconds[0] == first.seconds[0]  # the second took the first one up


@pytest.mark.parametrize("module, flags, load", COMMANDS, ids=IDS)
def test_what_ships_is_noted_and_read_back(tmp_path, monkeypatch, module, flags, load):
    monkeypatch.setattr(script, "DATA", tmp_path)
    monkeypatch.setattr(script, "WEIGHTS", tmp_path / "weights")
    (tmp_path / "checksums.json").write_text("{}")
    module.main(["--epochs", "1", "--images", "70", *flags])
    monkeypatch.setattr(files, "DATA", tmp_path)
    found, history = load()
    assert len(history) == 1
    (file,) = (tmp_path / "weights").glob("*.safetensors")
    state = found.state_dict()
    with safe_open(file, framework="pt") as opened:
        assert len(list(opened.keys())) == len(state)
        for name in opened.keys():
            assert opened.get_tensor(name).equal(state[name.partition(".")[2]]), name
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(
        files.FileProblem, match=f"damaged.*git checkout -- data/weights/{file.name}"
    ):
        load()


def test_jitter_reaches_the_views(tmp_path, monkeypatch):
    seen = []

    def spy(images, jitter):
        seen.append(jitter)
        return images

    monkeypatch.setattr(contrastive, "random_views", spy)
    output = str(tmp_path / "any.safetensors")
    contrastive.main(["--epochs", "1", "--images", "20", "--output", output, "--jitter", "0.1"])
    assert seen == [0.1, 0.1]


def test_the_shipped_learners_have_learned():
    """What they were trained for, on images that they have not seen."""
    task = tl.data.fashion_mnist()
    images = task.valid.inputs[:200].float() / 255
    torch.manual_seed(0)
    turned, turns = rotation.turned(images)
    model, _ = tl.pretraining.load_rotation()
    assert (model.eval()(turned).argmax(1) == turns).float().mean() > 0.9
    learner, _ = tl.pretraining.load_masked()
    mask = tl.pretraining.patch_mask(images)
    mean = (task.train.inputs[:2000] / 255).mean(0).expand_as(images)
    wrong = tl.pretraining.masked_loss(learner.eval()(images, mask), images, mask)
    assert wrong < tl.pretraining.masked_loss(mean, images, mask) / 2
    for jitter in (True, False):
        learner, _ = tl.pretraining.load_simclr(jitter)
        views = (learner.eval()(tl.pretraining.random_views(images, jitter=0)) for _ in range(2))
        assert tl.pretraining.nt_xent(*views, 0.2) < 4  # log(2N - 1) is 6.0
    for source, data in (("fashion", task), ("glyphs", tl.data.glyphs())):
        model, _ = tl.pretraining.load_supervised(source)
        assert tl.evaluate(model, data.valid).accuracy > 0.8


def test_an_unknown_source_is_refused():
    with pytest.raises(ValueError, match="source is 'emoji': accepted are fashion, glyphs"):
        tl.pretraining.load_supervised("emoji")
