"""The update: how a loss changes the weights."""

import math
from contextlib import nullcontext

import torch
from torch import nn

from tl_helpers.training import distributed
from tl_helpers.training.history import History
from tl_helpers.training.schedules import constant, set_rates


class NonFiniteLoss(RuntimeError):
    """A loss that is nan or infinite; ``history`` holds the epochs before it."""

    history: History | None = None


class Update:
    """Turns a loss into a change of the weights; ``run`` hands it to every step.

    ``update(loss)``, or ``update(loss, "name")`` with several optimizers: backward, loss scaling,
    accumulation, reduction over processes, clipping, the optimizer's step and its learning rate.
    With several optimizers each loss reaches only the parameters of the optimizer it is given to.
    The loss is a mean over what counts in the batch: a tensor with one number, or a dictionary of
    them by head, whose sum is minimised.

    Batches that make one optimizer step together are a window (one batch, or ``accumulate``). Each
    batch's loss is multiplied by its share of what counts in the window, over all processes: so
    the gradient is that of the one large batch's mean, however the window was cut.
    """

    def __init__(self, optimizers, scaler, half, schedule, total_steps, clip_norm):
        self.optimizers, self.scaler, self.scaling = optimizers, scaler, scaler.is_enabled()
        self.schedule, self.total_steps, self.clip_norm = schedule, total_steps, clip_norm
        self.half = half  # the kind of device on which the forward pass autocasts, or None
        self.world = distributed.world()[1]
        self.steps = dict.fromkeys(optimizers, 0)
        self.share, self.last = 1.0, True  # of the present batch in its window; is it the last one
        self.waiting = set()  # optimizers with gradients that have not been used yet
        self.losses = []  # not yet looked at: (name, loss)
        self.busy = False  # True from the first change of a weight to the end of the window

    def __call__(self, loss, optimizer=None) -> None:
        name = self._name(optimizer)
        for value in loss.values() if isinstance(loss, dict) else (loss,):
            if not isinstance(value, torch.Tensor) or value.ndim:
                raise ValueError(f"loss must be a tensor with one number, not {described(value)}")
            if value.is_cpu:
                self._must_be_finite(name, value.item())
            else:
                self.losses.append((name, value.detach()))
        # The step runs under autocast; what follows the forward pass does not.
        with torch.autocast(self.half, enabled=False) if self.half else nullcontext():
            loss = self._weighed(loss)
            if self.scaling:
                loss = self.scaler.scale(loss)
            loss.backward(inputs=self._parameters(name) if len(self.optimizers) > 1 else None)
            self.waiting.add(name)
            if self.last:
                self._step(name)

    def _weighed(self, loss):
        if isinstance(loss, dict):
            share = self.share
            shares = share if isinstance(share, dict) else dict.fromkeys(loss, share)
            return sum(value * shares[head] for head, value in loss.items())
        return loss if self.share == 1 else loss * self.share

    def _step(self, name: str) -> None:
        """Change the weights of one optimizer by the gradients that wait."""
        optimizer = self.optimizers[name]
        self.busy = True
        if self.world > 1:
            distributed.sum_gradients(self._parameters(name))
        if self.schedule is not constant:
            set_rates(optimizer, self.schedule(self.steps[name], self.total_steps))
        if self.clip_norm is not None:
            if self.scaling:
                self.scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(self._parameters(name), self.clip_norm)
        if self.scaling:
            self.scaler.step(optimizer)
        else:
            optimizer.step()
        optimizer.zero_grad()
        if self.half:  # it remembers the rounded weights, which are now old
            torch.clear_autocast_cache()
        self.steps[name] += 1
        self.waiting.discard(name)

    def end_window(self) -> None:
        """Step with what still waits, and let the loss scale follow when all have stepped."""
        for name in tuple(self.waiting):
            self._step(name)
        if self.busy and self.scaling:
            self.scaler.update()

    def check(self) -> None:
        """Raise NonFiniteLoss when one of the losses seen since the last check is not finite."""
        losses, self.losses = self.losses, []
        values = torch.stack([value.float() for _, value in losses]).tolist() if losses else ()
        for (name, _), value in zip(losses, values, strict=True):
            self._must_be_finite(name, value)

    def _must_be_finite(self, name, value):
        if math.isfinite(value):
            return
        rates = {group["lr"] for group in self.optimizers[name].param_groups}
        raise NonFiniteLoss(
            f"loss of {name!r} is {value} after {self.steps[name]} optimizer steps, at learning "
            f"rate {', '.join(f'{rate:.3g}' for rate in sorted(rates))}: try a lower lr, "
            "clip_norm=1.0 or precision='float32', and look for nan in inputs and labels"
        )

    def _name(self, optimizer):
        if optimizer is None and len(self.optimizers) == 1:
            return next(iter(self.optimizers))
        for name, known in self.optimizers.items():
            if optimizer is known or (isinstance(optimizer, str) and optimizer == name):
                return name
        names = ", ".join(repr(name) for name in self.optimizers)
        raise ValueError(f"update needs to know which optimizer: one of {names}, not {optimizer!r}")

    def _parameters(self, name):
        groups = self.optimizers[name].param_groups
        return [p for group in groups for p in group["params"] if p.requires_grad]


def described(value) -> str:
    """Return what a value is, for an error."""
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
