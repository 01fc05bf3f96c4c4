"""fit: train a model on a task, watch it on the validation split."""

import time
from collections.abc import Callable

import torch
from torch import nn

from tl_helpers import arguments
from tl_helpers import progress as progress_
from tl_helpers.data.batches import Batches, batches
from tl_helpers.training import cached_features as cached
from tl_helpers.training import distributed, loop, losses
from tl_helpers.training.device import device_of, move, pick_device, pick_precision, to_floats
from tl_helpers.training.early_stopping import EarlyStopping
from tl_helpers.training.evaluate import (
    EVALUATION_BATCH,
    as_batches,
    as_split,
    evaluation_mode,
    score,
)
from tl_helpers.training.history import History
from tl_helpers.training.optimizers import make_optimizer

# Tensors up to this share of the free memory of a CUDA device move there whole, once.
SHARE_OF_MEMORY = 0.25


def fit(
    model: nn.Module,
    task,
    *,
    valid=None,
    epochs: int = 1,
    lr: float | None = None,
    optimizer="adamw",
    loss: str | Callable | dict = "cross_entropy",
    schedule=None,
    batch_size: int = 64,
    augment: Callable | None = None,
    weight_decay: float | None = None,
    l1: float = 0.0,
    early_stopping: int | None = None,
    precision: str = "auto",
    device="auto",
    compile: bool = False,
    accumulate: int = 1,
    clip_norm: float | None = None,
    cache_features: bool | str = "auto",
    checkpoint=None,
    resume: bool = False,
    callbacks=(),
    progress: bool = True,
    seed: int | None = 0,
) -> History:
    """Train what is trainable in ``model`` and return the History.

    model: any module that maps inputs to logits, N×C, N×C×L, N×C×H×W, or a dictionary of such by
        head; uint8 images reach it as floats in [0, 1].
    task: a Task (trains on task.train, watches task.valid), a split, or an iterable of
        (inputs, labels) batches, which then sets the batches. Labels are as in ``Split``: where
        they are -100 nothing counts.
    valid: a split or batches to watch in place of task.valid.
    epochs: the total, also for a resumed run.
    lr, weight_decay, optimizer: see ``make_optimizer``; the defaults are AdamW, 1e-3 and 0.
    loss: "cross_entropy", or a function (logits, labels) -> mean over what counts in the batch;
        with labels by name a dictionary of these by head ("cross_entropy" alone means each head),
        whose sum is minimised, or one function of both dictionaries. Means of batches are put
        together by what counted in each (``nn.CrossEntropyLoss(weight=…)``: by class weights). A
        loss that is no mean of its items' losses is taken batch by batch in training, and of the
        whole split at once in validation.
    schedule: None (constant), "cosine" (with warm-up), "one_cycle", or (step, total) -> factor.
    batch_size: samples a batch, over all processes together.
    augment: a function of one item as it is stored (uint8 C×H×W), called anew for each item.
    l1: adds l1 times the sum of absolute trainable weights to the loss (not to what is recorded).
    early_stopping: end after so many epochs without a lower valid_loss; the best weights come back.
    precision: "auto" (float32 on CPU and MPS, bfloat16 or float16 on CUDA), or one of the names.
    compile: run the model through torch.compile.
    cache_features: "auto" computes the features of a frozen backbone once, where that is exact;
        True raises where it is not; False never does.
    accumulate, clip_norm, device, checkpoint, resume, callbacks, progress, seed: see ``run``.

    Raises ValueError or TypeError at the call for input that cannot be trained on.
    """
    arguments.module("model", model)
    arguments.number("l1", l1, low=0)
    arguments.seed("seed", seed)
    arguments.choice("cache_features", cache_features, ("auto", True, False))
    if augment is not None and not callable(augment):
        raise TypeError(f"augment is {augment!r}: None or a function of one item is accepted.")
    callbacks = loop.check_callbacks(callbacks)
    loss_function = losses.pick_loss(loss)
    for name, flag in (("compile", compile), ("resume", resume), ("progress", progress)):
        arguments.choice(name, flag, (True, False))
    if early_stopping is not None:
        arguments.whole_number("early_stopping", early_stopping)
    stopping = [] if early_stopping is None else [EarlyStopping(early_stopping)]
    device = pick_device(device)
    dtype = pick_precision(precision, device)
    distributed.start(device)
    train, valid = _splits(task, valid, batch_size, seed)
    if stopping and valid is None:
        raise ValueError("early_stopping needs validation: give a task with valid, or valid=")
    loop.check_repeatable(train, epochs)
    optimizer = make_optimizer(optimizer, model, lr, weight_decay)
    many = accumulate != 1 or distributed.world()[1] > 1
    train = _checked(train, model, loss_function, many)
    valid = None if valid is None else _checked(valid, model, loss_function)
    in_memory = all(isinstance(part, Batches) for part in (train, valid) if part is not None)
    few = train.inputs[:2] if in_memory else None
    why_not = cached.why_not(model, few, augment, callbacks)
    if cache_features is True and why_not:
        raise ValueError(f"cache_features=True would not be exact here: {why_not}")

    model.to(device, memory_format=_memory_format(model, device, dtype))
    train, valid = (_on_device(part, device) for part in (train, valid))
    forward, feature_seconds = model, 0.0
    if cache_features and not why_not:
        started = time.perf_counter()
        try:
            train, valid = _with_features(model, train, valid, device, dtype, progress)
        except KeyboardInterrupt:
            return History(interrupted=True)
        forward, feature_seconds = model.head, time.perf_counter() - started
    called = torch.compile(forward) if compile else forward
    all_count = isinstance(train, Batches) and losses.all_count(loss_function, train.labels)

    def step(batch, update):
        inputs, labels = batch
        if augment is not None:
            inputs = torch.stack([_augmented(augment, item) for item in inputs])
        value = losses.measure(loss_function, called(to_floats(inputs)), labels, not all_count)
        if l1:
            weights = (p for p in model.parameters() if p.requires_grad)
            update(_plus(value, l1 * sum(p.abs().sum() for p in weights)))
        else:
            update(value)
        return {"loss": value}

    def validate():
        result = score(forward, valid, loss_function, device, dtype, split=True)
        found = {"loss": result.loss, "accuracy": result.accuracy}
        for head, part in result.heads.items():
            found |= {f"{head}_loss": part.loss, f"{head}_accuracy": part.accuracy}
        return found

    history = loop.run(
        step,
        train,
        epochs,
        modules={"model": model},
        optimizers={"optimizer": optimizer},
        schedule=schedule,
        validate=None if valid is None else validate,
        count=None if all_count else lambda batch: losses.count(loss_function, batch[1]),
        precision=precision,
        device=device,
        accumulate=accumulate,
        clip_norm=clip_norm,
        checkpoint=checkpoint,
        resume=resume,
        callbacks=[*callbacks, *stopping],
        progress=progress,
        seed=seed,
    )
    if feature_seconds and history.seconds and not resume:
        history.seconds[0] += feature_seconds  # the price of the cache belongs to the run
    return history


def _splits(task, valid, batch_size, seed):
    """Return what to train on and what to watch, each as batches."""
    arguments.whole_number("batch_size", batch_size)
    train = task
    if isinstance(task, (tuple, list)) and not task:
        raise ValueError("task is empty: there is nothing to train on")
    if hasattr(task, "train") and hasattr(task, "valid"):
        train, valid = task.train, task.valid if valid is None else valid
    if hasattr(train, "inputs") and not isinstance(train, Batches):
        split = as_split(train)
        train = batches(split.inputs, split.labels, batch_size=batch_size, shuffle=True, seed=seed)
    else:
        train = as_batches(train, batch_size, "task")
    return train, None if valid is None else as_batches(valid, EVALUATION_BATCH, "valid")


def _checked(part, model, loss, many=False):
    """Return batches that fit the model: those in memory are tried now, others as they come.

    many: several batches, or shares of one, make a step: then a loss has to be a mean.
    """
    if not isinstance(part, Batches):
        return _Checked(part, model, loss, many)
    logits = _check(model, part.inputs[:2], losses.each(part.labels, slice(2)), loss, many)
    losses.check_range(logits, part.labels)
    return part


class _Checked:
    """Batches from elsewhere, whose labels are checked before they reach the device."""

    def __init__(self, batches, model, loss, many):
        self.batches = batches
        self.check = lambda inputs, labels: _check(model, inputs, labels, loss, many)

    def __getattr__(self, name):  # a batch size, a sampler, a generator: see ``randomness``
        return getattr(self.__dict__["batches"], name)

    def __len__(self):
        return len(self.batches)  # a TypeError where the length is unknown

    def __iter__(self):
        logits = None
        for number, batch in enumerate(self.batches):
            if not isinstance(batch, (tuple, list)) or len(batch) != 2:
                raise ValueError(f"batch {number} must be a pair (inputs, labels)")
            if number == 0:
                logits = self.check(batch[0][:2], losses.each(batch[1], slice(2)))
            losses.check_range(logits, batch[1])
            yield batch


def _check(model, inputs, labels, loss, many):
    """Try the model and the loss on a few items; return the logits."""
    with evaluation_mode(model):
        try:
            logits = model(to_floats(inputs.to(device_of(model))))
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise ValueError(
                f"model cannot take inputs of shape {tuple(inputs.shape[1:])} and dtype "
                f"{inputs.dtype}: {reason}"
            ) from error
    labels = move(labels, device_of(model))
    losses.check(loss, logits, labels)
    if many and not losses.is_mean(loss, logits, labels):
        raise ValueError(
            "loss is not the mean of its items' losses, so accumulate and many processes would "
            "change it: take nn.CrossEntropyLoss(weight=…) for class weights, a mean and no sum, "
            "or accumulate=1 in one process"
        )
    return logits


def _on_device(part, device):
    """Move tensors in memory to the device when they fit."""
    if not isinstance(part, Batches) or part.inputs.device == device:
        return part
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if part.inputs.nbytes > SHARE_OF_MEMORY * free:
            return part  # batch by batch, pinned and without blocking: see ``move``
    return part.to(device)


def _augmented(augment, item):
    changed = augment(item)
    if not isinstance(changed, torch.Tensor):
        raise TypeError(f"augment returned a {type(changed).__name__}: a tensor is accepted.")
    return changed


def _plus(value, penalty):
    """Return the loss with a penalty; where it goes by head, the first head carries it."""
    if not isinstance(value, dict):
        return value + penalty
    first = next(iter(value))
    return {**value, first: value[first] + penalty}


def _with_features(model, train, valid, device, dtype, progress):
    """Return the batches of both splits with features in place of inputs."""
    parts = [part for part in (train, valid) if part is not None]
    total = sum(-(-len(part.inputs) // EVALUATION_BATCH) for part in parts)
    with progress_.bar(total, progress and distributed.world()[0] == 0) as bar:
        bar.set_description("features", refresh=False)
        replaced = []
        for part in parts:
            features = cached.compute(model, part.inputs, EVALUATION_BATCH, device, dtype, bar)
            replaced.append(
                batches(
                    features,
                    move(part.labels, features.device),
                    batch_size=part.batch_size,
                    shuffle=part.shuffle,
                    seed=part.seed,
                )
            )
    return (*replaced, None)[:2]


def _memory_format(model, device, dtype):
    """Channels last where it pays: convolutions on the CPU, and in half precision on CUDA.

    Convolutions follow the layout of their weights, so inputs need no care.
    """
    pays = device.type == "cpu" or (device.type == "cuda" and dtype is not None)
    if pays and any(isinstance(part, nn.Conv2d) for part in model.modules()):
        return torch.channels_last
    return torch.preserve_format
