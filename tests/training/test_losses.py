"""Labels of any shape: what fit and evaluate make of them equals what is written by hand."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import tl_helpers as tl
from tests.training.conftest import assert_same, make_split, weights

CLOSE = {"rtol": 1e-4, "atol": 1e-5}
IGNORED = -100


class Heads(nn.Module):
    """A trunk with a head of 3 classes, one of 5 classes for each of 4 places, and a number."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.trunk = nn.Sequential(nn.Linear(6, 16), nn.Tanh())
        self.kind, self.places, self.size = nn.Linear(16, 3), nn.Linear(16, 20), nn.Linear(16, 1)

    def forward(self, inputs):
        features = self.trunk(inputs)
        places = self.places(features).view(-1, 5, 4)
        return {"kind": self.kind(features), "places": places, "size": self.size(features)}


class One(nn.Module):
    """One of the heads; or its places as pixels, N×5×2×2."""

    def __init__(self, head, shape=None):
        super().__init__()
        self.heads, self.head, self.shape = Heads(), head, shape

    def forward(self, inputs):
        logits = self.heads(inputs)[self.head]
        return logits if self.shape is None else logits.unflatten(-1, self.shape)


def make_labels(count, kind):
    """Labels of some kind; of those by place and by kind, some do not count."""
    generator = torch.Generator().manual_seed(3)
    places = torch.randint(5, (count, 4), generator=generator)
    places[torch.rand(count, 4, generator=generator) < 0.4] = IGNORED
    places[:3] = IGNORED  # a batch of three in which nothing counts
    kinds = torch.randint(3, (count,), generator=generator)
    kinds[torch.rand(count, generator=generator) < 0.5] = IGNORED
    size = torch.randn(count, generator=generator)
    return {
        "places": places,
        "pixels": places.view(count, 2, 2),
        "kind": kinds,
        "heads": {"kind": kinds, "places": places, "size": size},
    }[kind]


def make(kind, count=43):
    """A model, a split and a loss as fit takes it, and the same loss written by hand."""
    split = SimpleNamespace(inputs=make_split(count).inputs, labels=make_labels(count, kind))
    if kind == "heads":
        losses = {"kind": "cross_entropy", "places": "cross_entropy", "size": F.mse_loss}

        def by_hand(logits, labels):
            parts = [F.cross_entropy(logits[h], labels[h]) for h in ("kind", "places")]
            return sum(parts) + F.mse_loss(logits["size"].squeeze(1), labels["size"])

        return Heads(), split, losses, by_hand
    models = {"places": ("places",), "pixels": ("places", (2, 2)), "kind": ("kind",)}
    return One(*models[kind]), split, "cross_entropy", F.cross_entropy


def take(labels, chosen):
    if isinstance(labels, dict):
        return {name: part[chosen] for name, part in labels.items()}
    return labels[chosen]


KINDS = ("places", "pixels", "kind", "heads")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("accumulate", [1, 4])
def test_fit_equals_a_hand_written_loop(kind, accumulate, device):
    model, split, loss, by_hand = make(kind)
    theirs, *_ = make(kind)
    history = tl.fit(
        *(model, split),
        **{"valid": split, "loss": loss, "epochs": 3, "lr": 0.1, "optimizer": "sgd"},
        **{"batch_size": 12 // accumulate, "accumulate": accumulate},
        **{"device": device, "precision": "float32"},
    )
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    walk = tl.data.batches(split.inputs, torch.arange(43), batch_size=12, shuffle=True, seed=0)
    for _ in range(3):
        for inputs, chosen in walk:
            optimizer.zero_grad()
            by_hand(theirs(inputs), take(split.labels, chosen)).backward()
            optimizer.step()
    assert_same(weights(model), weights(theirs), **CLOSE)
    with torch.no_grad():
        whole = float(by_hand(theirs(split.inputs), split.labels))
    assert history.valid_loss[-1] == pytest.approx(whole, rel=1e-4)
    assert all(value < 10 for value in history.train_loss)


@pytest.mark.parametrize("kind", KINDS)
def test_evaluate_counts_what_counts(kind):
    model, split, loss, by_hand = make(kind)
    with torch.no_grad():
        logits = model(split.inputs)
        whole = float(by_hand(logits, split.labels))
    for size in (3, 7, 43):
        score = tl.evaluate(model, split, loss=loss, batch_size=size)
        assert score.loss == pytest.approx(whole, rel=1e-5) and score.samples == 43
        one = kind != "heads"
        pairs = (
            {kind: (logits, split.labels, score)}
            if one
            else {
                head: (logits[head], split.labels[head], score.heads[head])
                for head in ("kind", "places")
            }
        )
        for said, labels, found in pairs.values():
            there = labels != IGNORED
            right = (said.argmax(1) == labels)[there].float().mean().item()
            assert found.accuracy == pytest.approx(right)
    if kind == "heads":
        assert score.accuracy is None and score.heads["size"].accuracy is None
        assert score.loss == pytest.approx(sum(part.loss for part in score.heads.values()))


def test_the_history_tells_each_head():
    model, split, loss, _ = make("heads")
    history = tl.fit(model, split, valid=split, loss=loss, epochs=2)
    parts = [history.metrics[f"train_{head}_loss"][-1] for head in ("kind", "places", "size")]
    assert history.train_loss[-1] == pytest.approx(sum(parts))
    assert history.valid_accuracy == [None, None]
    assert 0 <= history.metrics["valid_places_accuracy"][-1] <= 1


def test_predict_returns_what_the_heads_say():
    model, split, *_ = make("heads")
    found = tl.predict(model, split, batch_size=7)
    with torch.no_grad():
        expected = model(split.inputs)
    assert_same(found, expected, **CLOSE)
    assert tl.predict(One("places", (2, 2)), split.inputs.numpy()[::-1]).shape == (43, 5, 2, 2)


CLASS_WEIGHTS = torch.tensor([1.0, 5.0, 0.2])


@pytest.mark.parametrize("accumulate", [1, 5])
def test_class_weights_weigh_classes_and_not_batches(accumulate):
    loss = nn.CrossEntropyLoss(weight=CLASS_WEIGHTS)
    split, (model, theirs) = make_split(50), (One("kind"), One("kind"))
    tl.fit(
        *(model, split),
        **{"loss": loss, "lr": 0.1, "optimizer": "sgd", "epochs": 2},
        **{"batch_size": 10 // accumulate, "accumulate": accumulate},
    )
    walk = tl.data.batches(split.inputs, split.labels, batch_size=10, shuffle=True, seed=0)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        for inputs, labels in walk:
            optimizer.zero_grad()
            loss(theirs(inputs), labels).backward()
            optimizer.step()
    assert_same(weights(model), weights(theirs), **CLOSE)


def dice(logits, labels):
    """A loss of the batch as a whole."""
    likely, there = logits.softmax(1), F.one_hot(labels, logits.shape[1]).float()
    return 1 - (2 * (likely * there).sum(0) / (likely.sum(0) + there.sum(0))).mean()


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(weight=CLASS_WEIGHTS),
        partial(F.cross_entropy, weight=CLASS_WEIGHTS),
        dice,
        F.cross_entropy,
        nn.CrossEntropyLoss(label_smoothing=0.1),
    ],
)
def test_a_loss_does_not_depend_on_the_batch_size(loss):
    model, split = One("kind"), make_split(50)
    with torch.no_grad():
        whole = float(loss(model(split.inputs), split.labels))
    for size in (4, 7, 50):
        found = tl.evaluate(model, split, loss=loss, batch_size=size)
        assert found.loss == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        partial(F.cross_entropy, weight=CLASS_WEIGHTS),
        dice,
        partial(F.cross_entropy, reduction="sum"),
    ],
)
def test_what_is_no_mean_cannot_be_accumulated(loss):
    model = One("kind")
    with pytest.raises(ValueError, match="not the mean of its items' losses"):
        tl.fit(model, make_split(), loss=loss, accumulate=2)
    tl.fit(model, make_split(), loss=loss, lr=1e-4)  # one batch a step is what was asked for


def test_class_probabilities_are_float_labels():
    split = make_split(40)
    split.labels = F.one_hot(split.labels, 3).float() * 0.7 + 0.1
    history = tl.fit(One("kind"), split, valid=split, epochs=20, lr=0.05)
    assert history.train_loss[-1] < history.train_loss[0]
    assert history.valid_accuracy[-1] is None


def make_floats(shape):
    return SimpleNamespace(inputs=torch.randn(20, 6), labels=torch.randn(20, *shape))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": make_floats(()), "model": One("size")}, "cross_entropy takes only as class"),
        ({"task": make_floats((1,)), "model": One("size")}, "loss=torch.nn.functional.mse_loss"),
        ({"task": make_floats((3,)), "model": One("kind")}, "binary_cross_entropy_with_logits"),
        ({"model": Heads()}, "not a dict"),
        ({"loss": {"kind": "cross_entropy"}}, "loss is a dictionary by head: labels"),
        ({"loss": {}}, "loss is {}"),
        ({"loss": 3}, "loss is 3"),
        ({"task": make("heads")[1]}, "model returns one tensor for labels by name"),
        (
            {"task": make("heads")[1], "model": Heads(), "loss": {"age": F.mse_loss}},
            "model returns heads .*for labels by name",
        ),
        ({"task": make("heads")[1], "model": Heads()}, "labels of head 'size' are floats"),
        (
            {
                "task": make("places")[1],
                "model": nn.Sequential(nn.Linear(6, 6), nn.Unflatten(1, (3, 2))),
            },
            r"cross_entropy takes logits N×C×… and labels N×…, not \(\d+, 3, 2\) and \(\d+, 4\)",
        ),
        (
            {
                "task": make("places")[1],
                "model": nn.Sequential(nn.Linear(6, 20), nn.Unflatten(1, (4, 5))),
            },
            r"put the classes second, logits.movedim\(-1, 1\)",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(change, message):
    arguments = {"model": One("kind"), "task": make_split(), **change}
    with pytest.raises((ValueError, TypeError), match=message):
        tl.fit(**arguments)
    with pytest.raises((ValueError, TypeError), match=message):
        data = arguments.pop("task")
        tl.evaluate(arguments["model"], data, loss=arguments.get("loss", "cross_entropy"))
