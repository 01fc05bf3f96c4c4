"""fit: what it accepts, what reaches the model, what it refuses."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tl_helpers as tl
from tests.training.conftest import Split, assert_same, make_mlp, make_split, make_task, weights
from tl_helpers.training.optimizers import make_optimizer


def images(count=20, dtype=torch.uint8, classes=3):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(256, (count, 1, 4, 4), generator=generator, dtype=torch.uint8)
    labels = torch.arange(count) % classes
    return SimpleNamespace(inputs=inputs.to(dtype), labels=labels)


class Watcher(nn.Module):
    """Remembers what reached it."""

    def __init__(self):
        super().__init__()
        self.linear, self.seen = nn.Linear(16, 3), []

    def forward(self, inputs):
        self.seen.append(inputs)
        return self.linear(inputs.flatten(1))


def test_learns(device):
    task, model = make_task(200), make_mlp()
    history = tl.fit(model, task, epochs=20, lr=1e-2, device=device)
    assert history.train_loss[-1] < 0.5 * history.train_loss[0]
    assert tl.evaluate(model, task.test).accuracy > 0.6
    assert next(model.parameters()).device.type == device.type


def test_uint8_becomes_floats_in_0_1_and_floats_pass():
    model, split = Watcher(), images()
    tl.fit(model, split, batch_size=20)
    assert all(seen.dtype == torch.float32 and 0.9 < seen.max() <= 1 for seen in model.seen)
    split, model = images(), Watcher()
    split.inputs = split.inputs / 100 - 1  # standardised
    tl.fit(model, split, batch_size=20)
    assert model.seen[-1].max() > 1.4
    with pytest.raises(ValueError, match="float images from .*divide by 255"):
        tl.fit(model, images(dtype=torch.float32))


def test_augment_is_called_for_each_item_as_stored():
    seen, model = [], Watcher()

    def augment(item):
        seen.append(item)
        return item * 0

    tl.fit(model, images(), augment=augment, batch_size=8, epochs=2)
    assert len(seen) == 40 and seen[0].shape == (1, 4, 4) and seen[0].dtype == torch.uint8
    assert model.seen[-1].max() == 0


@pytest.mark.parametrize("kind", ["list", "loader", "batches", "generator"])
def test_takes_any_iterable_of_batches(kind):
    split, ours, theirs = make_split(), make_mlp(), make_mlp()
    walk = {
        "list": lambda: list(tl.data.batches(split.inputs, split.labels, batch_size=16)),
        "loader": lambda: DataLoader(TensorDataset(split.inputs, split.labels), batch_size=16),
        "batches": lambda: tl.data.batches(split.inputs, split.labels, batch_size=16),
        "generator": lambda: iter(tl.data.batches(split.inputs, split.labels, batch_size=16)),
    }[kind]
    history = tl.fit(ours, walk(), lr=0.01)
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=0.01, weight_decay=0, fused=True)
    for inputs, labels in walk():
        optimizer.zero_grad()
        nn.functional.cross_entropy(theirs(inputs), labels).backward()
        optimizer.step()
    assert_same(weights(ours), weights(theirs))
    assert history.valid_loss == []


def test_a_loader_with_a_generator_gives_the_order_it_gives_a_loop_of_ones_own():
    numbers = torch.arange(20.0)[:, None]

    def loader():
        generator = torch.Generator().manual_seed(0)
        data = TensorDataset(numbers, torch.zeros(20, dtype=torch.int64))
        return DataLoader(data, batch_size=4, shuffle=True, generator=generator)

    class Watch(nn.Linear):
        def forward(self, inputs):
            if self.training:
                seen.extend(inputs.flatten().tolist())
            return super().forward(inputs)

    seen = []
    tl.fit(Watch(1, 2), loader(), epochs=2)
    plain = loader()
    assert seen == [x for _ in range(2) for inputs, _ in plain for x in inputs.flatten().tolist()]


def test_data_that_is_on_the_device_stays_there(device):
    split, model = make_split(), make_mlp().to(device)
    there = SimpleNamespace(inputs=split.inputs.to(device), labels=split.labels.to(device))
    pointer = there.inputs.data_ptr()
    seen = []
    model[0].register_forward_pre_hook(lambda module, args: seen.append(args[0].device.type))
    tl.fit(model, there, valid=there, epochs=1, device=device)
    assert set(seen) == {device.type}
    assert there.inputs.device.type == device.type and there.inputs.data_ptr() == pointer


def test_a_ready_optimizer_and_a_factory():
    first, second, third = make_mlp(), make_mlp(), make_mlp()
    ready = torch.optim.SGD(first.parameters(), lr=0.1, momentum=0.5)
    tl.fit(first, make_split(), optimizer=ready)
    tl.fit(second, make_split(), optimizer=lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.5))
    tl.fit(
        third,
        make_split(),
        lr=0.1,
        optimizer=lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.5),
    )
    assert_same(weights(first), weights(second))
    assert_same(weights(first), weights(third))


def test_early_stopping_restores_the_best_weights(device):
    task, model = make_task(12), make_mlp()
    snapshots = []

    class Snapshot:
        def on_epoch_end(self, state):
            snapshots.append(weights(state.modules["model"]))

    history = tl.fit(
        model,
        task,
        epochs=300,
        lr=0.05,
        early_stopping=5,
        callbacks=[Snapshot()],
        device=device,
        precision="float32",
    )
    best = history.valid_loss.index(min(history.valid_loss))
    assert len(history) == best + 1 + 5 < 300
    assert_same(weights(model), snapshots[best])
    assert not torch.equal(snapshots[best]["0.weight"], snapshots[-1]["0.weight"])
    score = tl.evaluate(model, task.valid)
    assert score.loss == pytest.approx(min(history.valid_loss), rel=1e-5)


def test_weight_decay_and_l1_shrink_weights():
    plain, decayed, sparse = make_mlp(), make_mlp(), make_mlp()
    for model, extra in ((plain, {}), (decayed, {"weight_decay": 1.0}), (sparse, {"l1": 0.1})):
        history = tl.fit(model, make_split(), epochs=30, lr=0.01, **extra)
    norm = [sum(p.abs().sum() for p in m.parameters()).item() for m in (plain, decayed, sparse)]
    assert norm[1] < 0.9 * norm[0] and norm[2] < 0.5 * norm[0]
    model = make_mlp()
    at_start = tl.evaluate(model, make_split()).loss
    history = tl.fit(model, make_split(), l1=10.0, lr=1e-9, batch_size=100)
    assert history.train_loss[0] == pytest.approx(at_start, rel=1e-5)  # the penalty is not recorded


def test_regression_with_a_column_of_outputs_does_not_broadcast():
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 6, generator=generator)
    split = SimpleNamespace(inputs=inputs, labels=inputs @ torch.arange(6.0))
    torch.manual_seed(0)
    model = nn.Linear(6, 1)
    history = tl.fit(
        model, split, valid=split, epochs=60, lr=0.1, loss=nn.functional.mse_loss, batch_size=16
    )
    assert history.valid_loss[-1] < 0.01
    assert history.valid_accuracy[-1] is None


def test_half_precision_trains_with_loss_scaling(device):
    task = make_task(200)
    for precision in ("bfloat16", "float16"):
        model, dtypes, scales = make_mlp(), [], []
        model[0].register_forward_hook(lambda m, i, out, seen=dtypes: seen.append(out.dtype))

        def loss(logits, labels, seen=scales):
            value = nn.functional.cross_entropy(logits, labels)
            if value.requires_grad:
                value.register_hook(lambda gradient: seen.append(float(gradient)))
            return value

        history = tl.fit(
            model, task, epochs=10, lr=1e-2, precision=precision, device=device, loss=loss
        )
        assert dtypes[-1] == getattr(torch, precision)
        assert history.train_loss[-1] < history.train_loss[0]
        assert all(value.dtype == torch.float32 for value in weights(model).values())
        # with loss scaling the gradient that enters the loss is the scale; without it, 1
        assert (max(scales) > 1000) == (precision == "float16")


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_an_overflow_skips_the_step_and_lowers_the_scale(name):
    model, scales = nn.Linear(4, 2), []

    def step(batch, update):
        loss = model(batch).float().mean() * 3.0
        update(loss)
        scales.append(update.scaler.get_scale())
        if len(scales) == 1:
            first.append(weights(model))

    first, before = [], weights(model)
    tl.run(
        step,
        [torch.full((2, 4), 6e4)] * 3,
        1,
        modules={"m": model},
        optimizers={"o": make_optimizer(name, model, 1e-6)},
        precision="float16",
        device="cpu",
    )
    assert_same(before, first[0])
    assert scales[-1] < scales[0]
    assert_same(before, weights(model), atol=1e-3, rtol=0)  # the skipped step left no memory


def test_cached_features_equal_the_uncached_run(device):
    task, results = make_task(60), []
    for cache in (False, True, "auto"):
        model = Split(dropout=0.4)
        model.backbone.requires_grad_(False)
        calls = []
        model.backbone.register_forward_hook(lambda *_, seen=calls: seen.append(1))
        history = tl.fit(
            model,
            task,
            epochs=5,
            lr=0.05,
            batch_size=16,
            cache_features=cache,
            device=device,
            precision="float32",
        )
        results.append((weights(model), history, len(calls)))
    for other in results[1:]:
        assert_same(results[0][0], other[0], rtol=1e-4, atol=1e-5)
        assert other[1].train_loss == pytest.approx(results[0][1].train_loss, rel=1e-4)
        assert other[1].valid_accuracy == results[0][1].valid_accuracy
        assert other[2] < 10 < results[0][2]  # each input once, and a few to try


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda model: {"augment": lambda item: item}, "augmented"),
        (lambda model: model.backbone.requires_grad_(True) and {}, "not frozen"),
        (lambda model: {"callbacks": [tl.training.EarlyStopping(9)]}, "callbacks"),
        (lambda model: setattr(model.backbone[1], "moving_statistics", True), "statistics"),
        (lambda model: {"task": [(torch.ones(4, 6), torch.zeros(4).long())]}, "not tensors"),
    ],
)
def test_cache_features_true_raises_where_it_is_not_exact(change, reason):
    model = Split()
    model.backbone.requires_grad_(False)
    arguments = {"task": make_task(), "cache_features": True, **(change(model) or {})}
    with pytest.raises(ValueError, match=f"cache_features=True would not be exact.*{reason}"):
        tl.fit(model, **arguments)
    calls = []
    model.backbone.register_forward_hook(lambda *_: calls.append(1))
    arguments["cache_features"] = "auto"
    tl.fit(model, **arguments, epochs=4)
    assert len(calls) >= 4


@pytest.mark.slow
def test_compile_gives_the_same_weights():
    plain, compiled = make_mlp(), make_mlp()
    tl.fit(plain, make_split(), epochs=1)
    tl.fit(compiled, make_split(), epochs=1, compile=True)
    assert_same(weights(plain), weights(compiled), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "resnet18"}, "model is 'resnet18': a torch.nn.Module"),
        ({"task": 7}, "task must be a split or an iterable"),
        ({"task": SimpleNamespace(inputs=torch.ones(0, 6), labels=torch.ones(0).long())}, "empty"),
        ({"task": SimpleNamespace(inputs=torch.ones(3, 6), labels=torch.ones(2).long())}, "length"),
        (
            {"task": SimpleNamespace(inputs=torch.ones(3, 6), labels=torch.tensor([0, 1, 3]))},
            "labels go from 0 to 3, but the model has 3 classes",
        ),
        (
            {"task": SimpleNamespace(inputs=torch.ones(3, 6), labels=torch.tensor([0, -1, 2]))},
            "labels go from -1",
        ),
        ({"task": [(torch.ones(3, 6), torch.tensor([0, 1, 3]))]}, "labels go from 0 to 3"),
        ({"task": [torch.ones(3, 6)]}, "must be a pair"),
        (
            {"task": SimpleNamespace(inputs=torch.ones(3, 5), labels=torch.zeros(3).long())},
            r"cannot take inputs of shape \(5,\)",
        ),
        (
            {"task": SimpleNamespace(inputs=torch.ones(3, 6), labels=torch.zeros(3))},
            "float targets",
        ),
        ({"task": [(torch.ones(3, 6), torch.zeros(3).int())]}, "labels must be int64"),
        ({"task": SimpleNamespace(inputs=torch.ones(3, 6), labels=["a"] * 3)}, "labels has dtype"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"lr": 0.0}, "lr is 0.0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"l1": -1.0}, "l1 is -1.0"),
        ({"loss": "hinge"}, "loss is 'hinge'"),
        ({"optimizer": "lion"}, "optimizer is 'lion'"),
        ({"optimizer": lambda parameters: 3}, "optimizer returned a int"),
        ({"early_stopping": 2}, "early_stopping needs validation"),
        ({"early_stopping": 0, "valid": make_split()}, "early_stopping is 0"),
        ({"cache_features": "yes"}, "cache_features is 'yes'"),
        ({"lr": "1e-3"}, "lr is '1e-3': a number above 0"),
        ({"batch_size": 32.0}, "batch_size is 32.0: a whole number, 1 or more"),
        ({"l1": "a"}, "l1 is 'a': a number 0.0 or more|l1 is 'a': a number 0 or more"),
        ({"seed": 1.5}, "seed is 1.5: a whole number"),
        ({"callbacks": object()}, "callbacks must be a list of callbacks, not a object"),
        ({"callbacks": [object()]}, "a callback is an object with any of the methods on_epoch"),
        ({"augment": lambda item: None}, "augment returned a NoneType: a tensor"),
        ({"augment": 3}, "augment is 3"),
        ({"weight_decay": -0.1}, "weight_decay is -0.1: a number 0 or more"),
        ({"clip_norm": "a"}, "clip_norm is 'a': a number above 0"),
        ({"model": nn.Sequential(nn.LazyLinear(3))}, r"lazy layers .*call model\(inputs\[:2\]\)"),
    ],
)
def test_bad_input_raises_at_the_call(change, message):
    before = make_mlp()
    arguments = {"model": before, "task": make_split(), **change}
    with pytest.raises((ValueError, TypeError), match=message):
        tl.fit(**arguments)
    assert_same(weights(before), weights(make_mlp()))


def test_optimizer_and_frozen_parameters():
    model = make_mlp()
    model[0].requires_grad_(False)
    with pytest.raises(ValueError, match="holds 2 frozen parameters"):
        tl.fit(model, make_split(), optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    other = torch.optim.SGD(make_mlp().parameters(), lr=0.1)
    with pytest.raises(ValueError, match="no parameter of model"):
        tl.fit(model, make_split(), optimizer=other)
    ready = torch.optim.SGD(model[3].parameters(), lr=0.1)
    with pytest.raises(ValueError, match="belong to the optimizer"):
        tl.fit(model, make_split(), optimizer=ready, lr=0.1)
    model.requires_grad_(False)
    with pytest.raises(ValueError, match="no trainable parameter"):
        tl.fit(model, make_split())


@pytest.mark.parametrize(
    "change",
    [
        lambda labels: labels.int(),
        lambda labels: labels.numpy().astype("int16"),
        lambda labels: labels[:, None],
        lambda labels: labels.tolist(),
        lambda labels: labels.numpy()[::-1].copy()[::-1],
    ],
)
def test_labels_of_other_kinds_mean_the_same(change):
    expected, found, split = make_mlp(), make_mlp(), make_split()
    tl.fit(expected, split)
    other = SimpleNamespace(inputs=split.inputs.double().numpy(), labels=change(split.labels))
    tl.fit(found, other, valid=other)
    assert_same(weights(expected), weights(found))
    assert tl.evaluate(found, other) == tl.evaluate(found, split)


def test_seed_none_draws_from_outside(tmp_path):
    found = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        model = make_mlp()
        torch.manual_seed(seed)
        tl.fit(model, make_split(), epochs=1, batch_size=8, seed=None)
        found.append(weights(model))
    assert not torch.equal(found[0]["0.weight"], found[1]["0.weight"])
    assert_same(found[0], found[2])
    # A run that is resumed goes on in the order that the first one drew.
    path, model = tmp_path / "run.pt", make_mlp()
    torch.manual_seed(1)
    tl.fit(model, make_split(), epochs=1, batch_size=8, seed=None, checkpoint=path)
    torch.manual_seed(7)
    tl.fit(model, make_split(), epochs=3, batch_size=8, seed=None, checkpoint=path, resume=True)
    whole = make_mlp()
    torch.manual_seed(1)
    tl.fit(whole, make_split(), epochs=3, batch_size=8, seed=None)
    assert_same(weights(model), weights(whole))


class Between(Split):
    """Its forward does something between features and head."""

    def __init__(self, between):
        super().__init__()
        self.between = between
        self.backbone.requires_grad_(False)

    def forward(self, inputs):
        return self.head(self.between(self, self.features(inputs)))


@pytest.mark.parametrize(
    "between",
    [
        lambda model, features: nn.functional.normalize(features),
        lambda model, features: nn.functional.dropout(features, 0.5, model.training),
    ],
)
def test_features_are_cached_only_where_forward_is_the_head_of_them(between):
    found = []
    for cache in ("auto", False):
        model, split = Between(between), make_split(60)
        history = tl.fit(model, split, valid=split, epochs=3, lr=0.05, cache_features=cache)
        assert history.valid_accuracy[-1] == pytest.approx(tl.evaluate(model, split).accuracy)
        found.append(weights(model))
    assert_same(*found)
    with pytest.raises(ValueError, match="forward does something else"):
        tl.fit(Between(between), make_split(60), cache_features=True)


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_rest_of_one_joins_the_batch_before_it(shuffle):
    sizes, model = [], make_mlp(batchnorm=True)
    model[0].register_forward_pre_hook(
        lambda module, args: sizes.append(len(args[0])) if model.training else None
    )
    tl.fit(model, make_split(17), epochs=2, batch_size=8)
    assert sizes == [8, 9] * 2
    walk = tl.data.batches(torch.arange(9), torch.arange(9), batch_size=4, shuffle=shuffle)
    assert len(walk) == 2 and [len(inputs) for inputs, _ in walk] == [4, 5]
    assert sorted(torch.cat([inputs for inputs, _ in walk]).tolist()) == list(range(9))
    one = tl.data.batches(torch.ones(1, 2), torch.ones(1), batch_size=4, shuffle=shuffle)
    assert len(list(one)) == 1


def test_batchnorm_on_one_item_from_elsewhere_says_what_to_do():
    split = make_split(9)
    loader = DataLoader(TensorDataset(split.inputs, split.labels), batch_size=8)
    with pytest.raises(ValueError, match="batch 1 holds one item.*drop_last=True"):
        tl.fit(make_mlp(batchnorm=True), loader)


def test_fused_optimizers_make_the_same_history():
    for name, plain in (("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam)):
        ours, theirs = make_mlp(), make_mlp()
        kwargs = {"epochs": 4, "batch_size": 8, "lr": 0.01, "weight_decay": 0.0}
        fused = tl.fit(ours, make_split(), optimizer=name, **kwargs)
        separate = tl.fit(theirs, make_split(), optimizer=plain, **kwargs)
        assert fused.train_loss == pytest.approx(separate.train_loss, rel=1e-5)
