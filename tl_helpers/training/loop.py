"""The loop: the one place of the package where something is trained."""

import contextlib
import math
import signal
import threading
import time
from dataclasses import dataclass
from itertools import islice

import torch
from torch import nn

from tl_helpers.data.batches import Batches
from tl_helpers.seeds import seed_everything
from tl_helpers.training import checkpoints, distributed
from tl_helpers.training import progress as progress_
from tl_helpers.training.device import autocast, move, pick_device, pick_precision
from tl_helpers.training.history import History
from tl_helpers.training.schedules import constant, pick_schedule, set_rates

# On an accelerator, reading a loss waits for the device; so losses are looked at in groups.
STEPS_BETWEEN_CHECKS = 20


class NonFiniteLoss(RuntimeError):
    """A loss that is nan or infinite; ``history`` holds the epochs before it."""

    history: History | None = None


@dataclass
class State:
    """What callbacks see and may change.

    ``stop = True`` at the end of an epoch ends the run; in mid-epoch (a Cancel button in another
    thread) it interrupts the run after the present batch. epoch counts from 0; step counts the batches of the whole run. ``modules`` and ``optimizers``
    are the dictionaries that the run was given.
    """

    epoch: int
    epochs: int
    modules: dict
    optimizers: dict
    history: History
    step: int = 0
    stop: bool = False


def train_mode(module: nn.Module) -> None:
    """Put a module into train mode, except what is frozen.

    A submodule whose parameters are all frozen runs as in evaluation: dropout and drop-path are
    off and BatchNorm neither uses nor changes the statistics of the batch. A BatchNorm with the
    attribute ``moving_statistics`` set to True is left in train mode (``freeze`` sets it).
    """
    frozen = set()
    _collect_frozen(module, frozen)
    for part in module.modules():
        mode = part not in frozen or getattr(part, "moving_statistics", False)
        if part.training != mode:  # setting an attribute of a module is slow, and there are many
            part.training = mode


def _collect_frozen(part: nn.Module, frozen: set) -> tuple[bool, bool]:
    """Add what is frozen within ``part``; return whether it has parameters, and trainable ones."""
    found = [(True, p.requires_grad) for p in part.parameters(recurse=False)]
    found += [_collect_frozen(child, frozen) for child in part.children()]
    there, trainable = (any(column) for column in zip((False, False), *found, strict=True))
    if there and not trainable:
        frozen.update(part.modules())
    return there, trainable


class Update:
    """Turns a loss into a change of the weights; ``run`` hands it to every step.

    ``update(loss)``, or ``update(loss, "name")`` with several optimizers: backward, loss scaling,
    accumulation, reduction over processes, clipping, the optimizer's step and its learning rate.
    With several optimizers each loss reaches only the parameters of the optimizer it is given to.
    """

    def __init__(self, optimizers, scaler, schedule, total_steps, accumulate, clip_norm):
        self.optimizers, self.scaler, self.scaling = optimizers, scaler, scaler.is_enabled()
        self.world = distributed.world()[1]
        self.schedule, self.total_steps = schedule, total_steps
        self.accumulate, self.clip_norm = accumulate, clip_norm
        self.steps = dict.fromkeys(optimizers, 0)
        self.waiting = {name: [0, 0, 0] for name in optimizers}  # batches, samples, first batch's
        self.samples = self.global_samples = 1  # of the present batch: here, in all processes
        self.losses = []  # not yet looked at: (name, loss)
        self.busy = False  # True while weights are being changed
        self.stepped = False  # has an optimizer stepped since the loss scale was last updated

    def __call__(self, loss: torch.Tensor, optimizer=None) -> None:
        name = self._name(optimizer)
        if not isinstance(loss, torch.Tensor) or loss.ndim:
            raise ValueError(f"loss must be a tensor with one number, not {_describe(loss)}")
        if loss.is_cpu:
            self._must_be_finite(name, loss.item())
        else:
            self.losses.append((name, loss.detach()))
        waiting = self.waiting[name]
        waiting[0] += 1
        waiting[1] += self.global_samples
        waiting[2] = waiting[2] or self.global_samples
        if self.samples != waiting[2]:
            loss = loss * (self.samples / waiting[2])
        if self.scaling:
            loss = self.scaler.scale(loss)
        loss.backward(inputs=self._parameters(name) if len(self.optimizers) > 1 else None)
        if waiting[0] == self.accumulate:
            self.step(name)

    def step(self, name: str) -> None:
        """Change the weights of one optimizer by the gradients that wait."""
        optimizer, (batches, samples, first) = self.optimizers[name], self.waiting[name]
        if not batches:
            return
        self.busy = True
        if self.world > 1:
            distributed.sum_gradients(self._parameters(name))
        if samples != first:
            for parameter in self._parameters(name):
                if parameter.grad is not None:
                    parameter.grad.mul_(first / samples)
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
        self.steps[name] += 1
        self.waiting[name] = [0, 0, 0]
        self.busy, self.stepped = False, True

    def end_batch(self) -> None:
        """Let the loss scale follow, once all optimizers of a batch have stepped."""
        if self.stepped and self.scaling:
            self.scaler.update()
        self.stepped = False

    def flush(self) -> None:
        """Step with what waits at the end of an epoch."""
        for name in self.optimizers:
            self.step(name)
        self.end_batch()

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


def run(
    step,
    batches,
    epochs: int,
    *,
    modules: dict,
    optimizers: dict,
    schedule=None,
    validate=None,
    precision: str = "auto",
    device="auto",
    accumulate: int = 1,
    clip_norm: float | None = None,
    checkpoint=None,
    resume: bool = False,
    callbacks=(),
    progress: bool = True,
    seed: int | None = 0,
) -> History:
    """Run ``step`` over ``batches``, ``epochs`` times: the engine under ``fit``.

    step(batch, update) -> dict of metrics: computes one batch (already on the device, under
        autocast where precision asks for it), calls ``update(loss)`` or ``update(loss, name)``
        once for each optimizer, and returns numbers or 0-d tensors, means over the batch. Each is
        recorded as ``train_<name>``, averaged over samples.
    batches: any iterable of tensors, or tuples, lists or dicts of tensors; an iterator that can be
        walked through once raises when epochs > 1.
    modules, optimizers: by name. They are what a checkpoint holds; modules move to the device, and
        what is frozen in them runs in eval mode (see ``train_mode``).
    schedule: None (constant), "cosine", "one_cycle", or a function (step, total) -> factor, called
        before every optimizer step.
    validate: called after each epoch; its dict is recorded as ``valid_<name>``.
    accumulate: so many batches make one optimizer step; gradients are those of the one large batch.
    checkpoint: a file, written at the end of each epoch and on interruption. resume: go on from it,
        exactly; ``epochs`` is the total and may have grown under a schedule that is constant.
    callbacks: objects with any of on_epoch_start(state), on_epoch_end(state), and, when they
        remember something, state_dict() and load_state_dict(saved, state).
    seed: seeds the run; the randomness outside is left as it was. None draws from outside.

    Under ``torchrun`` every process must see the same batches and takes its share of each.
    Returns the History; modules come back in eval mode. Interrupting (Ctrl-C, the stop button) ends
    after the present batch and returns the history so far.

    Raises NonFiniteLoss, FileNotFoundError (resume without the file), ValueError for bad input.
    """
    engine = _Engine(step, batches, epochs, modules, optimizers, callbacks)
    engine.prepare(device, precision, schedule, accumulate, clip_norm, checkpoint, resume)
    engine.validate = validate
    with _own_randomness(seed, engine.device), _interruption(engine):
        if resume:
            engine.resume()
        try:
            engine.train(progress)
        except NonFiniteLoss as error:
            error.history = engine.history
            raise
    return engine.history


def check_repeatable(batches, epochs) -> None:
    """Raise ValueError unless ``batches`` can be walked through ``epochs`` times."""
    if not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"epochs is {epochs!r}; it must be a whole number, 1 or more")
    if not hasattr(batches, "__iter__"):
        raise ValueError(f"batches must be an iterable of batches, not {_describe(batches)}")
    if epochs > 1 and iter(batches) is batches:
        raise ValueError(
            f"batches is a {type(batches).__name__}, which can be walked through once, but "
            f"epochs is {epochs}: give a list, a DataLoader or tl.data.batches(...)"
        )


class _Engine:
    """The state of one run, and the moves it is made of."""

    def __init__(self, step, batches, epochs, modules, optimizers, callbacks):
        if not callable(step):
            raise ValueError(f"step must be a function of (batch, update), not {_describe(step)}")
        check_repeatable(batches, epochs)
        for word, given in (("modules", modules), ("optimizers", optimizers)):
            if not isinstance(given, dict) or not given:
                raise ValueError(f"{word} must be a dictionary with at least one entry")
        self.step_function, self.batches, self.callbacks = step, batches, list(callbacks)
        try:
            self.length = len(batches)
        except TypeError:
            self.length = None
        if self.length == 0:
            raise ValueError("batches is empty: there is nothing to train on")
        self.state = State(0, epochs, modules, optimizers, History())
        self.position, self.sums, self.seen, self.train_seconds = 0, {}, 0, 0.0
        self.interrupted = False
        self.epoch_random = self.torch_random = None

    @property
    def history(self) -> History:
        return self.state.history

    def prepare(self, device, precision, schedule, accumulate, clip_norm, checkpoint, resume):
        if not isinstance(accumulate, int) or accumulate < 1:
            raise ValueError(f"accumulate is {accumulate!r}; it must be a whole number, 1 or more")
        if clip_norm is not None and not clip_norm > 0:
            raise ValueError(f"clip_norm is {clip_norm!r}; it must be None or above 0")
        if resume and checkpoint is None:
            raise ValueError("resume=True needs checkpoint=: the file to go on from")
        self.device = pick_device(device)
        distributed.start(self.device)
        self.rank, self.world = distributed.world()
        self.dtype = pick_precision(precision, self.device)
        self.schedule, self.checkpoint = pick_schedule(schedule), checkpoint
        total_steps = None
        if self.schedule is not constant:
            if self.length is None:
                raise ValueError(
                    "schedule needs batches of a known length: give a list or DataLoader"
                )
            total_steps = self.state.epochs * -(-self.length // accumulate)
        self.setup = {
            "batches an epoch": self.length,
            "batch_size": getattr(self.batches, "batch_size", None),
            "accumulate": accumulate,
            "precision": str(self.dtype),
            "processes": self.world,
            "schedule": getattr(self.schedule, "__name__", str(self.schedule)),
            "steps of the schedule": total_steps,
        }
        for module in self.state.modules.values():
            module.to(self.device)
            distributed.copy_from_first([*module.parameters(), *module.buffers()])
        scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        for optimizer in self.state.optimizers.values():
            optimizer.zero_grad()
            _follow(optimizer, self.device)
        self.update = Update(
            self.state.optimizers, scaler, self.schedule, total_steps, accumulate, clip_norm
        )

    # -- the run ---------------------------------------------------------------------------------

    def train(self, show_progress):
        state = self.state
        total = None if self.length is None else state.epochs * self.length
        with progress_.bar(total, show_progress and self.rank == 0) as self.bar:
            self.bar.update(state.step)
            try:
                while state.epoch < state.epochs and not state.stop:
                    self.one_epoch()
                    if self.interrupted:
                        break
            except KeyboardInterrupt:  # raised inside a step, or by a second Ctrl-C
                self.interrupted = True
                if not self.update.busy:
                    self.save(self.torch_random)
        self.history.interrupted = self.interrupted
        for module in state.modules.values():
            module.eval()
        if not self.interrupted:
            self.call("on_end")

    def one_epoch(self):
        state, started = self.state, time.perf_counter()
        fresh = self.position == 0
        if fresh:
            self.sums, self.seen, self.train_seconds = {}, 0, 0.0
            self.call("on_epoch_start")
        for module in state.modules.values():
            train_mode(module)
        self.bar.set_description(f"epoch {state.epoch + 1}/{state.epochs}", refresh=False)
        before = self.train_seconds
        for batch in self.remaining_batches(fresh):
            self.one_batch(batch)
            self.train_seconds = before + time.perf_counter() - started
            if self.agreed(self.interrupted or state.stop):
                self.interrupted, state.stop = True, False
                self.save()
                return
        if not self.position:
            raise ValueError("batches is empty: there is nothing to train on")
        self.update.check()
        self.update.flush()
        self.finish_epoch(before + time.perf_counter() - started)

    def remaining_batches(self, fresh):
        epoch, position = self.state.epoch, self.position
        if fresh:
            self.epoch_random = checkpoints.random_state(self.device)
        else:
            now = checkpoints.random_state(self.device)
            checkpoints.set_random_state(self.epoch_random, self.device)
        if isinstance(self.batches, Batches):
            remaining = self.batches.from_position(epoch, position)
        else:
            remaining = iter(self.batches)
            for _ in islice(remaining, position):
                pass
        if not fresh:
            checkpoints.set_random_state(now, self.device)
        self.torch_random = torch.get_rng_state()
        return remaining

    def one_batch(self, batch):
        samples = total = distributed.batch_length(batch)
        if not total:
            raise ValueError(
                f"batch {self.position} holds no tensor with samples: {_describe(batch)}"
            )
        if self.world > 1:
            batch, samples = distributed.share(batch, self.rank, self.world)
        update, state = self.update, self.state
        update.samples, update.global_samples = samples, total
        batch = move(batch, self.device)
        if self.dtype is None:
            metrics = self.step_function(batch, update)
        else:
            with autocast(self.device, self.dtype):
                metrics = self.step_function(batch, update)
        update.end_batch()
        for name, value in (metrics or {}).items():
            if isinstance(value, torch.Tensor):
                value = value.detach()
                value = value.item() if value.device.type == "cpu" else value.float()
            self.sums[name] = self.sums.get(name, 0.0) + value * samples
        self.seen += samples
        self.position += 1
        state.step += 1
        if self.device.type != "cpu" and state.step % STEPS_BETWEEN_CHECKS == 0:
            update.check()
        self.torch_random = torch.get_rng_state()
        self.bar.update()

    def finish_epoch(self, seconds):
        state, history, started = self.state, self.history, time.perf_counter()
        if self.world > 1:
            for module in state.modules.values():
                distributed.copy_from_first(module.buffers())
        names = list(self.sums)
        sums = torch.tensor([float(self.sums[name]) for name in names] + [self.seen])
        *sums, seen = distributed.total(sums.double().to(_exchange_device(self.device))).tolist()
        for name, value in zip(names, sums, strict=True):
            history.record(f"train_{name}", value / seen)
        if self.validate is not None:
            for name, value in self.validate().items():
                history.record(f"valid_{name}", value)
        first = next(iter(state.optimizers.values()))
        history.record("lr", first.param_groups[0]["lr"])
        history.record("seconds", seconds + time.perf_counter() - started)
        history.record("samples_per_second", seen / seconds if seconds else 0.0)
        shown = {name: values[-1] for name, values in history._columns() if values}
        self.bar.set_postfix({k: v for k, v in shown.items() if v is not None}, refresh=False)
        self.call("on_epoch_end")
        state.epoch, self.position = state.epoch + 1, 0
        self.save()

    def call(self, event):
        for callback in self.callbacks:
            method = getattr(callback, event, None)
            if method is not None:
                method(self.state)

    def agreed(self, stop: bool) -> bool:
        """Stop in all processes when one of them wants to."""
        if self.world == 1:
            return stop
        if self.device.type != "cpu" and self.state.step % STEPS_BETWEEN_CHECKS:
            return False
        flag = torch.tensor([float(stop)], device=_exchange_device(self.device))
        return bool(distributed.total(flag).item())

    # -- checkpoints -----------------------------------------------------------------------------

    def save(self, torch_state=None):
        if self.checkpoint is None:
            return
        state = self.state
        random_states = distributed.from_all(checkpoints.random_state(self.device, torch_state))
        epoch_random = distributed.from_all(self.epoch_random)
        sums = {name: float(value) for name, value in self.sums.items()}
        partial = distributed.from_all((sums, self.seen))
        if self.rank:
            return
        update = self.update
        checkpoints.save(
            self.checkpoint,
            {
                "setup": self.setup,
                "modules": {name: m.state_dict() for name, m in state.modules.items()},
                "optimizers": {name: o.state_dict() for name, o in state.optimizers.items()},
                "scaler": update.scaler.state_dict(),
                "steps": update.steps,
                "waiting": update.waiting,
                "gradients": self.gradients() if any(w[0] for w in update.waiting.values()) else {},
                "callbacks": [_saved(callback) for callback in self.callbacks],
                "epoch": state.epoch,
                "position": self.position,
                "step": state.step,
                "partial": partial,
                "train_seconds": self.train_seconds,
                "stop": state.stop,
                "random": random_states,
                "epoch_random": epoch_random,
                "history": self.history.to_json(),
            },
        )

    def gradients(self):
        return {
            name: {key: p.grad for key, p in module.named_parameters() if p.grad is not None}
            for name, module in self.state.modules.items()
        }

    def resume(self):
        saved, state, update = checkpoints.load(self.checkpoint), self.state, self.update
        for what, value in self.setup.items():
            if saved["setup"].get(what) != value:
                raise ValueError(
                    f"checkpoint {self.checkpoint} was written with {what} = "
                    f"{saved['setup'].get(what)}, this run has {value}: give the same to resume"
                )
        if saved["epoch"] > state.epochs:
            raise ValueError(
                f"epochs is {state.epochs}, but checkpoint {self.checkpoint} already holds "
                f"{saved['epoch']}: epochs is the total"
            )
        for kind in ("modules", "optimizers"):
            if set(saved[kind]) != set(getattr(state, kind)):
                raise ValueError(
                    f"{kind} of checkpoint {self.checkpoint} are {sorted(saved[kind])}, "
                    f"this run has {sorted(getattr(state, kind))}"
                )
        if len(saved["callbacks"]) != len(self.callbacks):
            raise ValueError(
                f"checkpoint {self.checkpoint} was written with {len(saved['callbacks'])} "
                f"callbacks, this run has {len(self.callbacks)}"
            )
        for name, module in state.modules.items():
            module.load_state_dict(saved["modules"][name])
            for key, parameter in module.named_parameters():
                gradient = saved["gradients"].get(name, {}).get(key)
                parameter.grad = None if gradient is None else gradient.to(parameter.device)
        state.epoch, self.position, state.step = saved["epoch"], saved["position"], saved["step"]
        state.stop = saved["stop"]
        state.history = History.from_json(saved["history"])
        # Callbacks go before optimizers: gradual unfreezing has to add its groups first.
        for callback, memory in zip(self.callbacks, saved["callbacks"], strict=True):
            if memory is not None:
                callback.load_state_dict(memory, state)
        for name, optimizer in state.optimizers.items():
            optimizer.load_state_dict(saved["optimizers"][name])
        update.scaler.load_state_dict(saved["scaler"])
        update.steps, update.waiting = saved["steps"], saved["waiting"]
        self.sums, self.seen = saved["partial"][self.rank]
        self.sums, self.train_seconds = dict(self.sums), saved["train_seconds"]
        self.epoch_random = saved["epoch_random"][self.rank]
        checkpoints.set_random_state(saved["random"][self.rank], self.device)


def _saved(callback):
    return callback.state_dict() if hasattr(callback, "state_dict") else None


def _describe(value) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"


def _exchange_device(device):
    """Float64 sums go over the CPU, except under NCCL, which moves CUDA tensors only."""
    return device if device.type == "cuda" and distributed.world()[1] > 1 else torch.device("cpu")


def _follow(optimizer, device):
    """Move an optimizer's memory to the device that its parameters have moved to."""
    for memory in optimizer.state.values():
        for name, value in memory.items():
            if isinstance(value, torch.Tensor) and name != "step":
                memory[name] = value.to(device)


@contextlib.contextmanager
def _own_randomness(seed, device):
    """Seed what is inside; leave the randomness outside as it was."""
    if seed is None:
        yield
        return
    outside = checkpoints.random_state(device)
    seed_everything(seed)
    rank = distributed.world()[0]
    if rank:  # other dropout masks in each process
        torch.manual_seed(torch.initial_seed() + rank)
    try:
        yield
    finally:
        checkpoints.set_random_state(outside, device)


@contextlib.contextmanager
def _interruption(engine):
    """Let the first Ctrl-C end the run after the present batch; a second one ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(signal_number, frame):
        if engine.interrupted:
            raise KeyboardInterrupt
        engine.interrupted = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
