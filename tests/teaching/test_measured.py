import numpy as np
import pytest
import torch

import tl_helpers as tl


@pytest.mark.parametrize(
    ("value", "unit", "line"),
    [
        (0.643, "%", "accuracy: ≈ 64.3 %"),
        (-0.012, "points", "accuracy: ≈ -1.2 points"),
        ([0.6, 0.7, 0.65], "%", "accuracy: ≈ 65.0 % ± 5.0 (3 seeds)"),
        ([0.6], "%", "accuracy: ≈ 60.0 %"),
        (np.array([1.5, 2.25]), "s", "accuracy: ≈ 1.88 s ± 0.53 (2 seeds)"),
        (torch.tensor(0.5), "%", "accuracy: ≈ 50.0 %"),
        (12345.6, "MB", "accuracy: ≈ 12,346 MB"),
        (0.4567, "", "accuracy: ≈ 0.457"),
    ],
)
def test_prints_the_value_with_its_unit_and_spread(capsys, value, unit, line):
    tl.measured("accuracy", value, unit)
    assert capsys.readouterr().out == line + "\n"


def test_a_fraction_is_shown_in_percent_by_default(capsys):
    tl.measured("accuracy", 1.0)
    assert "≈ 100.0 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("64 %", TypeError),
        ({"a": 1.0}, TypeError),
        (None, TypeError),
        ([], ValueError),
        (float("nan"), ValueError),
        ([0.5, float("inf")], ValueError),
        (np.zeros((2, 2)), ValueError),
    ],
)
def test_what_is_not_a_measured_number_is_refused(value, error):
    with pytest.raises(error, match="value of 'accuracy'"):
        tl.measured("accuracy", value)


def test_a_name_is_needed():
    with pytest.raises(TypeError, match="name"):
        tl.measured(" ", 0.5)


def test_a_table_shows_measured_values_facts_and_gaps(capsys):
    rows = {
        "probe": [[0.6, 0.7, 0.65], 1280, np.float32(31.46)],
        "scratch": [torch.tensor(0.3), None, "never"],
    }
    tl.table(rows, ["accuracy", "features", "time"], unit=("%", "", "s"))
    assert capsys.readouterr().out.splitlines() == [
        "         accuracy (%)  features  time (s)",
        "probe    ≈ 65.0 ± 5.0  1,280     ≈ 31.5",
        "scratch  ≈ 30.0        –         never",
    ]


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([[0.102, 0.06], 0.0004], ["≈ 0.0810 ± 0.0297", "≈ 0.00040"]),
        ([1.39, [0.009, 0.011]], ["≈ 1.39", "≈ 0.010 ± 0.001"]),
        ([1.39, [-0.01, 0.01]], ["≈ 1.39", "≈ 0.000 ± 0.014"]),
        ([9.0, -1.6], ["≈ 9.00", "≈ -1.60"]),
        ([12345.6, 7.0], ["≈ 12,346", "≈ 7.0"]),
        ([0.0], ["≈ 0.00"]),
    ],
)
def test_a_column_has_the_digits_that_its_largest_mean_and_each_entry_need(capsys, numbers, shown):
    tl.table({str(n): [number] for n, number in enumerate(numbers)}, ["x"], unit="")
    lines = capsys.readouterr().out.splitlines()
    assert [line[3:] for line in lines] == ["x", *shown]


@pytest.mark.parametrize(
    ("rows", "columns", "unit", "error", "message"),
    [
        ({}, ["a"], "%", TypeError, "one row at least"),
        ([[1.0]], ["a"], "%", TypeError, "rows"),
        ({"x": [1.0]}, "a", "%", TypeError, "columns"),
        ({"x": [1.0]}, ["a", "b"], "%", ValueError, r"rows\['x'\] must fit the 2 columns"),
        ({"x": "no"}, ["a", "b"], "%", ValueError, r"rows\['x'\]"),
        ({"x": [1.0, 2.0]}, ["a", "b"], ["%"], ValueError, "unit"),
        ({"x": [float("nan")]}, ["a"], "%", ValueError, "value of .*'x'"),
        ({"x": [{}]}, ["a"], "%", TypeError, "value of .*'x'"),
    ],
)
def test_a_table_refuses_what_it_cannot_show(capsys, rows, columns, unit, error, message):
    with pytest.raises(error, match=message):
        tl.table(rows, columns, unit)
    assert capsys.readouterr().out == ""
