"""fit: train a model on a task, watch it on the validation split."""

import time
from collections.abc import Callable

import torch
from torch import nn

from tl_helpers.data.batches import Batches, batches
from tl_helpers.training import cached_features as cached
from tl_helpers.training import distributed, loop
from tl_helpers.training import progress as progress_
from tl_helpers.training.device import pick_device, pick_precision, to_floats
from tl_helpers.training.early_stopping import EarlyStopping
from tl_helpers.training.evaluate import (
    EVALUATION_BATCH,
    as_batches,
    evaluation_mode,
    matched,
    pick_loss,
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
    loss: str | Callable = "cross_entropy",
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

    model: any module that maps inputs to logits (N×C); uint8 images reach it as floats in [0, 1].
    task: a Task (trains on task.train, watches task.valid), a split, or an iterable of
        (inputs, labels) batches, which then sets the batches.
    valid: a split or batches to watch in place of task.valid.
    epochs: the total, also for a resumed run.
    lr, weight_decay, optimizer: see ``make_optimizer``; the defaults are AdamW, 1e-3 and 0.
    loss: "cross_entropy" or a function (logits, labels) -> mean over the batch.
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
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, not a {type(model).__name__}")
    if l1 < 0:
        raise ValueError(f"l1 is {l1}; it must be 0 or above")
    if cache_features not in ("auto", True, False):
        raise ValueError(f"cache_features is {cache_features!r}; it must be 'auto', True or False")
    loss_function = pick_loss(loss)
    train, valid = _splits(task, valid, batch_size, seed)
    if early_stopping is not None and valid is None:
        raise ValueError("early_stopping needs validation: give a task with valid, or valid=")
    loop.check_repeatable(train, epochs)
    in_memory = all(isinstance(part, Batches) for part in (train, valid) if part is not None)
    why_not = cached.why_not(model, in_memory, augment, callbacks)
    if cache_features is True and why_not:
        raise ValueError(f"cache_features=True would not be exact here: {why_not}")
    device = pick_device(device)
    distributed.start(device)
    dtype = pick_precision(precision, device)
    optimizer = make_optimizer(optimizer, model, lr, weight_decay)
    model.to(device, memory_format=_memory_format(model, device, dtype))
    train, valid = (_ready(part, model, loss, device) for part in (train, valid))

    forward, feature_seconds = model, 0.0
    if cache_features and not why_not:
        started = time.perf_counter()
        try:
            train, valid = _with_features(model, train, valid, device, dtype, progress)
        except KeyboardInterrupt:
            return History(interrupted=True)
        forward, feature_seconds = model.head, time.perf_counter() - started
    called = torch.compile(forward) if compile else forward

    def step(batch, update):
        inputs, labels = batch
        if augment is not None:
            inputs = torch.stack([augment(item) for item in inputs])
        value = loss_function(matched(called(to_floats(inputs)), labels), labels)
        if l1:
            weights = (p for p in model.parameters() if p.requires_grad)
            update(value + l1 * sum(p.abs().sum() for p in weights))
        else:
            update(value)
        return {"loss": value}

    def validate():
        result = score(forward, valid, loss_function, device, dtype, split=True)
        return {"loss": result.loss, "accuracy": result.accuracy}

    stopping = [] if early_stopping is None else [EarlyStopping(early_stopping)]
    history = loop.run(
        step,
        train,
        epochs,
        modules={"model": model},
        optimizers={"optimizer": optimizer},
        schedule=schedule,
        validate=None if valid is None else validate,
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
    train = task
    if hasattr(task, "train") and hasattr(task, "valid"):
        train, valid = task.train, task.valid if valid is None else valid
    if hasattr(train, "inputs") and not isinstance(train, Batches):
        train = batches(
            train.inputs, train.labels, batch_size=batch_size, shuffle=True, seed=seed or 0
        )
    else:
        train = as_batches(train, batch_size)
    return train, None if valid is None else as_batches(valid, EVALUATION_BATCH)


def _ready(part, model, loss, device):
    """Check batches against the model; move tensors in memory to the device when they fit."""
    if part is None:
        return None
    if not isinstance(part, Batches):
        return _Checked(part, model, loss, device)
    classes = _check(model, part.inputs[:2], part.labels[:2], loss, device)
    _check_labels(part.labels, classes)
    if device.type == "cuda" and part.inputs.device != device:
        free, _ = torch.cuda.mem_get_info(device)
        if part.inputs.nbytes > SHARE_OF_MEMORY * free:
            return part  # batch by batch, pinned and without blocking: see ``move``
    return part.to(device)


class _Checked:
    """Batches from elsewhere, whose labels are checked before they reach the device."""

    def __init__(self, batches, model, loss, device):
        self.batches = batches
        self.classes_of = lambda inputs, labels: _check(model, inputs[:2], labels[:2], loss, device)

    def __len__(self):
        return len(self.batches)  # a TypeError where the length is unknown

    def __iter__(self):
        classes = None
        for number, batch in enumerate(self.batches):
            if not isinstance(batch, (tuple, list)) or len(batch) != 2:
                raise ValueError(f"batch {number} must be a pair (inputs, labels)")
            if number == 0:
                classes = self.classes_of(*batch)
            if batch[1].device.type == "cpu":  # on an accelerator the look would cost a wait
                _check_labels(batch[1], classes)
            yield batch


def _check(model, inputs, labels, loss, device) -> int | None:
    """Try the model on two items; return its number of classes, None for float targets."""
    with evaluation_mode(model):
        try:
            logits = model(to_floats(inputs.to(device)))
        except RuntimeError as error:
            reason = str(error).splitlines()[0]
            raise ValueError(
                f"model cannot take inputs of shape {tuple(inputs.shape[1:])} and dtype "
                f"{inputs.dtype}: {reason}"
            ) from error
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"model must return logits, a tensor, not a {type(logits).__name__}")
    if labels.is_floating_point():
        shape = tuple(matched(logits, labels).shape)
        if shape != tuple(labels.shape):
            raise ValueError(
                f"model returns {shape} for float targets of shape {tuple(labels.shape)}: "
                "they must be the same"
            )
        return None
    if labels.dtype != torch.int64:
        raise ValueError(f"labels must be int64 class numbers or floats, not {labels.dtype}")
    if loss == "cross_entropy" and (logits.ndim != 2 or labels.ndim != 1):
        raise ValueError(
            f"cross_entropy takes logits N×C and labels N, not {tuple(logits.shape)} and "
            f"{tuple(labels.shape)}"
        )
    return logits.shape[-1] if logits.ndim > 1 else None


def _check_labels(labels, classes) -> None:
    if classes is None or labels.is_floating_point():
        return
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise ValueError(
            f"labels go from {low} to {high}, but the model has {classes} classes: "
            f"they must lie in 0 … {classes - 1}"
        )


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
                    part.labels,
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
