"""What only an accelerator, or half precision, can break; each also runs on the CPU."""

import importlib
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import tl_helpers as tl
from tests.training.conftest import Split, assert_same, make_mlp, make_split, make_task, weights

# tl_helpers.training.fit is the function
fit_module = importlib.import_module("tl_helpers.training.fit")


def test_a_second_forward_in_a_step_sees_the_new_weights(device):
    """Autocast remembers the rounded weights until its context ends: an update has to clear them."""
    model, outputs = nn.Linear(4, 2), []

    def step(batch, update):
        before = model(batch)
        update(before.float().square().mean())
        outputs.append((before, model(batch)))

    tl.run(
        step,
        [torch.ones(3, 4)],
        1,
        modules={"m": model},
        optimizers={"o": torch.optim.SGD(model.parameters(), lr=1.0)},
        precision="bfloat16",
        device=device,
    )
    assert not torch.equal(*outputs[0])


def test_cached_features_of_inputs_that_do_not_fit(device, monkeypatch):
    """Inputs too large for the device stay on the CPU; their labels have to meet the features."""
    results = []
    for share in (1.0, 0.0):
        monkeypatch.setattr(fit_module, "SHARE_OF_MEMORY", share)
        model = Split()
        model.backbone.requires_grad_(False)
        tl.fit(model, make_task(60), epochs=2, device=device, cache_features=True)
        results.append(weights(model))
    assert_same(*results, rtol=1e-4, atol=1e-5)


def test_inputs_that_do_not_fit_train_batch_by_batch(device, monkeypatch):
    monkeypatch.setattr(fit_module, "SHARE_OF_MEMORY", 0.0)
    history = tl.fit(make_mlp(), make_task(60), epochs=8, lr=1e-2, device=device)
    assert history.train_loss[-1] < history.train_loss[0]


def test_a_view_whose_elements_share_memory(device):
    """A grey image expanded to three channels cannot be pinned as it is."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).to(device)
    grey = torch.rand(5, 1, 2, 2)
    logits = tl.predict(model, grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(logits, tl.predict(model, grey.repeat(1, 3, 1, 1)))


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_resume_is_exact(device, tmp_path, precision):
    whole, parts, task = make_mlp(0.3, batchnorm=True), None, make_task(60)
    options = {"lr": 1e-2, "batch_size": 16, "device": device, "precision": precision}
    history = tl.fit(whole, task, epochs=4, **options)
    file = tmp_path / "run.pt"
    tl.fit(make_mlp(0.3, batchnorm=True), task, epochs=2, checkpoint=file, **options)
    parts = make_mlp(0.3, batchnorm=True)
    resumed = tl.fit(parts, task, epochs=4, checkpoint=file, resume=True, **options)
    assert resumed.train_loss == history.train_loss
    assert_same(weights(whole), weights(parts))


def test_a_ready_fused_optimizer_follows_the_model(device):
    """Its memory comes from a run on the CPU: the count of steps has to move along too."""
    model = make_mlp()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=True)
    for where in ("cpu", device, "cpu"):
        history = tl.fit(model, make_split(), optimizer=optimizer, device=where)
    assert len(history) == 1


def test_channels_last_does_not_change_what_is_learned(device):
    split = SimpleNamespace(
        inputs=torch.rand(40, 1, 16, 16, generator=torch.Generator().manual_seed(0)),
        labels=torch.arange(40) % 3,
    )
    losses = []
    for precision in ("float32", "bfloat16"):
        torch.manual_seed(0)
        model = tl.models.small_cnn(3, in_channels=1)
        losses.append(tl.fit(model, split, epochs=3, device=device, precision=precision).train_loss)
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
