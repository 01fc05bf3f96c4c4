"""Checkpoints: one file that holds everything a run needs to go on as if nothing had happened."""

import os
import random
from pathlib import Path

import numpy as np
import torch

FORMAT = 1


def random_state(device: torch.device, torch_state=None) -> dict:
    """Return the state of every source of randomness, as plain data and tensors.

    torch_state: the CPU state to store in place of the present one.
    """
    name, keys, position, has_gauss, gauss = np.random.get_state()
    state = {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss),
        "torch": torch.get_rng_state() if torch_state is None else torch_state,
    }
    if device.type == "cuda":
        state["device"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        state["device"] = torch.mps.get_rng_state()
    return state


def set_random_state(state: dict, device: torch.device) -> None:
    """Put every source of randomness back into a state that ``random_state`` returned."""
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if "device" in state and device.type == "cuda":
        torch.cuda.set_rng_state(state["device"], device)
    elif "device" in state and device.type == "mps":
        torch.mps.set_rng_state(state["device"])


def save(path, contents: dict) -> None:
    """Write a checkpoint in one move: a reader finds the old file or the new one, never a part."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part{os.getpid()}")
    try:
        with open(part, "wb") as file:
            torch.save({"format": FORMAT, **contents}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load(path) -> dict:
    """Read a checkpoint onto the CPU (``weights_only=True``: it cannot run code).

    Raises FileNotFoundError when there is none, ValueError when it is not one of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {path} does not exist: run once with resume=False")
    try:
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"checkpoint {path} cannot be read: {error}") from error
    if not isinstance(contents, dict) or contents.get("format") != FORMAT:
        raise ValueError(f"checkpoint {path} was not written by tl.fit or tl.run of this version")
    return contents
