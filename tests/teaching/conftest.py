"""``prove``: the test that every exercise gets."""

import re

import pytest
import torch

from tl_helpers.teaching import exercises


@pytest.fixture
def prove():
    """Prove an exercise: ``prove("01.1", solution=…, stub=…, wrong=[(answer, words), …])``.

    The solution is accepted, the untouched stub is "not attempted", each of three or more wrong
    answers is rejected with a hint that holds ``words`` (a regular expression), twice alike, and no
    hint gives the solution away: no number of ``secrets`` (by default the solution, when it is one
    or holds some) stands in a hint, nor does any text among them.
    """

    def prove(number, *, solution, stub, wrong, secrets=None):
        verdict = exercises.verdict(number, solution)
        assert verdict.state == "solved", f"the solution of {number} is refused: {verdict.hint}"
        assert exercises.verdict(number, stub).state == "not attempted"
        assert len(wrong) >= 3, f"{number}: {len(wrong)} wrong answers, at least 3 are asked for"
        secrets = _values(solution) if secrets is None else list(secrets)
        hints = []
        for answer, words in wrong:
            verdict = exercises.verdict(number, answer)
            assert verdict.state == "not yet", f"{number} accepts a wrong answer ({words})"
            assert re.search(words, verdict.hint), f"{number}: {words!r} not in {verdict.hint!r}"
            assert verdict == exercises.verdict(number, answer), f"{number} is of two minds"
            assert not _told(verdict.hint, secrets), f"{number} tells: {verdict.hint!r}"
            hints.append(verdict.hint)
        assert len(set(hints)) > 1, f"{number} has one hint for every mistake"

    return prove


def _values(solution):
    if isinstance(solution, dict):
        return [value for part in solution.values() for value in _values(part)]
    if isinstance(solution, list | tuple):
        return [value for part in solution for value in _values(part)]
    if isinstance(solution, torch.Tensor):
        return solution.flatten().tolist() if solution.numel() <= 100 else []
    return [solution] if isinstance(solution, int | float | str) else []


def _told(hint, secrets):
    numbers = [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", hint)]
    for secret in secrets:
        if isinstance(secret, str):
            if re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", hint):
                return True
        elif any(abs(number - secret) <= 1e-3 * max(1, abs(secret)) for number in numbers):
            return True
    return False
