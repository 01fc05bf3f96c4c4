import json

import numpy as np
import pytest
import torch

import tl_helpers as tl


@pytest.fixture(autouse=True)
def not_recording(monkeypatch):
    monkeypatch.delenv("TL_CLAIMS_FILE", raising=False)


@pytest.mark.parametrize(
    "holds", [True, np.bool_(True), torch.tensor(2.0) > 1, np.array([1, 2]).all(), np.array(True)]
)
def test_a_claim_that_holds_prints_one_stable_line(capsys, holds):
    tl.claim("the probe wins", holds, measured=0.123456)
    assert capsys.readouterr().out == "✔ the probe wins\n"


def test_a_claim_that_does_not_hold_raises_with_the_measured_numbers(capsys):
    measured = {"probe": torch.tensor([0.512345, 0.5]), "scratch": np.float64(0.6)}
    with pytest.raises(tl.ClaimError) as caught:
        tl.claim("the probe wins", False, measured=measured)
    assert "the probe wins" in str(caught.value)
    assert "probe = [0.5123, 0.5], scratch = 0.6" in str(caught.value)
    assert "✔" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "holds", [0.64, 1, "yes", None, np.array([True, True]), torch.tensor([True]), torch.tensor(1)]
)
def test_holds_must_be_one_bool(holds):
    with pytest.raises(TypeError, match="holds must be one bool"):
        tl.claim("the probe wins", holds)


@pytest.mark.parametrize("statement", ["", "two\nlines", 3, None])
def test_the_statement_is_one_line(statement):
    with pytest.raises(TypeError, match="statement must be one line"):
        tl.claim(statement, True)


def test_recording_writes_every_claim_and_stops_at_none(tmp_path, monkeypatch, capsys):
    file = tmp_path / "claims.jsonl"
    monkeypatch.setenv("TL_CLAIMS_FILE", str(file))
    tl.claim("first", False, measured={"probe": np.array([0.25, 0.5])})
    tl.claim("second", np.bool_(True), kind="shipped", needs="labels")
    assert [json.loads(line) for line in file.read_text("utf-8").splitlines()] == [
        {
            "statement": "first",
            "holds": False,
            "measured": {"probe": [0.25, 0.5]},
            "kind": "measured",
            "needs": [],
        },
        {
            "statement": "second",
            "holds": True,
            "measured": None,
            "kind": "shipped",
            "needs": ["labels"],
        },
    ]
    assert capsys.readouterr().out == "✘ first\n✔ shipped: second\n"


def test_an_unknown_kind_or_need_is_refused():
    with pytest.raises(ValueError, match="kind must be one of measured, shipped, repeated"):
        tl.claim("the probe wins", True, kind="live")
    with pytest.raises(ValueError, match="needs must be labels or weights, or a tuple"):
        tl.claim("the probe wins", True, needs="luck")
