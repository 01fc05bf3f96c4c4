"""Optimizers: by name, from a factory, or one that you made yourself."""

import functools
import inspect

import torch
from torch.nn.parameter import is_lazy

from tl_helpers import arguments

# The library's own defaults, except momentum: plain SGD without it is rarely what is meant.
NAMES = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": functools.partial(torch.optim.SGD, momentum=0.9),
}
# Where one kernel can take the whole step: the same numbers up to rounding, in less time. Not for
# SGD, whose fused step spoils its momentum when loss scaling skips the first one (torch 2.14).
FUSED = ("adamw", "adam")
FUSED_DEVICES = ("cpu", "cuda")
DEFAULT_LR = 1e-3


def make_optimizer(optimizer, module, lr=None, weight_decay=None) -> torch.optim.Optimizer:
    """Return an optimizer over the trainable parameters of ``module``.

    optimizer: "adamw", "adam", "sgd" (momentum 0.9); or a torch optimizer, which is taken as it
    is; or a factory, called with the parameters, and with lr and weight_decay where it takes them.
    lr: default 1e-3. weight_decay: default 0.

    Raises ValueError when nothing is trainable, when a given optimizer holds a frozen parameter,
    or when lr or weight_decay comes together with a ready optimizer, which has its own.
    """
    lazy = [name for name, p in module.named_parameters() if is_lazy(p)]
    if lazy:
        raise ValueError(
            f"model has lazy layers without weights yet ({lazy[0]}, …): call model(inputs[:2]) once"
        )
    trainable = [p for p in module.parameters() if p.requires_grad]
    if not trainable:
        raise ValueError("model has no trainable parameter: every one of them is frozen")
    if isinstance(optimizer, torch.optim.Optimizer):
        if lr is not None or weight_decay is not None:
            raise ValueError("lr and weight_decay belong to the optimizer you gave: set them there")
        held = [p for group in optimizer.param_groups for p in group["params"]]
        frozen = sum(not p.requires_grad for p in held)
        if frozen:
            raise ValueError(
                f"optimizer holds {frozen} frozen parameters; "
                "give it only those with requires_grad=True"
            )
        if not {id(p) for p in held} & {id(p) for p in trainable}:
            raise ValueError("optimizer holds no parameter of model: it would train something else")
        return optimizer
    lr = DEFAULT_LR if lr is None else lr
    arguments.number("lr", lr, above=0)
    weight_decay = 0.0 if weight_decay is None else weight_decay
    arguments.number("weight_decay", weight_decay, low=0)
    wishes = {"lr": lr, "weight_decay": weight_decay}
    if callable(optimizer):
        takes = inspect.signature(optimizer).parameters
        made = optimizer(trainable, **{name: v for name, v in wishes.items() if name in takes})
        if not isinstance(made, torch.optim.Optimizer):
            raise ValueError(f"optimizer returned a {type(made).__name__}, not a torch optimizer")
        return made
    if not isinstance(optimizer, str) or optimizer not in NAMES:
        raise ValueError(
            f"optimizer is {optimizer!r}; it must be one of {', '.join(NAMES)}, "
            "a torch optimizer, or a function that makes one from parameters"
        )
    if optimizer in FUSED and all(
        p.is_floating_point() and p.device.type in FUSED_DEVICES for p in trainable
    ):
        wishes["fused"] = True
    return NAMES[optimizer](trainable, **wishes)
