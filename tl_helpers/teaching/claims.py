"""Claims: what a lesson says about transfer, as statements that are checked when they are made."""

import json
import os
from dataclasses import asdict, is_dataclass

import numpy as np
import torch

from tl_helpers.say import say

KINDS = {  # what a claim rests on: the words behind its sign
    "measured": "",  # in this run
    "shipped": "shipped: ",  # runs that were made beforehand
    "repeated": "repeated: ",  # a run made again lies where the shipped ones did
    "arithmetic": "arithmetic: ",  # follows from a formula, whatever is measured
}
NEEDS = ("labels", "weights")  # what can be taken away


class ClaimError(AssertionError):
    """A statement of a lesson does not hold for the numbers that were just measured."""


def claim(
    statement: str,
    holds,
    *,
    measured=None,
    kind: str = "measured",
    needs: str | tuple[str, ...] = (),
) -> None:
    """State what the numbers show, and fail when they do not.

    Prints ``✔ statement`` when ``holds`` is true. When it is false, raises ClaimError with the
    ``measured`` numbers: anything that helps to see how far off it was, best a dictionary of name
    to number or numbers.

    The statement is the claim's name over all seeds, so it is one line and holds no number that
    was measured. ``holds`` is a bool (of Python, NumPy or torch); anything else raises TypeError.

    ``kind`` says what the claim rests on: "measured" in this run; "shipped", runs that were made
    beforehand; "repeated", such a run made again; "arithmetic", a formula. All but the first are
    named in the printed line, and the kinds are counted apart.

    ``needs`` names what the claim fails without: "labels", where those of all tasks are shuffled,
    "weights", where no network is pretrained, or both. ``make claims WITHOUT=labels`` sees that it
    fails.

    With the environment variable ``TL_CLAIMS_FILE`` set, every claim is also written to that file
    as one line of JSON, and a claim that does not hold prints ``✘ statement`` and lets the lesson
    go on: this is how claims are counted over seeds.
    """
    if not isinstance(statement, str) or not statement.strip() or "\n" in statement:
        raise TypeError(f"statement must be one line of text, got {statement!r}")
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    needs = (needs,) if isinstance(needs, str) else needs
    if not isinstance(needs, tuple) or not set(needs) <= set(NEEDS):
        raise ValueError(f"needs must be {' or '.join(NEEDS)}, or a tuple of them, got {needs!r}")
    holds = _as_bool(holds)
    record = os.environ.get("TL_CLAIMS_FILE")
    if record:
        line = {"statement": statement, "holds": holds, "measured": _plain(measured)}
        line |= {"kind": kind, "needs": list(needs)}
        with open(record, "a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    if not holds and not record:
        raise ClaimError(f"this does not hold: {statement}{_measured_text(measured)}")
    say(f"{'✔' if holds else '✘'} {KINDS[kind]}{statement}")


def _as_bool(holds) -> bool:
    """Return a single bool; a number or an array is a mistake (``accuracy`` alone is never false)."""
    if isinstance(holds, bool | np.bool_):
        return bool(holds)
    is_tensor = isinstance(holds, torch.Tensor) and holds.dtype == torch.bool
    is_array = isinstance(holds, np.ndarray) and holds.dtype == bool
    if (is_tensor or is_array) and holds.ndim == 0:
        return bool(holds)
    raise TypeError(
        f"holds must be one bool, such as `a > b` of two numbers, got {type(holds).__name__}: "
        f"{holds!r}; for an array say `.all()`"
    )


def _plain(value):
    """Return ``value`` as plain data with floats of four digits, for a message or for JSON."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return value if isinstance(value, int | str | type(None)) else str(value)


def _measured_text(measured) -> str:
    if measured is None:
        return ""
    plain = _plain(measured)
    if isinstance(plain, dict):
        plain = ", ".join(f"{name} = {value}" for name, value in plain.items())
    return f"\nmeasured: {plain}"
