"""Device and precision: where a run computes, and in which numbers."""

import contextlib
import os

import torch
from torch import nn

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


def present() -> list[str]:
    """Return the kinds of device that this machine has, the fastest first."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    return ["cuda"] * cuda + ["mps"] * mps + ["cpu"]


def pick_device(device="auto") -> torch.device:
    """Return the device a run uses: ``"auto"`` is CUDA, then MPS, then the CPU.

    Raises ValueError for a device that this machine does not have.
    """
    here = present()
    if device == "auto":
        number = int(os.environ.get("LOCAL_RANK", "0"))
        return torch.device(here[0], number if here[0] == "cuda" else None)
    try:
        picked = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device is {device!r}; it must be 'auto', 'cpu', 'cuda' or 'mps'"
        ) from error
    if picked.type not in here:
        raise ValueError(
            f"device is {device!r}, which this machine does not have; it has: {', '.join(here)}"
        )
    return picked


def pick_precision(precision: str, device: torch.device):
    """Return the dtype of autocast for a run on ``device``; None is plain float32.

    ``"auto"`` is float32 on CPU and MPS, bfloat16 on CUDA from compute capability 8, else float16.
    """
    if precision == "auto":
        if device.type != "cuda":
            return None
        capability = torch.cuda.get_device_capability(device)
        return torch.bfloat16 if capability >= (8, 0) else torch.float16
    if precision not in PRECISIONS:
        raise ValueError(
            f"precision is {precision!r}; it must be 'auto' or one of {', '.join(PRECISIONS)}"
        )
    return PRECISIONS[precision]


def autocast(device: torch.device, dtype):
    """Return the context in which forward passes run: ``torch.amp`` with ``dtype``, or nothing."""
    if dtype is None:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)


def device_of(module: nn.Module) -> torch.device:
    """Return the device of a module's first parameter or buffer (the CPU when it has none)."""
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")


def move(batch, device: torch.device):
    """Return ``batch`` (a tensor, or tuples, lists, dicts of them) on ``device``.

    Copies from the CPU to CUDA are pinned and do not block; what is there already stays as it is.
    """
    if isinstance(batch, torch.Tensor):
        if batch.device == device:
            return batch
        if device.type == "cuda" and batch.device.type == "cpu" and not batch.is_pinned():
            batch = batch.pin_memory()
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {name: move(value, device) for name, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        return tuple(move(value, device) for value in batch)
    return batch


def to_floats(inputs: torch.Tensor) -> torch.Tensor:
    """Return uint8 images as float32 in [0, 1]; everything else passes unchanged."""
    return inputs.float().div_(255) if inputs.dtype == torch.uint8 else inputs
