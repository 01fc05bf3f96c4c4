"""Arguments: what a call was given is checked at the call, in one sentence each.

TypeError for a value of a wrong type, ValueError for a wrong value of a right type. Numbers of
NumPy count as numbers; True and False do not.
"""

import math
import numbers

import torch
from torch import nn


def whole_number(name: str, value, low: int = 1) -> None:
    """Raise unless ``value`` is a whole number, ``low`` or more."""
    accepted = f"a whole number, {low} or more, is accepted."
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} is {_shown(value)}: {accepted}")
    if value < low:
        raise ValueError(f"{name} is {value}: {accepted}")


def number(name: str, value, low: float | None = None, above: float | None = None) -> None:
    """Raise unless ``value`` is a finite number, at least ``low`` or more than ``above``."""
    limits = [f"{low} or more"] if low is not None else []
    limits += [f"above {above}"] if above is not None else []
    accepted = f"{' '.join(['a number', *limits])} is accepted."
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {_shown(value)}: {accepted}")
    large = (low is None or value >= low) and (above is None or value > above)
    if not (math.isfinite(value) and large):
        raise ValueError(f"{name} is {value}: {accepted}")


def choice(name: str, value, accepted) -> None:
    """Raise ValueError unless ``value`` is one of ``accepted``: words, True, False or None."""
    if not any(type(value) is type(each) and value == each for each in accepted):
        raise ValueError(
            f"{name} is {_shown(value)}: {' or '.join(map(repr, accepted))} is accepted."
        )


def seed(name: str, value) -> None:
    """Raise unless ``value`` is None or a whole number from 0."""
    if value is not None:
        whole_number(name, value, low=0)


def tensor(name: str, value) -> None:
    """Raise TypeError unless ``value`` is a tensor."""
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} is {_shown(value)}: a tensor is accepted.")


def function(name: str, value) -> None:
    """Raise TypeError unless ``value`` can be called."""
    if not callable(value):
        raise TypeError(f"{name} is {_shown(value)}: a function is accepted.")


def module(name: str, value) -> None:
    """Raise TypeError unless ``value`` is a torch module."""
    if not isinstance(value, nn.Module):
        raise TypeError(f"{name} is {_shown(value)}: a torch.nn.Module is accepted.")


def _shown(value) -> str:
    """Return a value in few words: itself when it is short, else its type."""
    text = repr(value)
    return text if len(text) <= 40 and "\n" not in text else f"a {type(value).__name__}"
