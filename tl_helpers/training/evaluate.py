"""Evaluation: what a model gets right, counted over samples and leaving the model as it was."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from tl_helpers import arguments
from tl_helpers.data.batches import batches
from tl_helpers.data.split import Split, as_tensor
from tl_helpers.training import distributed, losses
from tl_helpers.training.device import (
    autocast,
    device_of,
    each_tensor,
    move,
    pick_precision,
    to_floats,
)

# On a CPU, larger batches of images are slower: what they pass on no longer fits its caches.
EVALUATION_BATCH = 64


@dataclass(frozen=True)
class Score:
    """The outcome of an evaluation.

    loss: mean over what counts. accuracy: the fraction of labels at which the largest logit
    stands (labels of -100 do not count); balanced_accuracy: the mean over the classes present of
    that fraction within the class; both None for float targets. samples: how many were scored.
    heads: with labels by name, the score of each head; accuracies then stand there alone, and
    loss is the sum of the heads' losses.
    """

    loss: float
    accuracy: float | None
    balanced_accuracy: float | None
    samples: int
    heads: dict = field(default_factory=dict)


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


def as_split(data) -> Split:
    """Return a Split of anything with inputs and labels: NumPy arrays, int32, one column …"""
    return data if isinstance(data, Split) else Split(data.inputs, data.labels)


def as_batches(data, batch_size: int, name: str = "data"):
    """Return batches of a split (anything with inputs and labels), or ``data`` when it is batches."""
    arguments.whole_number("batch_size", batch_size)
    if hasattr(data, "inputs") and hasattr(data, "labels") and not hasattr(data, "from_position"):
        split = as_split(data)
        return batches(split.inputs, split.labels, batch_size=batch_size)
    if hasattr(data, "train") and hasattr(data, "test"):
        raise ValueError(f"{name} is a whole task: name the split, for example task.test")
    if not hasattr(data, "__iter__") or isinstance(data, (torch.Tensor, str, bytes, Mapping)):
        raise ValueError(
            f"{name} must be a split or an iterable of (inputs, labels), "
            f"not a {type(data).__name__}"
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
    ``fit``; the value does not depend on how the data is cut into batches. Labels of -100 count
    neither in the loss nor in the accuracy. Raises ValueError for an empty or unknown kind of data.
    """
    arguments.module("model", model)
    device = device_of(model)
    dtype = pick_precision(precision, device)
    return score(model, as_batches(data, batch_size), losses.pick_loss(loss), device, dtype)


def score(forward, data, loss, device, dtype, split=False) -> Score:
    """Score ``forward`` (a module) on batches.

    split: divide each batch among the processes and add up their counts; all of them must call.
    """
    rank, world = distributed.world() if split else (0, 1)
    tallies, kept, samples, is_mean = {}, [], 0, None
    with evaluation_mode(forward), autocast(device, dtype):
        for batch in data:
            items = distributed.batch_length(batch)
            if world > 1:
                batch, items = distributed.share(batch, rank, world, distributed.batch_length)
            inputs, labels = move(tuple(batch), device)
            logits = forward(to_floats(inputs))
            if is_mean is None:
                losses.check(loss, logits, labels)
                is_mean = losses.is_mean(loss, logits, labels)
            if not items:
                continue
            samples += items
            if is_mean:
                _count_losses(tallies, loss, logits, labels)
            else:
                kept.append(each_tensor((logits, labels), _plain))
            _count_right(tallies, logits, labels)
        parts = [(tallies, kept, samples)]
        if world > 1:
            parts = distributed.from_all((_on_cpu(tallies), kept, samples))
        total, samples = _together(parts), sum(part[2] for part in parts)
        if not samples:
            raise ValueError("data is empty: there is nothing to evaluate")
        kept = [pair for part in parts for pair in part[1]]
        whole = float(loss(*_joined(kept))) if kept else None
    heads = {head: tally.score(samples) for head, tally in total.items()}
    together = heads.pop(None, None)  # labels that are one tensor, or one loss of several heads
    if whole is None:
        whole = sum(head.loss for head in heads.values()) if together is None else together.loss
    if heads:
        return Score(whole, None, None, samples, heads)
    return replace(together, loss=whole)


class _Tally:
    """What is counted of one head while batches go by."""

    def __init__(self):
        self.loss, self.counted = 0.0, 0
        self.right = self.seen = None  # labels of each class that were right, and that were there

    def score(self, samples) -> Score:
        loss = float(self.loss) / self.counted if self.counted else 0.0
        if self.seen is None or not self.seen.any():
            return Score(loss, None, None, samples)
        right, seen = self.right.double().cpu(), self.seen.double().cpu()
        balanced = float((right / seen)[seen > 0].mean())
        return Score(loss, float(right.sum() / seen.sum()), balanced, samples)


def _count_losses(tallies, loss, logits, labels):
    values, counts = losses.measure(loss, logits, labels), losses.count(loss, labels)
    if not isinstance(values, dict):
        values, counts = {None: values}, {None: counts}
    for head, value in values.items():
        tally = tallies.setdefault(head, _Tally())
        if counts[head]:
            tally.loss = tally.loss + value.float() * counts[head]
            tally.counted += counts[head]


def _count_right(tallies, logits, labels):
    if not isinstance(labels, dict):
        logits, labels = {None: logits}, {None: labels}
    for head, part in labels.items():
        tally, said = tallies.setdefault(head, _Tally()), logits.get(head)
        if said is None or part.is_floating_point() or not losses.classes_of(said, part):
            continue
        classes, there = said.shape[1], part != losses.IGNORED
        if tally.right is None:
            tally.right = torch.zeros(classes, dtype=torch.int64, device=part.device)
            tally.seen = torch.zeros(classes, dtype=torch.int64, device=part.device)
        # index_add_, because bincount waits for an accelerator
        at, right = part.clamp(min=0).flatten(), there & (said.argmax(1) == part)
        tally.right.index_add_(0, at, right.flatten().long())
        tally.seen.index_add_(0, at, there.flatten().long())


def _plain(tensor):
    return tensor.float().cpu() if tensor.is_floating_point() else tensor.cpu()


def _on_cpu(tallies):
    for tally in tallies.values():
        tally.loss = float(tally.loss)
        if tally.seen is not None:
            tally.right, tally.seen = tally.right.cpu(), tally.seen.cpu()
    return tallies


def _together(parts) -> dict:
    """Return the sums of the tallies of all processes, by head."""
    total = dict(parts[0][0])
    for tallies, *_ in parts[1:]:
        for head, tally in tallies.items():
            if head not in total:
                total[head] = tally
                continue
            into = total[head]
            into.loss, into.counted = into.loss + tally.loss, into.counted + tally.counted
            if tally.seen is not None:
                into.right = tally.right if into.seen is None else into.right + tally.right
                into.seen = tally.seen if into.seen is None else into.seen + tally.seen
    return total


def _joined(pairs):
    """Return all logits and all labels of a list of (logits, labels)."""
    first = pairs[0]
    return tuple(
        {name: torch.cat([pair[i][name] for pair in pairs]) for name in first[i]}
        if isinstance(first[i], dict)
        else torch.cat([pair[i] for pair in pairs])
        for i in range(2)
    )


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


def predict(model: nn.Module, data, *, batch_size: int = EVALUATION_BATCH):
    """Return the logits of a model: float32 on the CPU, N×C (or as the model's heads have them).

    data: a split, a tensor or NumPy array of inputs (uint8 or float N×C×H×W, or token ids), or an
    iterable of input tensors or (inputs, labels) batches. Of a model with several heads, a
    dictionary of logits comes back. Eval mode; the model comes back in the mode it was in. Raises
    ValueError when there is no input.
    """
    arguments.module("model", model)
    arguments.whole_number("batch_size", batch_size)
    inputs = getattr(data, "inputs", data)
    if isinstance(inputs, np.ndarray):
        inputs = as_tensor("data", inputs)
    if isinstance(inputs, torch.Tensor):
        data = inputs.split(batch_size) if len(inputs) else ()
    elif not hasattr(data, "__iter__") or isinstance(data, (str, bytes)):
        raise ValueError(
            f"data must be a split, inputs or an iterable of batches, not a {type(data).__name__}"
        )
    device, logits = device_of(model), []
    with evaluation_mode(model):
        for batch in data:
            inputs = batch[0] if isinstance(batch, (tuple, list)) else batch
            found = model(to_floats(move(inputs, device)))
            logits.append(each_tensor(found, _plain))
    if not logits:
        raise ValueError("data is empty: there is nothing to predict")
    if isinstance(logits[0], dict):
        return {head: torch.cat([part[head] for part in logits]) for head in logits[0]}
    return torch.cat(logits)
