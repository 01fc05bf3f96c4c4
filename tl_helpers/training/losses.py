"""Losses: what compares logits with labels of any shape, and how many of the labels count.

A loss is a mean over what counts. Means of batches are put together by what counted in each, so
that they do not depend on how the items were cut into batches: a label of -100 counts nothing
(PyTorch's ``ignore_index``), an item under class weights counts as much as its class weighs.
"""

import torch
from torch import nn

from tl_helpers.data.split import IGNORED

OF_CLASSES = (nn.CrossEntropyLoss, nn.NLLLoss)  # they say themselves what they weigh and ignore
LOSSES = {"cross_entropy": nn.functional.cross_entropy}
# Two ways to add up the same numbers differ by rounding; class weights differ by far more.
ROUNDING = 1e-3
LARGEST_TRIAL = 1_000_000  # numbers in the logits that a loss is tried on


def pick_loss(loss):
    """Return the loss function for a name or a function; for a dictionary of them, one of functions.

    A function is (logits, labels) -> mean over the batch. Raises ValueError for anything else.
    """
    if isinstance(loss, dict) and loss:
        return {head: pick_loss(part) for head, part in loss.items()}
    if callable(loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    raise ValueError(
        f"loss is {loss!r}; it must be one of {', '.join(LOSSES)} or a function "
        "(logits, labels) -> a tensor with one number, or a dictionary of these by head"
    )


def by_head(loss, labels) -> dict | None:
    """Return the loss function of each head; None where one function sees all labels at once."""
    if not isinstance(labels, dict) or (callable(loss) and loss is not LOSSES["cross_entropy"]):
        return None
    return loss if isinstance(loss, dict) else dict.fromkeys(labels, loss)


def matched(logits, labels):
    """Return the logits in the shape of float targets: N×1 against N would broadcast to N×N."""
    if isinstance(labels, torch.Tensor) and labels.is_floating_point():
        if logits.shape == (*labels.shape, 1):
            return logits.squeeze(-1)
    return logits


def measure(loss, logits, labels, ignoring=True):
    """Return the loss of a batch: a tensor with one number, or one for each head by name.

    ignoring: whether there may be labels that do not count; a batch in which none counts is 0.
    """
    heads = by_head(loss, labels)
    if heads is None:
        return _value(loss, logits, labels, ignoring)
    return {
        head: _value(part, logits[head], labels[head], ignoring) for head, part in heads.items()
    }


def _value(loss, logits, labels, ignoring):
    logits = matched(logits, labels)
    if ignoring and loss is LOSSES["cross_entropy"] and not labels.is_floating_point():
        total = loss(logits, labels, reduction="sum")
        return total / (labels != IGNORED).sum().clamp(min=1)  # the mean would be 0 / 0
    return loss(logits, labels)


def count(loss, labels):
    """Return how much of the labels of a batch counts: a number, or one for each head by name."""
    heads = by_head(loss, labels)
    if heads is not None:
        return {head: _count(part, labels[head]) for head, part in heads.items()}
    return _count(loss, labels)


def _count(loss, labels):
    if isinstance(labels, dict):
        return len(next(iter(labels.values())))
    if labels.is_floating_point():
        return len(labels)
    kept = labels != (loss.ignore_index if isinstance(loss, OF_CLASSES) else IGNORED)
    if _weighs_classes(loss):
        return float(loss.weight.to(labels.device)[labels[kept]].sum())
    return int(kept.sum())


def all_count(loss, labels) -> bool:
    """Say whether every item of these labels counts alike, so that items can be counted instead."""
    heads = by_head(loss, labels)
    if heads is not None:
        return all(all_count(part, labels[head]) for head, part in heads.items())
    if isinstance(labels, dict) or labels.is_floating_point():
        return True
    return not _weighs_classes(loss) and _count(loss, labels) == labels.numel()


def _weighs_classes(loss) -> bool:
    return isinstance(loss, OF_CLASSES) and loss.weight is not None


def is_mean(loss, logits, labels) -> bool:
    """Say whether the loss of a batch is the mean of its parts' losses, weighed by what counts.

    A sum is not, nor is a loss of the batch as a whole (Dice, a contrastive loss), nor a function
    that weighs classes where nobody sees it. Tried on a few items cut in two: on these logits, or,
    for class numbers, on made-up ones with a label of each class.
    """
    heads = by_head(loss, labels)
    if heads is not None:
        return all(is_mean(part, logits[head], labels[head]) for head, part in heads.items())
    if loss is LOSSES["cross_entropy"]:
        return True
    if isinstance(labels, torch.Tensor) and not labels.is_floating_point():
        if classes_of(logits, labels) is not None:
            logits, labels = _one_of_each_class(logits, labels)
    items = length(labels)
    return all(_is_mean(loss, logits, labels, cut) for cut in {1, items // 2} if 0 < cut < items)


def _one_of_each_class(logits, labels):
    places = logits[0].numel()
    classes = min(logits.shape[1], max(2, LARGEST_TRIAL // places))
    made = torch.arange(float(classes * places), device=logits.device).mul_(1.7).sin_()
    made = made.view(classes, *logits.shape[1:])
    each_class = torch.arange(classes, device=labels.device)
    marked = each_class.view(-1, *[1] * (labels.ndim - 1)).repeat(1, *labels.shape[1:])
    if labels.ndim > 1 and (labels == IGNORED).any():
        marked[0].view(-1)[0] = IGNORED
    return made, marked


def _is_mean(loss, logits, labels, cut) -> bool:
    values = []
    with torch.no_grad():
        for part in (slice(None), slice(cut), slice(cut, None)):
            said, there = each(logits, part), each(labels, part)
            counted = _count(loss, there)
            values.append(float(_value(loss, said, there, True)) * counted if counted else 0.0)
    whole, together = values[0], values[1] + values[2]
    return abs(whole - together) <= ROUNDING * max(1e-6, abs(whole), abs(together))


def each(value, chosen):
    """Return the chosen items of a tensor, or of each tensor of a dictionary."""
    if isinstance(value, dict):
        return {name: part[chosen] for name, part in value.items()}
    return value[chosen]


def length(labels) -> int:
    """Return the number of items that labels belong to."""
    return len(next(iter(labels.values())) if isinstance(labels, dict) else labels)


def check(loss, logits, labels) -> None:
    """Raise ValueError when the loss cannot compare these logits and labels (of a few items)."""
    heads = by_head(loss, labels)
    if heads is None and isinstance(loss, dict):
        raise ValueError(
            "loss is a dictionary by head: labels must be one too, with the same names"
        )
    if heads is not None:
        if not isinstance(logits, dict) or not set(heads) <= set(logits):
            found = f"heads {sorted(logits)}" if isinstance(logits, dict) else "one tensor"
            raise ValueError(
                f"model returns {found} for labels by name {sorted(labels)}: it must return a "
                "dictionary of logits with these names"
            )
        if not set(heads) <= set(labels):
            raise ValueError(f"loss has heads {sorted(heads)}, but labels have {sorted(labels)}")
        for head, part in heads.items():
            _check(part, logits[head], labels[head], f" of head {head!r}")
    else:
        _check(loss, logits, labels, "")


def _check(loss, logits, labels, of):
    if isinstance(labels, dict):
        return  # a function of one's own sees them as they are
    if not isinstance(logits, torch.Tensor):
        raise ValueError(f"model must return logits, a tensor, not a {type(logits).__name__}")
    by_class = loss is LOSSES["cross_entropy"] or isinstance(loss, OF_CLASSES)
    if labels.is_floating_point():
        shape = tuple(matched(logits, labels).shape)
        if shape != tuple(labels.shape):
            raise ValueError(
                f"model returns {shape} for float targets{of} of shape {tuple(labels.shape)}: "
                "they must be the same"
            )
        if by_class and not _probabilities(labels):
            raise ValueError(
                f"labels{of} are floats, which cross_entropy takes only as class probabilities "
                "N×C: give loss=torch.nn.functional.mse_loss for a regression, "
                "loss=torch.nn.functional.binary_cross_entropy_with_logits for several labels an "
                "item, or int64 class numbers"
            )
        return
    if labels.dtype != torch.int64:
        raise ValueError(f"labels{of} must be int64 class numbers or floats, not {labels.dtype}")
    if by_class and classes_of(logits, labels) is None:
        raise ValueError(
            f"cross_entropy takes logits N×C×… and labels N×…{of}, not {tuple(logits.shape)} and "
            f"{tuple(labels.shape)}"
            + (
                ": put the classes second, logits.movedim(-1, 1)"
                if logits.shape[:-1] == labels.shape
                else ""
            )
        )


def _probabilities(labels) -> bool:
    if labels.ndim < 2 or labels.shape[1] < 2:
        return False
    return bool((labels >= 0).all() and (labels.sum(1) - 1).abs().max() < 1e-2)


def classes_of(logits, labels) -> int | None:
    """Return C of logits N×C×… against labels N×…; None where the shapes are others."""
    fits = logits.ndim == labels.ndim + 1 and logits.shape[:1] == labels.shape[:1]
    return logits.shape[1] if fits and logits.shape[2:] == labels.shape[1:] else None


def check_range(logits, labels) -> None:
    """Raise ValueError when class numbers lie outside the model's classes (-100 is ignored)."""
    if isinstance(labels, dict):
        for head in labels:
            if isinstance(logits, dict) and isinstance(logits.get(head), torch.Tensor):
                check_range(logits[head], labels[head])
        return
    classes = logits.shape[1] if logits.ndim > 1 else None
    # On an accelerator a look at every batch would cost a wait.
    if classes is None or labels.is_floating_point() or labels.device.type != "cpu":
        return
    low, high = int(labels.min()), int(labels.max())
    if low < 0:
        kept = labels[labels != IGNORED]
        low = int(kept.min()) if len(kept) else 0
    if low < 0 or high >= classes:
        raise ValueError(
            f"labels go from {low} to {high}, but the model has {classes} classes: "
            f"they must lie in 0 … {classes - 1}, or be {IGNORED} where nothing counts"
        )
