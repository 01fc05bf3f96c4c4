"""Take away what a claim needs: called in a lesson's kernel, before its first cell."""

import functools
import inspect
from dataclasses import replace

import torch

import tl_helpers as tl


def labels():
    """Shuffle the labels of every task that ``tl.data`` gives, within each split."""
    _wrap(tl.data, _shuffled, lambda name, build: name not in ("Task", "Split", "batches"))


def weights():
    """Let ``tl.models`` build, and ``tl.pretraining`` load, networks that were never trained."""
    _wrap(
        tl.models,
        _untrained,
        lambda name, build: "pretrained" in inspect.signature(build).parameters,
    )
    _wrap(tl.pretraining, _drawn_anew, lambda name, load: name.startswith("load_"))


def _wrap(room, wrapper, chosen):
    for name in room.__all__:
        build = getattr(room, name)
        if inspect.isfunction(build) and chosen(name, build):
            setattr(room, name, wrapper(build))


def _shuffled(load):
    @functools.wraps(load)
    def shuffled(*args, **kwargs):
        task, order = load(*args, **kwargs), torch.Generator().manual_seed(0)
        if not isinstance(task, tl.data.Task):
            return task
        splits = {}
        for word in ("train", "valid", "test"):
            split = getattr(task, word)
            at = torch.randperm(len(split), generator=order)
            splits[word] = replace(split, labels=split.labels[at])
        return replace(task, **splits)

    return shuffled


def _untrained(build):
    @functools.wraps(build)
    def untrained(*args, **kwargs):
        bound = inspect.signature(build).bind(*args, **kwargs)
        bound.arguments["pretrained"] = False
        if bound.arguments.get("num_classes", 0) is None:  # asks for the pretrained head
            bound.arguments["num_classes"] = 1000
        return build(*bound.args, **bound.kwargs)

    return untrained


def _drawn_anew(load):
    @functools.wraps(load)
    def drawn_anew(*args, **kwargs):
        loaded = load(*args, **kwargs)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            for part in loaded:
                for module in part.modules() if isinstance(part, torch.nn.Module) else ():
                    if hasattr(module, "reset_parameters"):
                        module.reset_parameters()
        return loaded

    return drawn_anew
