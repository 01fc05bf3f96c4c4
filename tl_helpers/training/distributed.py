"""Many processes: one loop on each, the same weights on all.

Every process walks through the same global batches and takes its share of each. Gradients are
weighted by the share's size and summed, so the sum is the gradient of the global batch's mean.
"""

import atexit
import os
from collections.abc import Mapping

import torch
from torch import distributed

from tl_helpers.training.device import each_tensor


def start(device: torch.device) -> None:
    """Join the group that ``torchrun`` describes in the environment, unless that is done already."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)  # where objects are exchanged
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        # Gloo's threads have to end before the interpreter does, or the process may abort when it
        # is done (pytorch/pytorch#179291).
        atexit.register(leave)


def leave() -> None:
    """Leave the group, if there is one."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def world() -> tuple[int, int]:
    """Return (rank, number of processes): (0, 1) without a group."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def share(batch, rank: int, size: int, count):
    """Return this process's share of a global batch, and how much of it counts.

    count: a function of a batch, as in ``run``. No share is a single item, on which BatchNorm
    could not learn: of a small batch some processes get nothing. They take two items that count
    as none, so that all processes go through the same exchanges.
    """
    total = batch_length(batch)
    shares = max(1, min(size, total // 2))
    chosen = torch.arange(total).tensor_split(shares)[rank] if rank < shares else (0, 1)
    start, stop = int(chosen[0]), int(chosen[-1]) + 1

    def cut(tensor):
        return tensor[start:stop] if tensor.ndim and len(tensor) == total else tensor

    part = each_tensor(batch, cut)
    counted = count(part)
    if rank >= shares:
        counted = dict.fromkeys(counted, 0) if isinstance(counted, dict) else 0
    return part, counted


def batch_length(batch) -> int:
    """Return the number of samples in a batch: the length of its first tensor."""
    if isinstance(batch, torch.Tensor):
        return len(batch) if batch.ndim else 1
    if isinstance(batch, (Mapping, tuple, list)):
        for value in batch.values() if isinstance(batch, Mapping) else batch:
            length = batch_length(value)
            if length:
                return length
    return 0


def total(tensor: torch.Tensor) -> torch.Tensor:
    """Sum a tensor over all processes, in place."""
    if world()[1] > 1:
        distributed.all_reduce(tensor)
    return tensor


def sum_gradients(parameters) -> None:
    """Sum the gradients of ``parameters`` over all processes, in one exchange a dtype."""
    by_dtype = {}
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        by_dtype.setdefault(parameter.grad.dtype, []).append(parameter.grad)
    for gradients in by_dtype.values():
        flat = total(torch.cat([g.reshape(-1) for g in gradients]))
        for gradient, part in zip(
            gradients, flat.split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(part.view_as(gradient))


def copy_from_first(tensors) -> None:
    """Give every process the tensors of rank 0, in place."""
    if world()[1] > 1:
        for tensor in tensors:
            distributed.broadcast(tensor.data, 0)


def from_all(value) -> list:
    """Return the value of each process, by rank."""
    _, size = world()
    if size == 1:
        return [value]
    values = [None] * size
    distributed.all_gather_object(values, value)
    return values
