"""The loop: the one place of the package where something is trained.

It reads from top to bottom: ``run`` prepares, ``train`` goes through the epochs, ``one_epoch``
through the batches, ``one_step`` changes the weights, ``finish_epoch`` validates, records and
saves. What each of these needs besides stands beside it: the update of the weights (loss scaling,
accumulation) in ``update.py``, many processes in ``distributed.py``, what a checkpoint holds in
``resuming.py``, Ctrl-C in ``interruption.py``, seeds in ``randomness.py``.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch

from tl_helpers import arguments
from tl_helpers import progress as progress_
from tl_helpers.data.batches import Batches
from tl_helpers.training import checkpoints, distributed, randomness, resuming
from tl_helpers.training.device import autocast, move, pick_device, pick_precision
from tl_helpers.training.history import History
from tl_helpers.training.interruption import interruptible
from tl_helpers.training.schedules import constant, pick_schedule
from tl_helpers.training.train_mode import train_mode
from tl_helpers.training.update import NonFiniteLoss, Update, described

# On an accelerator, reading a loss waits for the device; so losses are looked at in groups.
STEPS_BETWEEN_CHECKS = 20
EVENTS = ("on_epoch_start", "on_epoch_end", "on_end")


@dataclass
class State:
    """What callbacks see and may change.

    ``stop = True`` at the end of an epoch ends the run; in mid-epoch (a Cancel button in another
    thread) it interrupts the run after the present step. epoch counts from 0; step counts the
    batches of the whole run. ``modules`` and ``optimizers`` are the dictionaries that the run was
    given.
    """

    epoch: int
    epochs: int
    modules: dict
    optimizers: dict
    history: History
    step: int = 0
    stop: bool = False


def run(
    step,
    batches,
    epochs: int,
    *,
    modules: dict,
    optimizers: dict,
    schedule=None,
    validate=None,
    count=None,
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
        recorded as ``train_<name>``, averaged over what counts. A dictionary of means by head is
        recorded as their sum, and each as ``train_<head>_<name>``.
    batches: any iterable of tensors, or tuples, lists, named tuples or mappings of tensors; an
        iterator that can be walked through once raises when epochs > 1.
    modules, optimizers: by name. They are what a checkpoint holds; modules move to the device, and
        what is frozen in them runs in eval mode (see ``train_mode``).
    schedule: None (constant), "cosine", "one_cycle", or a function (step, total) -> factor, called
        before every optimizer step.
    validate: called after each epoch; its dict is recorded as ``valid_<name>``.
    count: a function batch -> how much of it counts (a number, or a dictionary by head where the
        loss is one); its samples when left out. For losses that are means over something else:
        the tokens that are not padding, say.
    accumulate: so many batches make one optimizer step; gradients are those of the one large batch.
    checkpoint: a file, written at the end of each epoch and on interruption. resume: go on from it,
        exactly; ``epochs`` is the total and may have grown under a schedule that is constant.
    callbacks: objects with any of on_epoch_start(state), on_epoch_end(state), on_end(state), and,
        when they remember something, state_dict() and load_state_dict(saved, state).
    seed: seeds the run; the randomness outside is left as it was. None draws from outside.

    Under ``torchrun`` every process must see the same batches and takes its share of each.
    Returns the History; modules come back in eval mode. Interrupting (Ctrl-C, the stop button) ends
    after the present optimizer step and returns the history so far.

    Raises NonFiniteLoss, FileNotFoundError (resume without the file), ValueError or TypeError for
    bad input.
    """
    arguments.seed("seed", seed)
    for name, flag in (("resume", resume), ("progress", progress)):
        arguments.choice(name, flag, (True, False))
    engine = _Run(step, batches, epochs, modules, optimizers, callbacks, count, validate)
    engine.prepare(device, precision, schedule, accumulate, clip_norm, checkpoint, resume)
    with randomness.seeded(seed, engine.device), interruptible(engine):
        if resume:
            resuming.restore(engine, checkpoints.load(checkpoint))
        try:
            engine.train(progress)
        except NonFiniteLoss as error:
            error.history = engine.state.history
            raise
    return engine.state.history


class _Run:
    """The state of one run, and the moves it is made of."""

    def __init__(self, step, batches, epochs, modules, optimizers, callbacks, count, validate):
        if not callable(step):
            raise ValueError(f"step must be a function of (batch, update), not {described(step)}")
        check_repeatable(batches, epochs)
        for word, given, kind in (
            ("modules", modules, torch.nn.Module),
            ("optimizers", optimizers, torch.optim.Optimizer),
        ):
            if not isinstance(given, dict) or not given:
                raise ValueError(f"{word} must be a dictionary with at least one entry")
            for name, value in given.items():
                if not isinstance(value, kind):
                    raise TypeError(
                        f"{word} holds {described(value)} as {name!r}: {word} are {kind}"
                    )
        for word, function in (("count", count), ("validate", validate)):
            if function is not None and not callable(function):
                raise TypeError(f"{word} must be None or a function, not {described(function)}")
        self.step, self.batches, self.count, self.validate = step, batches, count, validate
        self.callbacks = check_callbacks(callbacks)
        try:
            self.length = len(batches)
        except TypeError:
            self.length = None
        if self.length == 0:
            raise ValueError("batches is empty: there is nothing to train on")
        self.state = State(0, epochs, modules, optimizers, History())
        self.position = 0  # batches of this epoch that are done
        self.sums = {}  # of this epoch's metrics: name -> (sum, how much counted)
        self.samples, self.train_seconds = 0, 0.0  # of this epoch
        self.interrupted = False
        # Randomness as it was at the start of the epoch, and after the last step.
        self.epoch_random = self.torch_random = None

    def prepare(self, device, precision, schedule, accumulate, clip_norm, checkpoint, resume):
        arguments.whole_number("accumulate", accumulate)
        if clip_norm is not None:
            arguments.number("clip_norm", clip_norm, above=0)
        if resume and checkpoint is None:
            raise ValueError("resume=True needs checkpoint=: the file to go on from")
        self.schedule = pick_schedule(schedule)
        self.device = pick_device(device)
        self.dtype = pick_precision(precision, self.device)
        if checkpoint is not None:
            checkpoints.prepare(checkpoint)
        distributed.start(self.device)
        self.rank, self.world = distributed.world()
        if isinstance(self.batches, Batches):  # one order for all, also where each drew a seed
            self.batches.seed = distributed.from_all(self.batches.seed)[0]
        self.accumulate, self.checkpoint = accumulate, checkpoint
        self.own_random = randomness.generators(self.batches)
        self.total_steps = None
        if self.schedule is not constant:
            if self.length is None:
                raise ValueError(
                    "schedule needs batches of a known length: give a list or DataLoader"
                )
            self.total_steps = self.state.epochs * -(-self.length // accumulate)
        self.setup = resuming.setup(self)
        for module in self.state.modules.values():
            module.to(self.device)
            distributed.copy_from_first([*module.parameters(), *module.buffers()])
        for optimizer in self.state.optimizers.values():
            optimizer.zero_grad()
            resuming.follow(optimizer, self.device)
        scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        half = None if self.dtype is None else self.device.type
        self.update = Update(
            self.state.optimizers, scaler, half, self.schedule, self.total_steps, clip_norm
        )

    def train(self, show_progress):
        state = self.state
        total = None if self.length is None else state.epochs * self.length
        with progress_.bar(total, show_progress and self.rank == 0) as self.bar:
            self.bar.update(state.step)
            try:
                while state.epoch < state.epochs and not state.stop and not self.interrupted:
                    self.one_epoch()
            except KeyboardInterrupt:  # raised inside a step, or by a second Ctrl-C
                self.interrupted = True
                if not self.update.busy:
                    self.save(self.torch_random)
        state.history.interrupted = self.interrupted
        for module in state.modules.values():
            module.eval()
        if not self.interrupted:
            self.call("on_end")

    def one_epoch(self):
        state, started = self.state, time.perf_counter()
        fresh = self.position == 0
        if fresh:
            self.sums, self.samples, self.train_seconds = {}, 0, 0.0
            self.call("on_epoch_start")
        for module in state.modules.values():
            train_mode(module)
        self.bar.set_description(f"epoch {state.epoch + 1}/{state.epochs}", refresh=False)
        before = self.train_seconds
        batches = self.remaining_batches(fresh)
        while window := list(islice(batches, self.accumulate)):
            self.one_step(window)
            self.train_seconds = before + time.perf_counter() - started
            if self.agreed(self.interrupted or state.stop):
                self.interrupted, state.stop = True, False
                self.save()
                return
        if not self.position:
            raise ValueError("batches is empty: there is nothing to train on")
        self.update.check()
        self.finish_epoch(before + time.perf_counter() - started)

    def remaining_batches(self, fresh):
        """Return an iterator over the batches of the epoch that are not done yet."""
        epoch, position, now = self.state.epoch, self.position, None
        if fresh:
            self.epoch_random = randomness.state(self.device, self.own_random)
        else:  # the order of the batches was drawn at the start of the epoch
            now = randomness.state(self.device)
            randomness.set_state(self.epoch_random, self.device, self.own_random)
        if hasattr(self.batches, "from_position"):
            remaining = self.batches.from_position(epoch, position)
        else:
            remaining = iter(self.batches)
            for _ in islice(remaining, position):
                pass
        if not fresh:
            randomness.set_state(now, self.device)
        self.torch_random = torch.get_rng_state()
        return remaining

    def one_step(self, window):
        """Change the weights once (each optimizer's), by the batches of a window."""
        update, state = self.update, self.state
        counts = [self.counted(batch) for batch in window]
        total = _total(counts)
        for number, batch in enumerate(window):
            counted = counts[number]
            if self.world > 1:
                batch, counted = distributed.share(batch, self.rank, self.world, self.counted)
            update.share = _share(counted, total) if self.world * len(window) > 1 else 1.0
            update.last = number == len(window) - 1
            self.record(self.metrics(move(batch, self.device)), counted)
            self.bar.update()
        update.end_window()
        self.position += len(window)
        state.step += len(window)
        self.samples += sum(distributed.batch_length(batch) for batch in window)
        self.torch_random = torch.get_rng_state()
        update.busy = False
        if self.device.type != "cpu" and state.step % STEPS_BETWEEN_CHECKS < len(window):
            update.check()

    def counted(self, batch):
        """Return how much of a batch counts: a number, or a dictionary by head."""
        samples = distributed.batch_length(batch)
        if not samples:
            raise ValueError(
                f"batch {self.position} holds no tensor with samples: {described(batch)}"
            )
        return samples if self.count is None else self.count(batch)

    def metrics(self, batch):
        try:
            if self.dtype is None:
                return self.step(batch, self.update)
            with autocast(self.device, self.dtype):
                return self.step(batch, self.update)
        except ValueError as error:
            if "Expected more than 1 value per channel" not in str(error):
                raise
            raise ValueError(
                f"batch {self.position} holds one item, and BatchNorm cannot learn from one: take "
                "another batch_size, or drop_last=True in a DataLoader"
            ) from error

    def record(self, metrics, counted):
        """Add the metrics of a batch, weighed by what counted, to the epoch's sums."""
        for name, value in (metrics or {}).items():
            for head, part in value.items() if isinstance(value, dict) else ((None, value),):
                if isinstance(part, torch.Tensor):
                    part = part.detach()
                    part = part.item() if part.device.type == "cpu" else part.float()
                weight = counted
                if isinstance(counted, dict):
                    weight = counted[head] if head in counted else sum(counted.values())
                key = (name, head)
                before, seen = self.sums.get(key, (0.0, 0))
                self.sums[key] = before + part * weight, seen + weight

    def finish_epoch(self, seconds):
        state, history, started = self.state, self.state.history, time.perf_counter()
        if self.world > 1:
            for module in state.modules.values():
                distributed.copy_from_first(module.buffers())
        for name, value in self.epoch_means().items():
            history.record(f"train_{name}", value)
        if self.validate is not None:
            for name, value in self.validate().items():
                history.record(f"valid_{name}", value)
        first = next(iter(state.optimizers.values()))
        history.record("lr", first.param_groups[0]["lr"])
        history.record("seconds", seconds + time.perf_counter() - started)
        history.record("samples_per_second", self.samples / seconds if seconds else 0.0)
        self.bar.set_postfix(history.last(), refresh=False)
        self.call("on_epoch_end")
        state.epoch, self.position = state.epoch + 1, 0
        self.save()

    def epoch_means(self):
        """Return the epoch's metrics over all processes; those by head also as their sum."""
        pairs = [[float(sum_), float(seen)] for sum_, seen in self.sums.values()]
        exchanged = torch.tensor(pairs, dtype=torch.float64).to(self.exchange_device())
        means = {}
        for (name, head), (sum_, seen) in zip(
            self.sums, distributed.total(exchanged).tolist(), strict=True
        ):
            mean = sum_ / seen if seen else 0.0
            if head is not None:
                means[f"{head}_{name}"] = mean
            means[name] = means.get(name, 0.0) + mean
        return means

    def call(self, event):
        for callback in self.callbacks:
            method = getattr(callback, event, None)
            if method is not None:
                method(self.state)

    def agreed(self, stop: bool) -> bool:
        """Stop in all processes when one of them wants to."""
        if self.world == 1:
            return stop
        if self.device.type != "cpu" and self.state.step % STEPS_BETWEEN_CHECKS >= self.accumulate:
            return False
        flag = torch.tensor([float(stop)], device=self.exchange_device())
        return bool(distributed.total(flag).item())

    def exchange_device(self):
        """Float64 sums go over the CPU, except under NCCL, which moves CUDA tensors only."""
        alone = self.device.type != "cuda" or self.world == 1
        return torch.device("cpu") if alone else self.device

    def save(self, torch_state=None):
        if self.checkpoint is not None:
            contents = resuming.contents(self, torch_state)  # all processes take part in it
            if self.rank == 0:
                checkpoints.save(self.checkpoint, contents)


def check_repeatable(batches, epochs) -> None:
    """Raise unless ``batches`` can be walked through ``epochs`` times."""
    arguments.whole_number("epochs", epochs)
    if not hasattr(batches, "__iter__"):
        raise ValueError(f"batches must be an iterable of batches, not {described(batches)}")
    if epochs > 1 and isinstance(batches, Iterator):  # iter() would draw from its generator
        raise ValueError(
            f"batches is a {type(batches).__name__}, which can be walked through once, but "
            f"epochs is {epochs}: give a list, a DataLoader or tl.data.batches(...)"
        )


def check_callbacks(callbacks) -> list:
    """Return callbacks as a list, when each of them has an event to be called at."""
    if not hasattr(callbacks, "__iter__"):
        raise TypeError(f"callbacks must be a list of callbacks, not {described(callbacks)}")
    callbacks = list(callbacks)
    for callback in callbacks:
        if isinstance(callback, type) or not any(hasattr(callback, event) for event in EVENTS):
            raise TypeError(
                f"callbacks holds {callback!r}: a callback is an object with any of the methods "
                f"{', '.join(EVENTS)}"
            )
    return callbacks


def _total(counts):
    """Return the sum of what counts in the batches of a window, by head where it goes by head."""
    if isinstance(counts[0], dict):
        return {head: sum(part[head] for part in counts) for head in counts[0]}
    return sum(counts)


def _share(counted, total):
    """Return the share of a batch in what counts; 0 where nothing does."""
    if isinstance(counted, dict):
        return {head: _share(counted[head], total[head]) for head in counted}
    return counted / total if total else 0.0
