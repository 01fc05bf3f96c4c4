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
    """Let every builder of ``tl.models`` leave its network untrained."""
    _wrap(
        tl.models,
        _untrained,
        lambda name, build: "pretrained" in inspect.signature(build).parameters,
    )


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
