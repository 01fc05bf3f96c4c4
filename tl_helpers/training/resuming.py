"""Resuming: what of a run a checkpoint holds, and how a run takes it up again.

``restored == contents`` is the whole idea: what a run would have done next must follow from what
is held here. What would silently be replaced by the file's (an optimizer's rates) has to agree.
"""

import torch

from tl_helpers.training import distributed, randomness
from tl_helpers.training.history import History

# How an optimizer computes, and not what: these may differ between devices.
IMPLEMENTATION = ("params", "foreach", "fused", "capturable", "differentiable", "initial_lr")


def setup(run) -> dict:
    """Return what has to be the same in the run that wrote a checkpoint and the one that reads it."""
    found = {
        "batches an epoch": run.length,
        "batch_size": getattr(run.batches, "batch_size", None),
        "accumulate": run.accumulate,
        "precision": str(run.dtype),
        "processes": run.world,
        "schedule": getattr(run.schedule, "__name__", str(run.schedule)),
        "steps of the schedule": run.total_steps,
    }
    for name, optimizer in run.state.optimizers.items():
        found[f"{name}"] = type(optimizer).__name__
        for number, group in enumerate(optimizer.param_groups):
            where = f" of group {number}" if len(optimizer.param_groups) > 1 else ""
            found[f"lr{where} of {name}"] = _plain(group.get("initial_lr", group["lr"]))
            for word, value in group.items():
                if word not in IMPLEMENTATION and word != "lr":
                    found[f"{word}{where} of {name}"] = _plain(value)
    return found


def _plain(value):
    if isinstance(value, torch.Tensor):
        return value.tolist()
    return [_plain(part) for part in value] if isinstance(value, (tuple, list)) else value


def contents(run, torch_state=None) -> dict:
    """Return everything a run needs to go on, as plain data and tensors.

    torch_state: the state of torch's randomness to hold in place of the present one.
    """
    state, update = run.state, run.update
    sums = [[*key, float(sum_), float(seen)] for key, (sum_, seen) in run.sums.items()]
    now = randomness.state(run.device, run.own_random, torch_state)
    return {
        "setup": run.setup,
        "order": getattr(run.batches, "seed", None),
        "modules": {name: module.state_dict() for name, module in state.modules.items()},
        "optimizers": {name: held.state_dict() for name, held in state.optimizers.items()},
        "scaler": update.scaler.state_dict(),
        "steps": update.steps,
        "callbacks": [
            callback.state_dict() if hasattr(callback, "state_dict") else None
            for callback in run.callbacks
        ],
        "epoch": state.epoch,
        "position": run.position,
        "step": state.step,
        "stop": state.stop,
        "sums": distributed.from_all(sums),
        "samples": run.samples,
        "train_seconds": run.train_seconds,
        "random": distributed.from_all(now),
        "epoch_random": distributed.from_all(run.epoch_random),
        "history": state.history.to_json(),
    }


def restore(run, saved: dict) -> None:
    """Bring a run to where the checkpoint's contents were taken.

    Raises ValueError when they are those of a run that was set up otherwise.
    """
    _check(run, saved)
    state, update = run.state, run.update
    for name, module in state.modules.items():
        module.load_state_dict(saved["modules"][name])
    state.epoch, run.position, state.step = saved["epoch"], saved["position"], saved["step"]
    state.stop = saved["stop"]
    state.history = History.from_json(saved["history"])
    # Callbacks go before optimizers: gradual unfreezing has to add its groups first.
    for callback, memory in zip(run.callbacks, saved["callbacks"], strict=True):
        if memory is not None:
            callback.load_state_dict(memory, state)
    for name, optimizer in state.optimizers.items():
        optimizer.load_state_dict(saved["optimizers"][name])
    update.scaler.load_state_dict(saved["scaler"])
    update.steps = saved["steps"]
    run.sums = {(name, head): (sum_, seen) for name, head, sum_, seen in saved["sums"][run.rank]}
    run.samples, run.train_seconds = saved["samples"], saved["train_seconds"]
    if saved["order"] is not None:  # with seed=None the first run drew it
        run.batches.seed = saved["order"]
    run.epoch_random = saved["epoch_random"][run.rank]
    randomness.set_state(saved["random"][run.rank], run.device, run.own_random)


def _check(run, saved):
    state, where = run.state, f"checkpoint {run.checkpoint}"
    for what in run.setup | saved["setup"]:
        before, now = saved["setup"].get(what), run.setup.get(what)
        if before != now:
            raise ValueError(
                f"{where} was written with {what} = {before}, this run has {now}: "
                "give the same to resume"
            )
    if saved["epoch"] > state.epochs:
        raise ValueError(
            f"epochs is {state.epochs}, but {where} already holds {saved['epoch']}: "
            "epochs is the total"
        )
    for kind in ("modules", "optimizers"):
        if set(saved[kind]) != set(getattr(state, kind)):
            raise ValueError(
                f"{kind} of {where} are {sorted(saved[kind])}, "
                f"this run has {sorted(getattr(state, kind))}"
            )
    if len(saved["callbacks"]) != len(run.callbacks):
        raise ValueError(
            f"{where} was written with {len(saved['callbacks'])} callbacks, "
            f"this run has {len(run.callbacks)}"
        )


def follow(optimizer, device) -> None:
    """Move an optimizer's memory to the device that its parameters have moved to."""
    for group in optimizer.param_groups:
        counts_there = group.get("fused") or group.get("capturable")  # else on the CPU
        for parameter in group["params"]:
            memory = optimizer.state.get(parameter, {})
            for name, value in memory.items():
                if isinstance(value, torch.Tensor) and (name != "step" or counts_there):
                    memory[name] = value.to(device)
