"""How a lesson prints what it measured: rounded, marked with ≈, with the spread of its repeats."""

import math

import numpy as np

from tl_helpers.say import say

# Fractions in code, percentages in text. The difference of two percentages is in points.
_SCALE = {"%": 100, "points": 100}


def measured(name: str, value, unit: str = "%") -> None:
    """Print a measured value as ``name: ≈ 64.3 %``, repeats as ``name: ≈ 64.3 % ± 2.1 (5 seeds)``.

    ``value`` is one number or a sequence, array or tensor of numbers, one for each seed. With the
    unit ``"%"`` or ``"points"`` it is a fraction and is shown times 100; any other unit (``"s"``,
    ``"MB"``, ``""`` …) is printed after the number as it is. The spread is the sample standard
    deviation over the repeats.

    The last digits of measured values differ between processors. The check of the saved notebooks
    masks the numbers after ≈ and ±, and only those, so facts (counts, shapes) are printed plainly.

    Raises ValueError when there is no value or one is not finite, TypeError when it is no number.
    """
    if not isinstance(name, str) or not name.strip():
        raise TypeError(f"name must be a text that says what was measured, got {name!r}")
    if not isinstance(unit, str):
        raise TypeError(f"unit must be a text, got {unit!r}")
    say(f"{name}: {text(_numbers(name, value), unit)}")


def table(rows: dict, columns, unit="%") -> None:
    """Print a small table of measured values: a line a row, ``≈ 64.3 ± 2.1`` in each column.

    ``rows``: ``{name: its entries}``, one entry a column. A float, or floats of several seeds
    (their mean and sample standard deviation are shown), is measured and gets the ≈ that the check
    of saved notebooks masks; an int is a fact and a text stands as it is; None is a dash.
    ``columns``: their names. ``unit``: one for all, or one a column, as in ``measured``; it is
    written into the heading.

    Raises ValueError when a row has not one entry a column, when there is none or when a value is
    not finite; TypeError when an entry is nothing of the above.
    """
    if not isinstance(rows, dict) or not rows:
        raise TypeError(f"rows must be {{name: its entries}}, with one row at least, got {rows!r}")
    columns = _texts("columns", columns)
    units = [unit] * len(columns) if isinstance(unit, str) else _texts("unit", unit)
    if len(units) != len(columns):
        raise ValueError(f"unit must be one text, or one a column ({len(columns)}), got {unit!r}")
    for name, entries in rows.items():
        if not isinstance(entries, list | tuple | np.ndarray) or len(entries) != len(columns):
            raise ValueError(f"rows[{name!r}] must fit the {len(columns)} columns, got {entries!r}")
    shown = [["", *map(str, rows)]]
    for number, (column, one) in enumerate(zip(columns, units, strict=True)):
        entries = {name: row[number] for name, row in rows.items()}
        shown.append([f"{column} ({one})" if one else column, *_column(entries, one)])
    widths = [max(map(len, column)) for column in shown]
    for line in zip(*shown, strict=True):
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        say("  ".join(cells).rstrip())


def _texts(name, values) -> list[str]:
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name} must be a list of texts, got {values!r}")
    if wrong := [value for value in values if not isinstance(value, str)]:
        raise TypeError(f"{name} must hold texts, got {wrong[0]!r}")
    return list(values)


def _column(entries: dict, unit: str) -> list[str]:
    """Return the texts of a column: three digits of its largest mean, two of each at least."""
    values = {
        name: _numbers(f"rows[{name!r}]", entry) * _SCALE.get(unit, 1)
        for name, entry in entries.items()
        if not (entry is None or isinstance(entry, str) or type(entry) is int)
    }
    largest = max((abs(numbers.mean()) for numbers in values.values()), default=0) or 1
    decimals = 1 if unit in _SCALE else _decimals(largest, 3)
    shown = []
    for name, entry in entries.items():
        if name not in values:
            fact = f"{entry:,}" if type(entry) is int else entry
            shown.append("–" if entry is None else fact)
            continue
        mean, spread = values[name].mean(), values[name].std(ddof=min(1, values[name].size - 1))
        digits = decimals if unit in _SCALE else max(decimals, _decimals(max(abs(mean), spread), 2))
        again = f" ± {spread:,.{digits}f}" if values[name].size > 1 else ""
        shown.append(f"≈ {mean:,.{digits}f}{again}")
    return shown


def _decimals(number: float, digits: int) -> int:
    """Return how many decimals show so many significant digits of a number."""
    return max(0, digits - 1 - math.floor(math.log10(number))) if number > 0 else 0


def _numbers(name, value) -> np.ndarray:
    if value is None or isinstance(value, str | dict):
        raise TypeError(f"value of {name!r} must be a number or numbers, got {value!r}")
    try:
        values = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(f"value of {name!r} must be a number or numbers, got {value!r}") from error
    if values.ndim > 1 or values.size == 0:
        raise ValueError(
            f"value of {name!r} must be one number or a flat sequence of numbers, "
            f"got the shape {values.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError(f"value of {name!r} must be finite, got {value!r}")
    return values


def text(values: np.ndarray, unit: str) -> str:
    """Return the part after the colon: mean, unit, and for repeats the spread and their number."""
    values = values * _SCALE.get(unit, 1)
    shown = f"≈ {_rounded(values.mean(), unit)} {unit}".rstrip()
    if values.size > 1:
        shown += f" ± {_rounded(values.std(ddof=1), unit)} ({values.size} seeds)"
    return shown


def _rounded(number: float, unit: str) -> str:
    if unit in _SCALE:
        return f"{number:.1f}"
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
