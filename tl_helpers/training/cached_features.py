"""Cached features: a frozen backbone says the same of the same input, so ask it once."""

import torch
from torch import nn

from tl_helpers.training.device import autocast, device_of, move, to_floats
from tl_helpers.training.evaluate import evaluation_mode
from tl_helpers.training.train_mode import train_mode


def why_not(model: nn.Module, inputs, augment, callbacks) -> str | None:
    """Return why training the head on cached features would not be exact; None when it is.

    inputs: two items to try, or None when the data is not in memory.
    """
    backbone, head = getattr(model, "backbone", None), getattr(model, "head", None)
    if not (isinstance(backbone, nn.Module) and isinstance(head, nn.Module)) or not callable(
        getattr(model, "features", None)
    ):
        return "the model has no backbone, head and features"
    if inputs is None:
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
    if not _is_head_of_features(model, inputs):
        return "forward does something else than head(features(inputs))"
    return None


def _is_head_of_features(model, inputs) -> bool:
    """Say whether forward is head(features(inputs)), in evaluation and in training, on these items.

    A model that normalises or drops out between the two has another forward.
    """
    device = device_of(model)
    inputs = to_floats(move(inputs, device))
    devices = [device] if device.type == "cuda" else []
    with evaluation_mode(model), torch.random.fork_rng(devices):
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        same = True
        for mode in (nn.Module.eval, train_mode):
            mode(model)
            outcomes = []
            for forward in (model, lambda inputs: model.head(model.features(inputs))):
                torch.manual_seed(0)  # the same dropout masks
                outcomes.append(forward(inputs))
            same = same and _equal(*outcomes)
        for name, buffer in model.named_buffers():  # a BatchNorm in the head has moved
            buffer.copy_(before[name])
    return same


def _equal(first, second) -> bool:
    if isinstance(first, dict):
        return all(_equal(first[name], second[name]) for name in first)
    return torch.allclose(first, second, rtol=1e-4, atol=1e-5)


def compute(model: nn.Module, inputs, batch_size: int, device, dtype, bar) -> torch.Tensor:
    """Return ``model.features`` of all inputs (float N×F, on the device), moving ``bar`` along."""
    features = []
    with evaluation_mode(model), autocast(device, dtype):
        for part in inputs.split(batch_size):
            features.append(model.features(to_floats(move(part, device))))
            bar.update()
    return torch.cat(features)
