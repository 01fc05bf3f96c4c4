"""The exercises of lesson 01: the solution, the stub, and the mistakes one makes."""

import numpy as np
import pytest

from tl_helpers.lessons.source_and_target_tasks import checks

CASES = {
    "A": "inductive",
    "B": "transductive",
    "C": "unsupervised",
    "D": "inductive",
    "E": "transductive",
}


@pytest.fixture
def measured(monkeypatch):
    """Shipped results in which the gain is 20, 8, 4, 1 points at 2, 5, 10, 50 labels a class."""
    gain = {2: 0.20, 5: 0.08, 10: 0.04, 50: 0.01}
    runs = [
        {"name": name, "labels": k, "seed": seed, "accuracy": 0.5 + jitter + (name == "full") * g}
        for name in ("scratch", "full", "probe")
        for k, g in gain.items()
        for seed, jitter in enumerate((-0.02, 0.02))
    ]
    monkeypatch.setattr(checks, "results", lambda lesson: runs)
    return gain


def test_gains_are_means_of_full_over_scratch(measured):
    assert checks.gains(checks.results("")) == pytest.approx(measured)


def test_where_the_gain_ends(prove, measured):
    prove(
        "01.1",
        solution=10,
        stub=...,
        wrong=[(7, "Not one of"), (2, "still"), (5, "still"), (50, "already"), (0.05, "Not one")],
    )


def test_name_the_setting(prove):
    prove(
        "01.2",
        solution=CASES,
        stub=dict.fromkeys(CASES, ...),
        wrong=[
            (CASES | {"A": "transductive"}, "^1 of 5.*A: .*flowers"),
            (CASES | {"B": "inductive"}, "B: .*domain"),
            (CASES | {"C": "transductive", "D": "unsupervised"}, "^2 of 5.*C: .*label"),
            (CASES | {"D": "transductive"}, "D: .*answers"),
            (CASES | {"E": "unsupervised"}, "E: .*mails"),
            (CASES | {"A": "supervised"}, "A: use one of the three"),
            (list(CASES.values()), "dictionary"),
        ],
    )
    prove(
        "01.2",
        solution={letter: word.title() for letter, word in CASES.items()},
        stub=dict.fromkeys(CASES, ...) | {"A": "inductive"},
        wrong=[({}, "keys"), (CASES | {"F": "inductive"}, "keys"), (dict(CASES, B=1), "^B")],
    )


def gain(transfer, scratch):
    difference = transfer - scratch
    return difference.mean(axis=0), difference.std(axis=0, ddof=1)


def test_transfer_gain(prove):
    def stub(transfer, scratch): ...

    def of(function):
        return lambda transfer, scratch: function(transfer - scratch, transfer, scratch)

    def std(values):
        return values.std(0, ddof=1)

    prove(
        "01.3",
        solution=gain,
        stub=stub,
        wrong=[
            (of(lambda d, t, s: d.mean(0)), "two things"),
            (of(lambda d, t, s: (d.mean(1), d.std(1, ddof=1))), "rows"),
            (of(lambda d, t, s: (d.mean(), d.std())), "one entry"),
            (of(lambda d, t, s: (-d.mean(0), std(d))), "sign"),
            (of(lambda d, t, s: (100 * d.mean(0), 100 * std(d))), "fraction"),
            (of(lambda d, t, s: (np.median(d, 0), std(d))), "median"),
            (of(lambda d, t, s: (d.mean(0) / s.mean(0), std(d))), "relative"),
            (of(lambda d, t, s: (t.mean(0), std(d))), "not right"),
            (of(lambda d, t, s: (d.mean(0), std(t) - std(s))), "difference of two spreads"),
            (of(lambda d, t, s: (d.mean(0), np.hypot(std(t), std(s)))), "independent"),
            (of(lambda d, t, s: (d.mean(0), d.std(0))), "one less"),
            (of(lambda d, t, s: (d.mean(0), d.var(0, ddof=1))), "variance"),
            (of(lambda d, t, s: (d.mean(0), std(d) / np.sqrt(len(d)))), "standard error"),
            (of(lambda d, t, s: (d.mean(0), np.ptp(d, 0))), "not the sample"),
        ],
    )
