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


def history_in(file):
    with safe_open(file, framework="pt") as opened:
        return tl.History.from_json(opened.metadata()["history"])


@pytest.mark.parametrize("module", [contrastive, masked, rotation, supervised])
def test_a_command_goes_on(tmp_path, module, capsys):
    output = tmp_path / "new" / "any.safetensors"
    flags = ["--output", str(output), "--images", "70"]
    module.main(["--epochs", "1", *flags])
    first = history_in(output)
    module.main(["--epochs", "2", "--resume", *flags])
    both = history_in(output)
    assert files.sha256(output) in capsys.readouterr().out
    assert (len(first), len(both)) == (1, 2)
    assert both.seconds[0] == first.seconds[0]  # the second took the first one up


@pytest.mark.slow
def test_a_command_runs_under_torchrun(tmp_path):
    """One of them, in processes of their own: they share the loop, and the loop has its tests."""
    output = tmp_path / "pair.safetensors"
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-m", "torch.distributed.run"]
        + ["--standalone", "--nproc-per-node", "2", "-m", "tl_helpers.pretraining.contrastive"]
        + ["--output", output, "--images", "70", "--epochs", "1"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "TL_PROGRESS": "off"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("SHA-256") == 1 and len(history_in(output)) == 1


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
