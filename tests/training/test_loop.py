"""The engine: what one step does, what accumulation and several optimizers mean, how it stops."""

import os
import signal
import threading
from collections import UserDict, namedtuple
from types import MappingProxyType

import pytest
import torch
from torch import nn

import tl_helpers as tl
from tests.training.conftest import assert_same, make_mlp, make_split, make_task, weights
from tl_helpers.data.batches import batches
from tl_helpers.training.train_mode import train_mode
from tl_helpers.training.update import NonFiniteLoss


def by_hand(model, split, optimizer, epochs, batch_size, schedule=None, clip_norm=None):
    """The loop that everybody writes: what ours has to equal."""
    losses, total, done = [], epochs * -(-len(split.inputs) // batch_size), 0
    walk = batches(split.inputs, split.labels, batch_size=batch_size, shuffle=True, seed=0)
    base = [group["lr"] for group in optimizer.param_groups]
    for _ in range(epochs):
        model.train()
        summed = 0.0
        for inputs, labels in walk:
            if schedule is not None:
                for group, lr in zip(optimizer.param_groups, base, strict=True):
                    group["lr"] = lr * schedule(done, total)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            if clip_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
            optimizer.step()
            summed += loss.item() * len(labels)
            done += 1
        losses.append(summed / len(split.inputs))
    return losses


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize(
    "extra", [{}, {"clip_norm": 0.1}, {"schedule": lambda step, total: 1 - step / total}]
)
def test_equals_a_hand_written_loop(name, extra):
    task, ours, theirs = make_task(), make_mlp(0.3, batchnorm=True), make_mlp(0.3, batchnorm=True)
    history = tl.fit(ours, task, epochs=3, lr=0.05, optimizer=name, batch_size=8, seed=0, **extra)
    made = {
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0, fused=True),
        "adam": lambda p: torch.optim.Adam(p, lr=0.05, fused=True),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    }[name](theirs.parameters())
    torch.manual_seed(tl.seeds.offset(0))
    losses = by_hand(theirs, task.train, made, 3, 8, **extra)
    assert_same(weights(ours), weights(theirs))
    assert history.train_loss == pytest.approx(losses, rel=1e-6)
    assert len(history) == 3


def test_metrics_are_weighted_by_sample(device):
    inputs = torch.arange(5.0).view(5, 1)  # batches of 4 and 1: means 1.5 and 4
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)

    def step(batch, update):
        update(model(batch).sum() * 0)
        return {"value": batch.mean(), "plain": 1.0}

    history = tl.run(
        step,
        [inputs[:4], inputs[4:]],
        1,
        modules={"m": model},
        optimizers={"o": optimizer},
        device=device,
    )
    assert history.metrics["train_value"] == [pytest.approx(2.0)]
    assert history.metrics["train_plain"] == [1.0]


@pytest.mark.parametrize("count", [48, 43])  # 43: the last window holds fewer samples
def test_accumulation_equals_the_large_batch(count, device):
    split, large, small = make_split(count), make_mlp(), make_mlp()
    kwargs = {"epochs": 3, "optimizer": "sgd", "lr": 0.1, "device": device, "precision": "float32"}
    tl.fit(large, split, batch_size=16, **kwargs)
    tl.fit(small, split, batch_size=4, accumulate=4, **kwargs)
    assert_same(weights(large), weights(small), rtol=1e-4, atol=1e-5)


def test_with_two_optimizers_a_loss_reaches_only_its_own():
    generator, critic = nn.Linear(2, 2), nn.Linear(2, 1)
    optimizers = {
        "generator": torch.optim.SGD(generator.parameters(), lr=0.1),
        "critic": torch.optim.SGD(critic.parameters(), lr=0.1),
    }
    before = {"generator": weights(generator), "critic": weights(critic)}
    seen = []

    def step(batch, update):
        loss = critic(generator(batch)).mean()
        update(loss, "generator")  # flows through the critic, must not change or mark it
        seen.append([p.grad for p in critic.parameters()])
        return {"loss": loss}

    modules = {"generator": generator, "critic": critic}
    tl.run(step, [torch.ones(4, 2)], 1, modules=modules, optimizers=optimizers, device="cpu")
    assert_same(before["critic"], weights(critic))
    assert not torch.equal(before["generator"]["weight"], generator.weight)
    assert seen == [[None, None]]

    def unclear(batch, update):
        update(critic(generator(batch)).mean())

    with pytest.raises(ValueError, match="'generator', 'critic'"):
        tl.run(unclear, [torch.ones(4, 2)], 1, modules=modules, optimizers=optimizers)


def test_frozen_submodules_run_as_in_evaluation():
    model = nn.Sequential(
        nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout(0.5)), nn.Linear(2, 2)
    )
    model[0].requires_grad_(False)
    train_mode(model)
    assert not any(part.training for part in model[0].modules())
    assert model.training and model[1].training
    model[0][1].moving_statistics = True
    train_mode(model)
    assert model[0][1].training and not model[0][2].training


def test_non_finite_loss_stops_with_the_weights_of_the_step_before(device):
    model, count = make_mlp(), 0

    def loss(logits, labels):
        nonlocal count
        count += 1
        value = nn.functional.cross_entropy(logits, labels)
        return value * float("nan") if count == 10 else value

    # 7 batches an epoch; one call of the loss is validation's
    with pytest.raises(
        NonFiniteLoss, match=r"nan after .* learning rate 0\.01.*clip_norm"
    ) as caught:
        tl.fit(model, make_split(50), epochs=3, lr=0.01, loss=loss, batch_size=8, device=device)
    assert len(caught.value.history) == 1
    if device.type == "cpu":
        assert "after 9 optimizer steps" in str(caught.value)
        assert all(torch.isfinite(value).all() for value in weights(model).values())


def test_interruption_finishes_the_step_and_returns_the_history():
    model, steps = make_mlp(), []

    def loss(logits, labels):
        steps.append(len(labels))
        if len(steps) == 9:
            os.kill(os.getpid(), signal.SIGINT)
        return nn.functional.cross_entropy(logits, labels)

    handler = signal.getsignal(signal.SIGINT)
    history = tl.fit(model, make_split(50), epochs=3, loss=loss, batch_size=8, device="cpu")
    assert history.interrupted and len(history) == 1 and len(steps) == 9
    assert signal.getsignal(signal.SIGINT) is handler
    assert not model.training


def test_stop_from_another_thread_interrupts():
    class Watch:
        def on_epoch_start(self, state):
            self.state = state

    watch, outcome, steps = Watch(), [], []
    in_mid_epoch, go_on = threading.Event(), threading.Event()

    def loss(logits, labels):
        if logits.requires_grad:
            steps.append(1)
        if len(steps) == 3:  # of 7 batches
            in_mid_epoch.set()
            assert go_on.wait(60)
        return nn.functional.cross_entropy(logits, labels)

    def work():
        kwargs = {"epochs": 3, "batch_size": 8, "loss": loss, "callbacks": [watch]}
        outcome.append(tl.fit(make_mlp(), make_split(), **kwargs))

    thread = threading.Thread(target=work)
    thread.start()
    assert in_mid_epoch.wait(60)
    watch.state.stop = True
    go_on.set()
    thread.join(60)
    assert not thread.is_alive() and outcome[0].interrupted and len(steps) == 3


def test_randomness_outside_is_left_as_it_was():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    tl.fit(make_mlp(0.5, seed=5), make_split(), epochs=1, device="cpu")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    tl.fit(nn.Sequential(nn.Linear(6, 3), nn.Dropout(0.5)), make_split(), epochs=1, device="cpu")
    torch.set_rng_state(before)
    assert torch.equal(torch.rand(3), expected)


def test_same_seed_same_run_other_seed_other_run():
    results = []
    for seed in (0, 0, 1):
        model = make_mlp(0.3)
        tl.fit(model, make_split(), epochs=2, seed=seed, device="cpu")
        results.append(weights(model))
    assert_same(results[0], results[1])
    assert not torch.equal(results[0]["0.weight"], results[2]["0.weight"])


def test_seed_is_offset_by_the_environment(monkeypatch):
    results = []
    for offset in ("0", "3"):
        monkeypatch.setenv("TL_SEED", offset)
        model = make_mlp()
        tl.fit(model, make_split(), epochs=1, batch_size=8, device="cpu")
        results.append(weights(model))
    assert not torch.equal(results[0]["0.weight"], results[1]["0.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": 2.5}, "epochs is 2.5"),
        ({"accumulate": 0}, "accumulate is 0"),
        ({"clip_norm": 0}, "clip_norm is 0"),
        ({"resume": True}, "resume=True needs checkpoint"),
        ({"precision": "int8"}, "precision is 'int8'"),
        ({"device": "warp"}, "device is 'warp'"),
        ({"schedule": "steps"}, "schedule is 'steps'"),
        ({"batches": []}, "batches is empty"),
        ({"batches": 3}, "batches must be an iterable"),
        ({"batches": iter([torch.ones(2, 2)]), "epochs": 2}, "walked through once"),
        ({"modules": {}}, "modules must be a dictionary"),
        ({"step": None}, "step must be a function"),
    ],
)
def test_bad_input_raises_at_the_call(change, message):
    model = nn.Linear(2, 2)
    good = {
        "step": lambda batch, update: update(model(batch).mean()),
        "batches": [torch.ones(2, 2)],
        "epochs": 1,
        "modules": {"model": model},
        "optimizers": {"optimizer": torch.optim.SGD(model.parameters(), lr=0.1)},
    }
    with pytest.raises((ValueError, TypeError), match=message):
        tl.run(**{**good, **change})


def test_a_loss_with_many_numbers_is_refused():
    with pytest.raises(ValueError, match="one number, not a tensor of shape"):
        tl.fit(
            make_mlp(),
            make_split(),
            loss=lambda logits, labels: nn.functional.cross_entropy(
                logits, labels, reduction="none"
            ),
        )


Pair = namedtuple("Pair", ["image", "label"])


@pytest.mark.parametrize(
    ("batch", "look"),
    [
        (Pair(torch.ones(4, 2), torch.zeros(4)), lambda batch: batch.image),
        (UserDict(image=torch.ones(4, 2)), lambda batch: batch.data["image"]),
        (MappingProxyType({"image": torch.ones(4, 2)}), lambda batch: batch["image"]),
        ([torch.ones(4, 2), "word"], lambda batch: batch[0]),
        ({"deep": (torch.ones(4, 2),)}, lambda batch: batch["deep"][0]),
    ],
)
def test_batches_keep_their_kind(batch, look, device):
    model, kinds = nn.Linear(2, 1), []

    def step(batch, update):
        assert look(batch).device.type == device.type
        kinds.append(type(batch))
        update(model(look(batch)).mean())

    tl.run(
        step,
        [batch],
        1,
        modules={"m": model},
        optimizers={"o": torch.optim.SGD(model.parameters(), lr=0.1)},
        device=device,
    )
    assert kinds == [dict if isinstance(batch, MappingProxyType) else type(batch)]


def test_what_counts_may_be_something_else_than_samples():
    """Sentences of 3, 1 and 2 words: a mean over words, by one batch or by windows of three."""
    words = torch.tensor([[1.0, 2, 3], [4, 0, 0], [5, 6, 0]])

    def trained(batches, accumulate):
        model = nn.Linear(1, 1, bias=False)
        nn.init.ones_(model.weight)

        def step(batch, update):
            there = batch != 0
            loss = (model(batch[there].unsqueeze(1)) ** 2).mean()
            update(loss)
            return {"loss": loss}

        history = tl.run(
            *(step, batches, 1),
            modules={"m": model},
            optimizers={"o": torch.optim.SGD(model.parameters(), lr=1e-3)},
            count=lambda batch: int((batch != 0).sum()),
            accumulate=accumulate,
        )
        return model.weight.item(), history.train_loss[0]

    whole, parts = trained([words], 1), trained(list(words.split(1)), 3)
    assert parts == pytest.approx(whole, rel=1e-6)
    assert whole[1] == pytest.approx((words**2).sum().item() / 6)
