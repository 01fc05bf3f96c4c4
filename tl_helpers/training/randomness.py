"""Randomness: where it comes from, and how a run is given its own."""

import contextlib
import random

import numpy as np
import torch

from tl_helpers.seeds import seed_everything
from tl_helpers.training import distributed


def generators(batches) -> list[torch.Generator]:
    """Return the random generators that a DataLoader or its samplers bring of their own."""
    samplers = [getattr(batches, word, None) for word in ("sampler", "batch_sampler")]
    samplers.append(getattr(samplers[1], "sampler", None))
    found = [getattr(holder, "generator", None) for holder in (batches, *samplers)]
    own = {id(each): each for each in found if isinstance(each, torch.Generator)}
    return list(own.values())


def state(device: torch.device, own=(), torch_state=None) -> dict:
    """Return the state of every source of randomness, as plain data and tensors.

    own: generators besides the global ones. torch_state: the CPU state to store in place of the
    present one.
    """
    name, keys, position, has_gauss, gauss = np.random.get_state()
    found = {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss),
        "torch": torch.get_rng_state() if torch_state is None else torch_state,
        "own": [generator.get_state() for generator in own],
    }
    if device.type == "cuda":
        found["device"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        found["device"] = torch.mps.get_rng_state()
    return found


def set_state(saved: dict, device: torch.device, own=()) -> None:
    """Put sources of randomness back into what ``state`` returned; of generators, those given."""
    version, numbers, gauss = saved["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = saved["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(saved["torch"])
    for generator, held in zip(own, saved["own"], strict=bool(own)):
        generator.set_state(held)
    if "device" in saved and device.type == "cuda":
        torch.cuda.set_rng_state(saved["device"], device)
    elif "device" in saved and device.type == "mps":
        torch.mps.set_rng_state(saved["device"])


@contextlib.contextmanager
def seeded(seed, device):
    """Seed what is inside and leave the randomness outside as it was; None draws from outside."""
    if seed is None:
        yield
        return
    outside = state(device)
    seed_everything(seed)
    rank = distributed.world()[0]
    if rank:  # other dropout masks in each process
        torch.manual_seed(torch.initial_seed() + rank)
    try:
        yield
    finally:
        set_state(outside, device)
