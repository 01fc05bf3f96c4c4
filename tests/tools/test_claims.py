import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import claims
from tools.notebooks import write

SOURCES = [
    "import os\n\nimport tl_helpers as tl\n\nseed = int(os.environ['TL_SEED'])",
    "tl.claim('always', True)\ntl.claim('only at seed 0', seed == 0, measured={'seed': seed})",
    "assert seed == 0, 'this cell breaks'",
    "tl.claim('after the cell that breaks', True)",
]


@pytest.fixture
def lesson(tmp_path):
    path = tmp_path / "00_x.ipynb"
    write(new_notebook(cells=[new_code_cell(source) for source in SOURCES]), path)
    return path


def made(*rows, **more):
    """Return one record of (statement, holds) pairs."""
    same = {"measured": {"gap": 0.01}, "kind": "measured", "needs": [], **more}
    return {
        "claims": [{"statement": s, "holds": h, **same} for s, h in rows],
        "errors": [],
    }


def test_claims_and_errors_are_recorded_and_kept(lesson, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(claims, "ROOT", tmp_path)  # its package and data do not change meanwhile
    monkeypatch.setattr(claims, "CACHE", tmp_path / "cache")
    found = claims.gather([lesson], [0, 1])
    assert found["00_x"][0]["errors"] == []
    assert found["00_x"][1]["errors"] == ["AssertionError: this cell breaks"]
    assert [(c["statement"], c["holds"]) for c in found["00_x"][1]["claims"]] == [
        ("always", True),
        ("only at seed 0", False),
        ("after the cell that breaks", True),
    ]
    assert found["00_x"][1]["claims"][1]["measured"] == {"seed": 1}
    assert claims.report(found) == 1
    assert "AssertionError: this cell breaks" in capsys.readouterr().out

    kept = [path.name for path in tmp_path.rglob("cache/*/*")]
    assert kept == ["00_x-0.json"], "what ended in an error is executed again"
    monkeypatch.setattr(claims, "_record_file", None)  # a second execution would fail
    assert claims.gather([lesson], [0])["00_x"][0] == found["00_x"][0]


def test_a_cell_that_shows_an_error_on_purpose_claims_nothing(tmp_path):
    shown = new_code_cell("tl.claim('false on purpose', False)")
    shown.metadata["tags"] = ["raises-exception"]
    nb = new_notebook(cells=[*map(new_code_cell, SOURCES[:2]), shown])
    found = claims.record(nb, tmp_path, 0)
    assert [claim["statement"] for claim in found["claims"]] == ["always", "only at seed 0"]
    assert found["errors"] == []


def test_the_cache_forgets_when_code_or_package_or_data_change(lesson, tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "ROOT", tmp_path)
    named = ("tl_helpers/a.py", "data/a.npz", "data/results/00_own.json")
    other = tmp_path / "data/results/01_other.json"
    for path in (*(tmp_path / name for name in named), other):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
    nb = claims.read(lesson)
    nb.cells[0].source += "\nruns = '00_own'"
    digests = [claims.digest(nb)]
    for name in named:
        (tmp_path / name).write_text("2")
        digests.append(claims.digest(nb))
    other.write_text("2")
    assert claims.digest(nb) == digests[-1], "results of another lesson"
    nb.cells[0].outputs, nb.cells[0].execution_count = [], 5
    assert claims.digest(nb) == digests[-1], "outputs are not code"
    nb.cells[0].source += "\n1"
    digests.append(claims.digest(nb))
    assert len(set(digests)) == 5


def test_a_claim_not_reached_has_failed_and_one_made_twice_must_hold_twice():
    records = {0: made(("a", True), ("b", True)), 1: made(("a", True), ("a", False))}
    assert claims.table(records) == {"a": {0: True, 1: False}, "b": {0: True, 1: False}}


def seeds_of(*failures, claims_made=10, seeds=10):
    """Return records in which (claim, seed) pairs fail."""
    return {
        seed: made(*((f"claim {c}", (c, seed) not in failures) for c in range(claims_made)))
        for seed in range(seeds)
    }


@pytest.mark.parametrize(
    ("records", "status"),
    [
        (seeds_of(), 0),
        (seeds_of((0, 3)), 0),
        (seeds_of((0, 1), (1, 2), (2, 3), (3, 4), (4, 5)), 0),  # 95 %, each fails once
        (seeds_of((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)), 1),  # 94 %
        (seeds_of((0, 1), (0, 2)), 1),  # 98 %, but one claim fails twice
        ({0: made()}, 1),  # no claim at all
        ({0: {**made(("a", True)), "errors": ["DeadKernelError: gone"]}}, 1),
    ],
)
def test_the_verdict(records, status, capsys):
    assert claims.report({"00_x": records}) == status


def test_the_report_shows_claim_by_seed_and_what_was_measured(capsys):
    claims.report({"00_x": {0: made(("a", True)), 4: made(("a", False))}})
    out = capsys.readouterr().out
    assert "   0  4  seed" in out and "   ✔  ✘  a" in out
    assert "seed 4 ✘ a — measured {'gap': 0.01}" in out
    assert "1 of 2 hold (50.0%); 1 measured" in out


@pytest.mark.parametrize(
    ("text", "seeds"), [("0-3", [0, 1, 2, 3]), ("7", [7]), ("0-1, 5", [0, 1, 5])]
)
def test_seeds_are_named_by_ranges(text, seeds):
    assert claims.seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "3-1", "1-", "-1"])
def test_what_names_no_seeds_is_refused(text):
    with pytest.raises(SystemExit, match="SEEDS must be like 0-9"):
        claims.seeds(text)


def test_kinds_are_counted_apart(capsys):
    claims.report({"00_x": {0: made(("a", True))}, "01_x": {0: made(("a", True), kind="shipped")}})
    assert "1 measured, 1 shipped" in capsys.readouterr().out


NEEDY = "tl.claim('learned', accuracy >= 0.6, measured=accuracy, needs='labels')"
LEARNS = """import tl_helpers as tl

digits = tl.data.digits()
model = tl.models.mlp(10, hidden=(32,))
tl.fit(model, digits, epochs=3, lr=1e-2)
accuracy = tl.evaluate(model, digits.test).accuracy"""


def test_a_claim_that_needs_labels_fails_without_them(tmp_path):
    cells = [new_code_cell(source) for source in (LEARNS, NEEDY)]
    verdicts = {}
    for without in ("", "labels"):
        nb = new_notebook(cells=list(cells))
        found = claims.record(nb, tmp_path, 0, without)
        assert found["errors"] == []
        verdicts[without] = found["claims"][0]["holds"]
    assert verdicts == {"": True, "labels": False}


@pytest.mark.parametrize(
    ("records", "status"),
    [
        (made(("a", False), needs=["labels"]), 0),
        (made(("a", True), needs=["labels"]), 1),
        (made(("a", False), needs=["weights"]), 1),  # nothing was tried
        ({**made(("a", False), needs=["labels"]), "errors": ["DeadKernelError: gone"]}, 1),
    ],
)
def test_the_verdict_without_labels(records, status, capsys):
    assert claims.report_without({"00_x": {0: records}}, "labels") == status
    said = capsys.readouterr().out
    assert "without labels" in said
    assert ("without needs='labels': a" in said) == (records["claims"][0]["needs"] == ["weights"])


LOADS = """\
import tl_helpers as tl
model, _ = tl.pretraining.load_rotation()
turned = tl.pretraining.rotated(tl.data.fashion_mnist().test)
accuracy = tl.evaluate(model, turned).accuracy"""


def test_a_claim_that_needs_weights_fails_when_what_is_loaded_is_untrained(tmp_path):
    verdicts = {}
    for without in ("", "weights"):
        nb = new_notebook(cells=[new_code_cell(source) for source in (LOADS, NEEDY)])
        found = claims.record(nb, tmp_path, 0, without)
        assert found["errors"] == []
        verdicts[without] = found["claims"][0]["holds"]
    assert verdicts == {"": True, "weights": False}
