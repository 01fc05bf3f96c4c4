"""Device and precision: where a run computes, and in which numbers."""

import contextlib
import copy
import os
from collections.abc import Mapping, MutableMapping

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
    number = int(os.environ.get("LOCAL_RANK", "0"))  # each process has a card of its own
    if isinstance(device, str) and device == "auto":
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
    if picked.type == "cuda" and picked.index is None:
        return torch.device("cuda", number)
    return picked


def pick_precision(precision: str, device: torch.device):
    """Return the dtype of autocast for a run on ``device``; None is plain float32.

    ``"auto"`` is float32 on CPU and MPS, bfloat16 on CUDA from compute capability 8, else float16.
    """
    if isinstance(precision, str) and precision == "auto":
        if device.type != "cuda":
            return None
        capability = torch.cuda.get_device_capability(device)
        return torch.bfloat16 if capability >= (8, 0) else torch.float16
    if not isinstance(precision, str) or precision not in PRECISIONS:
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


def each_tensor(batch, function):
    """Return ``batch`` with ``function`` applied to each of its tensors, of whatever kind it is.

    A batch is a tensor, or tuples, named tuples, lists and mappings of them; what is nothing of
    this kind stays as it is.
    """
    if isinstance(batch, torch.Tensor):
        return function(batch)
    if isinstance(batch, Mapping):
        values = {name: each_tensor(value, function) for name, value in batch.items()}
        if not isinstance(batch, MutableMapping):
            return values
        changed = copy.copy(batch)  # keeps a kind of its own, such as a tokenizer's
        changed.update(values)
        return changed
    if isinstance(batch, (tuple, list)):
        values = [each_tensor(value, function) for value in batch]
        return type(batch)(*values) if hasattr(batch, "_fields") else type(batch)(values)
    return batch


def move(batch, device: torch.device):
    """Return ``batch`` (see ``each_tensor``) on ``device``.

    Copies from the CPU to CUDA are pinned and do not block; what is there already stays as it is.
    """

    def to_device(tensor):
        if tensor.device == device:
            return tensor
        if device.type == "cuda" and tensor.device.type == "cpu" and not tensor.is_pinned():
            tensor = tensor.contiguous().pin_memory()  # a view may share memory with itself
        return tensor.to(device, non_blocking=True)

    return each_tensor(batch, to_device)


def to_floats(inputs: torch.Tensor) -> torch.Tensor:
    """Return uint8 images as float32 in [0, 1]; everything else passes unchanged."""
    return inputs.float().div_(255) if inputs.dtype == torch.uint8 else inputs
