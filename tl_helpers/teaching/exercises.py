"""Exercises: a check runs the student's answer on inputs the student does not see, and hints.

The checks of a lesson stand in one file, ``tl_helpers/lessons/<lesson>/checks.py``::

    from tl_helpers.teaching.exercises import close, exercise

    @exercise("01.1", "Mean accuracy", expects="a function of (logits, labels)")
    def mean_accuracy(answer):
        logits, labels = ...                     # hidden inputs, with a known outcome
        found = answer(logits, labels)           # errors in the student's code are caught outside
        if close(found, 75):
            return "Accuracy is a fraction here, not a percentage."
        if not close(found, 0.75):
            return "Compare the most likely class of each row with its label."

A check returns a hint that names the mistake, or nothing when the answer is right. A hint never
holds the answer. The lesson's cell holds the stub, with ``...`` where the student's work goes, and
ends in ``tl.exercises.check("01.1", answer)``.
"""

import copy
import dis
import functools
import json
import linecache
import os
import sys
import types
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tl_helpers.say import say

SOLVED, NOT_YET, NOT_ATTEMPTED = "solved", "not yet", "not attempted"
_MARKS = {SOLVED: "✔", NOT_YET: "✘", NOT_ATTEMPTED: "○"}
_exercises = {}
_states = {}  # of this kernel: {number: state}


@dataclass(frozen=True)
class Exercise:
    """An exercise: its number ("01.1"), a title, what an answer is, and the check of an answer."""

    number: str
    title: str
    expects: str
    check: callable


@dataclass(frozen=True)
class Verdict:
    """What a check found: ``state`` (solved, not yet, not attempted) and a hint, or ""."""

    state: str
    hint: str = ""


def exercise(number: str, title: str, *, expects: str):
    """Register the decorated function as the check of exercise ``number`` (lesson.exercise)."""

    def register(check):
        _exercises[number] = Exercise(number, title, expects, check)
        return check

    return register


def check(number: str, answer) -> None:
    """Check an answer, print the verdict in one line, and note it for ``progress``.

    The answer is whatever the exercise asks for: a value, a function, a model. An exercise that
    still holds its ``...`` is "not attempted". An error in the answer is explained, not raised.
    """
    found = verdict(number, answer)
    line = f"{_MARKS[found.state]} {number} {found.state}"
    say(f"{line}: {found.hint}" if found.hint else line)
    _note(number, found.state)


def verdict(number: str, answer) -> Verdict:
    """Return what the check of exercise ``number`` finds in ``answer``; print and store nothing.

    Tensors and models are checked on the CPU (a model as a copy), so that the verdict is the same
    whatever device they are on. The random state is left as it was.
    """
    task = _find(number)
    try:
        if _holds_stub(answer):
            raise _NotAttempted
        with torch.random.fork_rng():
            torch.manual_seed(0)
            hint = task.check(_prepared(answer))
        return Verdict(NOT_YET, hint) if hint else Verdict(SOLVED)
    except _NotAttempted:
        return Verdict(NOT_ATTEMPTED, "put your work in the place of the `...`")
    except _Explained as problem:
        return Verdict(NOT_YET, str(problem))
    except Exception as error:
        return Verdict(
            NOT_YET,
            f"this answer could not be checked ({_first_line(error)}). "
            f"What is asked for: {task.expects}.",
        )


def progress(lesson: str | None = None) -> None:
    """Print a table of the exercises, all or of one lesson ("01"): solved, not yet, not attempted.

    What was solved once stays solved. The states are kept in ``progress.json`` in the user's own
    state folder; the environment variable ``TL_EXERCISES`` names another file, or says ``off``.
    """
    states = {**_stored(), **_states}
    rows = [task for number, task in sorted(_exercises.items()) if number.startswith(lesson or "")]
    if not rows:
        raise ValueError(f"lesson is {lesson!r}, expected one of {_lessons()}.")
    width = max(len(task.title) for task in rows)
    for task in rows:
        state = states.get(task.number, NOT_ATTEMPTED)
        say(f"{task.number}  {task.title:{width}}  {_MARKS[state]} {state}")
    solved = sum(states.get(task.number) == SOLVED for task in rows)
    say(f"{solved} of {len(rows)} solved")


def close(found, wanted, tolerance: float = 1e-3) -> bool:
    """Return whether two numbers, arrays or tensors have one shape and (nearly) the same values.

    ``tolerance`` is relative; it is wide enough for the reduced precision of an accelerator.
    What cannot be compared (text, a list of unequal rows, NaN) is not close.
    """
    try:
        found, wanted = _number_array(found), _number_array(wanted)
    except (TypeError, ValueError):
        return False
    return found.shape == wanted.shape and np.allclose(found, wanted, rtol=tolerance, atol=1e-6)


class _NotAttempted(Exception):
    pass


class _Explained(Exception):
    """The student's own code went wrong; the message says how."""


def _find(number):
    if number not in _exercises:
        raise ValueError(f"number is {number!r}, expected one of {', '.join(sorted(_exercises))}.")
    return _exercises[number]


def _lessons():
    return ", ".join(sorted({number.split(".")[0] for number in _exercises}))


def _holds_stub(answer) -> bool:
    """Whether a ``...`` still stands where the work goes; in a body, it compiles to nothing."""
    if isinstance(answer, dict):
        return any(_holds_stub(part) for part in answer.values())
    if isinstance(answer, list | tuple):
        return any(_holds_stub(part) for part in answer)
    if isinstance(answer, torch.nn.Module):
        answer = type(answer).forward
    if isinstance(answer, types.FunctionType):
        steps = list(dis.get_instructions(answer))
        nothing = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
        constants = [step.argval for step in steps if step.opname.endswith("CONST")]
        return {step.opname for step in steps} <= nothing and constants in ([None], [...])
    return answer is ...


def _prepared(value):
    """Move tensors and copies of models to the CPU, and guard functions, in containers too."""
    if isinstance(value, torch.Tensor):
        return value.cpu()
    if isinstance(value, torch.nn.Module):
        return copy.deepcopy(value).cpu()  # the check must not train or move the student's model
    if isinstance(value, types.FunctionType | types.MethodType):
        return _guarded(value)
    if type(value) is dict:
        return {key: _prepared(part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_prepared(part) for part in value)
    return value


def _guarded(function):
    """Wrap a student's function so that what goes wrong in it is explained."""

    @functools.wraps(function)
    def call(*arguments, **named):
        try:
            result = function(*arguments, **named)
        except Exception as error:
            if "ellipsis" in str(error):  # a `...` in the middle of the student's work
                raise _NotAttempted from error
            raise _Explained(
                f"your code stopped with {_first_line(error)}{_where(error, function)}. "
                "Mend it and run this cell again."
            ) from error
        if result is ...:
            raise _NotAttempted
        if result is None:
            raise _Explained("your function gives nothing back: does it end in `return`?")
        return _prepared(result)

    return call


def _number_array(value):
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().to(torch.float64).numpy()
    if isinstance(value, str | bytes) or value is None:
        raise TypeError("not a number")
    if isinstance(value, list | tuple):
        value = [_number_array(part) for part in value]
    return np.asarray(value, dtype=float)


def _first_line(error) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _where(error, function) -> str:
    """The line of the student's code that the error came through, or ""."""
    file, found, trace = function.__code__.co_filename, "", error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == file:
            code = linecache.getline(file, trace.tb_lineno).strip()
            found = f" in the line `{code}`" if code else f" in line {trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _file() -> Path | None:
    named = os.environ.get("TL_EXERCISES")
    if named:
        return None if named == "off" else Path(named)
    if sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    else:
        folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return folder / "tl_helpers" / "progress.json"


def _stored() -> dict:
    file = _file()
    try:
        stored = json.loads(file.read_text("utf-8")) if file else {}
        return {number: state for number, state in stored.items() if state in _MARKS}
    except (OSError, ValueError, AttributeError):
        return {}  # none yet, or damaged: progress starts anew rather than stop a lesson


def _note(number, state):
    stored = _stored()
    if state == NOT_ATTEMPTED or SOLVED in (stored.get(number), _states.get(number)):
        return
    _states[number] = stored[number] = state
    file = _file()
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        fresh.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n", "utf-8")
        fresh.replace(file)
    except OSError:
        pass  # a home that cannot be written: the progress of this kernel is still shown
