"""How a lesson prints what it measured: rounded, marked with ≈, with the spread of its repeats."""

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
    say(f"{name}: {text(values, unit)}")


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
