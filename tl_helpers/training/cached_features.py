"""Cached features: a frozen backbone says the same of the same input, so ask it once."""

import torch
from torch import nn

from tl_helpers.training.device import autocast, move, to_floats
from tl_helpers.training.evaluate import evaluation_mode


def why_not(model: nn.Module, in_memory: bool, augment, callbacks) -> str | None:
    """Return why training the head on cached features would not be exact; None when it is."""
    backbone, head = getattr(model, "backbone", None), getattr(model, "head", None)
    if not (isinstance(backbone, nn.Module) and isinstance(head, nn.Module)) or not callable(
        getattr(model, "features", None)
    ):
        return "the model has no backbone, head and features"
    if not in_memory:
        return "the inputs are not tensors in memory"
    if augment is not None:
        return "the inputs are augmented"
    if any(p.requires_grad for p in backbone.parameters()):
        return "the backbone is not frozen"
    if not any(True for _ in backbone.parameters()):
        return "the backbone has no parameter that is frozen"
    if any(getattr(part, "moving_statistics", False) for part in backbone.modules()):
        return "BatchNorm statistics of the backbone move"
    if callbacks:
        return "callbacks may unfreeze the backbone"
    return None


def compute(model: nn.Module, inputs, batch_size: int, device, dtype, bar) -> torch.Tensor:
    """Return ``model.features`` of all inputs (float N×F, on the device), moving ``bar`` along."""
    features = []
    with evaluation_mode(model), autocast(device, dtype):
        for part in inputs.split(batch_size):
            features.append(model.features(to_floats(move(part, device))))
            bar.update()
    return torch.cat(features)
