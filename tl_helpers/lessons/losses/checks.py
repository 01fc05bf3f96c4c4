"""The checks of the lesson on losses: a gap, a gradient by hand, a cross-entropy that holds."""

import math

import torch
from torch.overrides import TorchFunctionMode

from tl_helpers.teaching.exercises import close, exercise

# Torch's own, by the endings of their names: what 02.3 asks the student to write.
READY_MADE = ("cross_entropy", "cross_entropy_loss", "log_softmax", "logsumexp", "nll_loss")


@exercise("02.1", "Choose a gap", expects="a number between 0 and 1")
def gap(answer):
    if isinstance(answer, torch.Tensor):
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return "Give one number, the ε."
    if not 0 < answer < 1:
        return "A share lies between 0 and 1, and at 0 the best gap has no end."
    wanted, classes = 3, 4
    ratio = math.exp(wanted)
    if close(answer, 10 / (ratio + 9)):
        return "That is the ε for ten classes; here there are fewer."
    if close(answer, 1 / ratio):
        return "The wrong classes together get more than one share; write both targets down first."
    if close(answer, classes / (ratio + classes)):
        return "The true class also gets its part of the ε that is shared out."
    found = math.log((1 - answer) * classes / answer + 1)
    if abs(found - wanted) > 0.01:
        side = "less" if found < wanted else "more"
        return f"With this ε the best gap is {found:.2f}: {side} smoothing is needed."


@exercise(
    "02.2",
    "A gradient by hand",
    expects="a function of (logits, labels, epsilon) that gives a gradient N×C",
)
def gradient(answer):
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(5, 3, generator=generator)
    labels, epsilon = torch.tensor([2, 0, 1, 1, 0]), 0.3
    found = answer(logits.clone(), labels, epsilon)
    if not isinstance(found, torch.Tensor) or found.shape != logits.shape:
        return f"Return a tensor of the logits' own shape, {tuple(logits.shape)}."
    p, hard = logits.softmax(1), torch.nn.functional.one_hot(labels, 3)
    soft = (1 - epsilon) * hard + epsilon / 3
    wanted = (p - soft) / len(labels)
    if close(found, wanted * len(labels)):
        return "That is the gradient of the sum over the batch; the loss is its mean."
    if close(found, -wanted):
        return "The sign is turned round: the gradient points to where the loss grows."
    if close(found, (p - hard) / len(labels)):
        return "This is the gradient for hard labels: where does epsilon come in?"
    if close(found, (p - (1 - epsilon) * hard) / len(labels)):
        return "The targets of a row add up to 1; yours have lost the part that is shared out."
    if close(found, (p - (1 - epsilon) * hard - epsilon / 2 * (1 - hard)) / len(labels)):
        return "The part epsilon is shared among all classes, the true one as well."
    if close(found, (logits - soft) / len(labels)):
        return "Targets are compared with probabilities, not with logits."
    if not close(found, wanted):
        return "Compare with autograd on a small example: which entries differ?"


@exercise(
    "02.3",
    "Cross-entropy from logits",
    expects="a function of (logits, labels) that gives the mean loss, one number",
)
def cross_entropy(answer):
    generator = torch.Generator().manual_seed(2)
    logits, labels = torch.randn(6, 4, generator=generator), torch.tensor([0, 3, 2, 1, 1, 0])
    calls = _Calls()
    with calls:
        found = answer(logits.clone(), labels)
    used = [name for name in calls.names if name.endswith(READY_MADE)]
    if used:
        return f"This calls torch's own {used[0]}; write it with max, exp and log."
    hint = _value(found, logits, labels)
    if hint:
        return hint
    # Two hard rows at a time: all far below zero, all far above, and both in one batch.
    for rows in ([[-1000.0, -1000.0, -999.0]] * 2, [[1000.0, 0.0, 999.0]] * 2):
        hint = _stable(answer(torch.tensor(rows), torch.tensor([2, 2])), rows)
        if hint:
            return hint
    mixed = torch.tensor([[1000.0, 999.0, 0.0], [-1000.0, -999.0, -1000.0]])
    if not _same(answer(mixed, torch.tensor([1, 0])), mixed, torch.tensor([1, 0])):
        return "One row is far above zero, another far below: each row needs its own maximum."
    far = torch.tensor([[1000.0, -1000.0]])
    if not _same(answer(far, torch.tensor([1])), far, torch.tensor([1])):
        return (
            "A probability too small for a float became 0 before its logarithm was taken; "
            "a small number added to it hides that. Simplify log(exp(…)) on paper first."
        )


class _Calls(TorchFunctionMode):
    """Note the names of the torch functions that are called inside."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.names.append(getattr(function, "__name__", ""))
        return function(*args, **(kwargs or {}))


def _value(found, logits, labels):
    if isinstance(found, torch.Tensor) and found.numel() != 1:
        return "Return one number, the mean over the rows."
    wanted = torch.nn.functional.cross_entropy(logits, labels)
    if close(found, -wanted):
        return "A loss falls as the model gets better; yours has the other sign."
    if close(found, wanted * len(labels)):
        return "This is the sum over the rows; the mean is asked for."
    if close(found, wanted / logits.shape[1]):
        return "You divide by all entries; there is one loss for each row, not for each class."
    if close(found, wanted / math.log(2)):
        return "The logarithm is the natural one."
    if close(found, torch.nn.functional.cross_entropy(logits.softmax(1), labels)):
        return "The softmax runs twice: the logits went through it before."
    if not _same(found, logits, labels):
        return "For logits near 0 this is not the cross-entropy; try one row by hand."


def _stable(found, rows):
    logits, labels = torch.tensor(rows), torch.tensor([2, 2])
    if not _same(found, logits, labels):
        side = "below" if rows[0][0] < 0 else "above"
        return (
            f"With logits about a thousand {side} zero it gives {float(found):.4g}. exp has left "
            "the range of a float: what may be subtracted from all logits of a row for free?"
        )


def _same(found, logits, labels):
    return close(found, torch.nn.functional.cross_entropy(logits.double(), labels))
