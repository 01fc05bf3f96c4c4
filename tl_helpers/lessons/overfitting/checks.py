"""The checks of the lesson on overfitting: a half-life, early stopping, dropout by hand."""

import torch

from tl_helpers.teaching.exercises import close, exercise

LR, STRENGTH = 0.003, 1.0  # of exercise 07.1


@exercise("07.1", "Half a weight", expects="a number of steps, such as 100")
def half_life(answer):
    answer, left = float(answer), 1 - LR * STRENGTH
    if answer != int(answer) or answer < 1:
        return "A number of steps is asked for, a whole number from 1."
    if left**answer >= 0.5:
        share = f"{100 * left**answer:.1f} %"
        if left ** (answer + 1) < 0.5:
            return f"So close: after that many steps {share} are left, which is not below half."
        return f"After that many steps {share} are left: each step takes a share of what is left."
    if left ** (answer - 1) >= 0.5:
        return None
    return "It is below half by then, but it was so at an earlier step, too."


# Each has a trap: a plateau, a second and deeper valley, a first epoch that stays the best, and a
# run that never stops.
_RUNS = (
    ([3.0, 2.0, 1.5, 1.6, 1.5, 1.7, 1.4], 3),
    ([2.0, 1.8, 1.9, 1.85, 1.84, 1.2, 1.1], 3),
    ([1.0, 1.2, 1.1, 1.3, 1.0], 2),
    ([2.2, 1.9, 2.0, 1.7, 1.8, 1.6], 2),
)


def stopped(valid_loss, patience):
    """Return how many epochs are trained and which of them was best, counted from 1."""
    best = 0
    for epoch, loss in enumerate(valid_loss):
        if loss < valid_loss[best]:
            best = epoch
        if epoch - best == patience:
            return epoch + 1, best + 1
    return len(valid_loss), best + 1


@exercise("07.2", "Early stopping", expects="a function of (valid_loss, patience) that gives two")
def early_stopping(answer):
    for losses, patience in _RUNS:
        trained, best = stopped(losses, patience)
        found = answer(list(losses), patience)
        if not isinstance(found, list | tuple) or len(found) != 2:
            return "Return two numbers: the epochs that were trained, and the best of them."
        if close(found, (trained, best)):
            continue
        told = f"With the losses {losses} and patience {patience}: "
        if close(found, (trained - 1, best - 1)):
            return told + "both are one too low. Epochs are counted from 1."
        if close(found, (best, trained)):
            return told + "the two are exchanged."
        if close(found[0], len(losses)):
            return told + "nothing stopped the run, and patience ran out before its end."
        if not close(found[0], trained):
            return told + (
                "another number of epochs is trained. Count the epochs since the lowest loss so "
                "far; an equal loss is not a lower one."
            )
        if close(found[1], trained):
            return told + "the last epoch came back; the weights of the best one are asked for."
        return told + "the best epoch is another one: the lowest loss of those trained."


@exercise("07.3", "Dropout", expects="a function of (features, p, training) that gives a tensor")
def dropout(answer):
    features = 1 + torch.rand(400, 60)
    still = answer(features.clone(), 0.25, False)
    if tuple(getattr(still, "shape", ())) != (400, 60):
        return "Return a tensor of the shape of the features."
    if not close(still, features):
        return "In evaluation (training is False) features pass as they are."
    first, second = (answer(features.clone(), 0.25, True) for _ in range(2))
    dropped = (first == 0).float()
    share = float(dropped.mean())
    if share == 0:
        return "In training some features become 0; here none does."
    if dropped.mean(0).min() == 0 or dropped.mean(1).min() == 0:
        return "Whole rows or columns share one fate; each number is to be dropped on its own."
    if abs(share - 0.75) < 0.03:
        return "p is the probability to be dropped, and so many were kept."
    if abs(share - 0.25) > 0.03:
        return f"{100 * share:.0f} % were dropped; p was another number."
    if close((first == 0).float(), (second == 0).float()):
        return "A second call drops the same ones: they are to be drawn anew each time."
    ratio = (first / features)[first != 0]
    if float(ratio.std()) > 1e-3:
        return "What is kept is multiplied by one number, the same for all."
    if close(ratio.mean(), 1.0):
        return "The mean of the features shrinks. Multiply what is kept, so that it stays."
    if not close(ratio.mean(), 1 / 0.75):
        return "What is kept is multiplied, but the mean of the features does not stay."
