"""Evaluation: weighted by sample, and without a trace on the model."""

from types import SimpleNamespace

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from torch import nn

import tl_helpers as tl
from tests.training.conftest import assert_same, make_mlp, make_split, weights
from tl_helpers.training.evaluate import means


class Fixed(nn.Module):
    """Returns its inputs as logits."""

    def forward(self, inputs):
        return inputs


def test_accuracy_counts_samples_not_batches(device):
    logits = torch.eye(3)[torch.tensor([0, 0, 0, 0, 1])]
    labels = torch.tensor([0, 0, 0, 0, 2])  # batches of 4 and 1: means 100 % and 0 %
    score = tl.evaluate(Fixed(), [(logits[:4], labels[:4]), (logits[4:], labels[4:])])
    assert score.accuracy == pytest.approx(0.8) and score.samples == 5
    expected = nn.functional.cross_entropy(logits, labels).item()
    assert score.loss == pytest.approx(expected, rel=1e-6)
    model = make_mlp().to(device)
    whole, parts = (tl.evaluate(model, make_split(53), batch_size=size) for size in (53, 8))
    assert parts.accuracy == whole.accuracy
    assert parts.loss == pytest.approx(whole.loss, rel=1e-5)


def test_balanced_accuracy_is_scikit_learns():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 5, generator=generator)
    logits[:, [2, 4]] = -9.0  # these are never said, nor are they there
    labels = torch.randint(4, (200,), generator=generator) ** 2 // 3
    score = tl.evaluate(Fixed(), SimpleNamespace(inputs=logits, labels=labels), batch_size=33)
    expected = balanced_accuracy_score(labels, logits.argmax(1))
    assert score.balanced_accuracy == pytest.approx(expected)


def test_means_count_samples_in_eval_mode(device):
    model = make_mlp(dropout=0.5).to(device).train()
    inputs = make_split(53).inputs

    def measure(batch):
        return {"logit": model(batch).mean(), "first": batch[:, 0].mean()}

    found = means(measure, ((part,) for part in inputs.split(8)), model)
    assert found["logit"] == pytest.approx(float(tl.predict(model, inputs).mean()), abs=1e-6)
    assert found["first"] == pytest.approx(float(inputs[:, 0].mean()), abs=1e-6)
    assert model.training and model[0].training


def test_leaves_mode_and_statistics_as_they_were(device):
    model = make_mlp(dropout=0.5, batchnorm=True).to(device)
    for train in (True, False):
        model.train(train)
        model[1].train(not train)  # a mixture, as in a partly frozen network
        modes, before = [part.training for part in model.modules()], weights(model)
        first, second = (tl.evaluate(model, make_split()) for _ in range(2))
        tl.predict(model, make_split())
        assert first == second  # dropout was off
        assert modes == [part.training for part in model.modules()]
        assert_same(before, weights(model))


def test_mode_comes_back_after_an_error():
    model = make_mlp().train()
    with pytest.raises(RuntimeError):
        tl.evaluate(model, [(torch.ones(2, 99), torch.zeros(2).long())])
    assert model.training and model[0].training


def test_predict_returns_logits_of_every_kind_of_data(device):
    model, split = make_mlp().to(device), make_split(21)
    model.eval()
    with torch.no_grad():
        expected = model(split.inputs.to(device)).cpu()
    pairs = [(split.inputs[:10], split.labels[:10]), (split.inputs[10:], split.labels[10:])]
    for data in (split, split.inputs, pairs, [pair[0] for pair in pairs]):
        logits = tl.predict(model, data, batch_size=8)
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
        assert logits.device.type == "cpu" and logits.dtype == torch.float32


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "data is empty"),
        (SimpleNamespace(inputs=torch.ones(0, 6), labels=torch.ones(0).long()), "empty"),
        (SimpleNamespace(train=1, valid=2, test=3), "name the split"),
        (torch.ones(3, 6), "not a Tensor"),
        (None, "not a NoneType"),
    ],
)
def test_bad_data_raises(data, message):
    with pytest.raises(ValueError, match=message):
        tl.evaluate(make_mlp(), data)


def test_predict_refuses_nothing():
    with pytest.raises(ValueError, match="nothing to predict"):
        tl.predict(make_mlp(), torch.ones(0, 6))
