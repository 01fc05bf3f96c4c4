"""Train mode: everything learns and drops out, except what is frozen."""

from torch import nn


def train_mode(module: nn.Module) -> None:
    """Put a module into train mode, except what is frozen.

    A submodule whose parameters are all frozen runs as in evaluation: dropout and drop-path are
    off and BatchNorm neither uses nor changes the statistics of the batch. A BatchNorm with the
    attribute ``moving_statistics`` set to True is left in train mode (``freeze`` sets it).
    """
    frozen = set()
    _collect_frozen(module, frozen)
    for part in module.modules():
        mode = part not in frozen or getattr(part, "moving_statistics", False)
        if part.training != mode:  # setting an attribute of a module is slow, and there are many
            part.training = mode


def _collect_frozen(part: nn.Module, frozen: set) -> tuple[bool, bool]:
    """Add what is frozen within ``part``; return whether it has parameters, and trainable ones."""
    found = [(True, p.requires_grad) for p in part.parameters(recurse=False)]
    found += [_collect_frozen(child, frozen) for child in part.children()]
    there, trainable = (any(column) for column in zip((False, False), *found, strict=True))
    if there and not trainable:
        frozen.update(part.modules())
    return there, trainable
