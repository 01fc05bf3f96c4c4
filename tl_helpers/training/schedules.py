"""Schedules: how the learning rate changes from step to step.

A schedule is a function of (step, total steps) that returns a factor; each parameter group's rate
is that factor times the rate the group came with. Groups may join on the way (gradual unfreezing).
"""

import math

WARM_UP = 0.1  # share of the steps in which "cosine" rises to the full rate


def constant(step: int, total: int) -> float:
    """Return 1: the rate stays."""
    return 1.0


def cosine(step: int, total: int) -> float:
    """Rise linearly over the first tenth of the steps, then fall along half a cosine to 0.

    Source: Loshchilov and Hutter, SGDR (arXiv:1608.03983), one period, with linear warm-up.
    """
    warm_up = math.ceil(WARM_UP * total)
    if step < warm_up:
        return (step + 1) / (warm_up + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, total - warm_up)))


def one_cycle(step: int, total: int) -> float:
    """Rise from 1/25 to the full rate over 30 % of the steps, then fall to 1/250,000, on cosines.

    Source: Smith and Topin, Super-Convergence (arXiv:1708.07120), in the form of
    ``torch.optim.lr_scheduler.OneCycleLR`` without the cycle of momentum.
    """
    top = 0.3 * total - 1
    if step <= top:
        start, end, share = 1 / 25, 1.0, step / top
    else:
        start, end, share = 1.0, 1 / 25 / 1e4, (step - top) / max(1e-9, total - 1 - top)
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


SCHEDULES = {"constant": constant, "cosine": cosine, "one_cycle": one_cycle}


def pick_schedule(schedule):
    """Return the schedule function for a name, None (constant) or a function of your own."""
    if schedule is None:
        return constant
    if callable(schedule):
        return schedule
    if not isinstance(schedule, str) or schedule not in SCHEDULES:
        raise ValueError(
            f"schedule is {schedule!r}; it must be None, one of {', '.join(SCHEDULES)}, "
            "or a function of (step, total steps)"
        )
    return SCHEDULES[schedule]


def set_rates(optimizer, factor: float) -> None:
    """Set every parameter group's rate to ``factor`` times the rate it came with."""
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
