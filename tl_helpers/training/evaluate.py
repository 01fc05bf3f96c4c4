"""Evaluation: what a model gets right, counted over samples and leaving the model as it was."""

import contextlib
from dataclasses import dataclass

import torch
from torch import nn

from tl_helpers.data.batches import batches
from tl_helpers.training import distributed
from tl_helpers.training.device import autocast, device_of, move, pick_precision, to_floats

# On a CPU, larger batches of images are slower: what they pass on no longer fits its caches.
EVALUATION_BATCH = 64
LOSSES = {"cross_entropy": nn.functional.cross_entropy}


@dataclass(frozen=True)
class Score:
    """The outcome of an evaluation.

    loss: mean over samples. accuracy: the fraction of samples whose largest logit is at their
    label; balanced_accuracy: the mean over the classes present of that fraction within the class;
    both None for float targets. samples: how many were scored.
    """

    loss: float
    accuracy: float | None
    balanced_accuracy: float | None
    samples: int


def pick_loss(loss):
    """Return the loss function for a name or a function (logits, labels) -> mean over the batch."""
    if callable(loss):
        return loss
    if loss not in LOSSES:
        raise ValueError(
            f"loss is {loss!r}; it must be one of {', '.join(LOSSES)} or a function "
            "(logits, labels) -> a tensor with one number"
        )
    return LOSSES[loss]


def matched(logits, labels):
    """Return the logits in the shape of float targets: N×1 against N would broadcast to N×N."""
    if labels.is_floating_point() and logits.shape == (*labels.shape, 1):
        return logits.squeeze(-1)
    return logits


@contextlib.contextmanager
def evaluation_mode(model: nn.Module):
    """Run what is inside in eval mode and without gradients; then give every submodule its mode."""
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def as_batches(data, batch_size: int):
    """Return batches of a split (anything with inputs and labels), or ``data`` when it is batches."""
    if hasattr(data, "inputs") and hasattr(data, "labels") and not hasattr(data, "from_position"):
        return batches(data.inputs, data.labels, batch_size=batch_size)
    if hasattr(data, "train") and hasattr(data, "test"):
        raise ValueError("data is a whole task: name the split, for example task.test")
    if not hasattr(data, "__iter__") or isinstance(data, torch.Tensor):
        raise ValueError(
            f"data must be a split or an iterable of (inputs, labels), not a {type(data).__name__}"
        )
    return data


def evaluate(
    model: nn.Module,
    data,
    *,
    loss="cross_entropy",
    batch_size: int = EVALUATION_BATCH,
    precision: str = "float32",
) -> Score:
    """Score a model on a split, or on an iterable of (inputs, labels) batches.

    The model computes where it is, in eval mode, and comes back in the mode it was in. loss: as in
    ``fit``. Raises ValueError for an empty or unknown kind of data.
    """
    device = device_of(model)
    return score(
        model,
        as_batches(data, batch_size),
        pick_loss(loss),
        device,
        pick_precision(precision, device),
    )


def score(forward, data, loss, device, dtype, split=False) -> Score:
    """Score ``forward`` (a module) on batches.

    split: divide each batch among the processes and add up their counts; all of them must call.
    """
    rank, world = distributed.world() if split else (0, 1)
    loss_sum, samples, right, seen = 0.0, 0, None, None
    with evaluation_mode(forward), autocast(device, dtype):
        for batch in data:
            count = distributed.batch_length(batch)
            if world > 1:
                batch, count = distributed.share(batch, rank, world)
            inputs, labels = move(tuple(batch), device)
            logits = matched(forward(to_floats(inputs)), labels)
            loss_sum = loss_sum + loss(logits, labels).float() * count
            samples += count
            if not labels.is_floating_point() and count:
                classes = logits.shape[-1]
                if right is None:
                    right = torch.zeros(classes, device=device)
                    seen = torch.zeros(classes, device=device)
                hits = labels[logits.argmax(-1) == labels]
                right += torch.bincount(hits.flatten(), minlength=classes)
                seen += torch.bincount(labels.flatten(), minlength=classes)
    if world > 1:
        loss_sum, samples, right, seen = _over_processes(loss_sum, samples, right, seen)
    if not samples:
        raise ValueError("data is empty: there is nothing to evaluate")
    accuracy = balanced = None
    if right is not None:
        right, seen = right.double().cpu(), seen.double().cpu()
        accuracy = float(right.sum() / seen.sum())
        balanced = float((right / seen)[seen > 0].mean())
    return Score(float(loss_sum) / samples, accuracy, balanced, samples)


def means(measure, data, module: nn.Module) -> dict:
    """Return the means over all samples of what ``measure`` says of each batch, in eval mode.

    measure: a function of the tensors of a batch that returns a dict of means over the batch; it
        computes with ``module``. data: an iterable of batches, each a tuple of tensors.
    """
    device, sums, seen = device_of(module), {}, 0
    with evaluation_mode(module):
        for batch in data:
            count = len(batch[0])
            for name, value in measure(*move(tuple(batch), device)).items():
                sums[name] = sums.get(name, 0.0) + float(value) * count
            seen += count
    return {name: value / seen for name, value in sums.items()}


def _over_processes(loss_sum, samples, right, seen):
    parts = distributed.from_all(
        (
            float(loss_sum),
            samples,
            None if right is None else right.cpu(),
            None if seen is None else seen.cpu(),
        )
    )
    counted = [part for part in parts if part[2] is not None]
    return (
        sum(part[0] for part in parts),
        sum(part[1] for part in parts),
        sum(part[2] for part in counted) if counted else None,
        sum(part[3] for part in counted) if counted else None,
    )


def predict(model: nn.Module, data, *, batch_size: int = EVALUATION_BATCH) -> torch.Tensor:
    """Return the logits of a model: float32 on the CPU, N×C.

    data: a split, a tensor of inputs (uint8 or float N×C×H×W, or token ids), or an iterable of
    input tensors or (inputs, labels) batches. Eval mode; the model comes back in the mode it was
    in. Raises ValueError when there is no input.
    """
    inputs = getattr(data, "inputs", data)
    if isinstance(inputs, torch.Tensor):
        data = inputs.split(batch_size) if len(inputs) else ()
    device, logits = device_of(model), []
    with evaluation_mode(model):
        for batch in data:
            inputs = batch if isinstance(batch, torch.Tensor) else batch[0]
            logits.append(model(to_floats(move(inputs, device))).float().cpu())
    if not logits:
        raise ValueError("data is empty: there is nothing to predict")
    return torch.cat(logits)
