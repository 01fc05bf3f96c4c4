"""What every way of learning without labels shares: inputs alone go through the one loop."""

from collections.abc import Callable

import torch
from torch import nn

from tl_helpers.data import batches
from tl_helpers.models import TransferModel
from tl_helpers.training import History, run
from tl_helpers.training.evaluate import means
from tl_helpers.training.optimizers import make_optimizer


def check_model(model) -> TransferModel:
    """Return the model; raise TypeError when it is not one of the package's."""
    if not isinstance(model, TransferModel):
        raise TypeError(
            f"model is a {type(model).__name__}; pretraining takes a model of tl.models, with a "
            "backbone and a head (tl.models.create makes one of any torchvision or timm classifier)"
        )
    return model


def fit_backbone(
    measure: Callable, data, model: TransferModel, extra: nn.Module, **options
) -> History:
    """Train the backbone of ``model``, and ``extra``, which reads its features meanwhile.

    measure, data and the options: see ``fit_unlabelled``. The head of ``model`` stays as it is.
    Raises ValueError when there is nothing to train on, or when the backbone is frozen.
    """
    if not any(parameter.requires_grad for parameter in model.backbone.parameters()):
        raise ValueError(
            "model has a frozen backbone, and the backbone is what pretraining teaches: "
            "call tl.transfer.unfreeze(model) first"
        )
    both = nn.ModuleList([model, extra])
    return fit_unlabelled(measure, data, both, nn.ModuleList([model.backbone, extra]), **options)


def fit_unlabelled(
    measure: Callable,
    data,
    module: nn.Module,
    learned: nn.Module,
    *,
    epochs: int,
    lr: float,
    optimizer,
    batch_size: int,
    seed: int | None,
    **options,
) -> History:
    """Train ``learned``, a part of ``module`` or all of it, on a loss that needs no label.

    measure: a function of a batch of inputs, as they are stored, that computes with ``module``
        and returns a dict of means over the batch; its "loss" is made small, all of it is
        recorded for both splits.
    data: a Task (trains on the inputs of task.train, watches those of task.valid), a split, or a
        tensor of inputs. The other arguments: see ``fit`` and ``run``.

    Raises ValueError when there is nothing to train on.
    """
    train, valid = getattr(data, "train", data), getattr(data, "valid", None)
    train, valid = (getattr(split, "inputs", split) for split in (train, valid))
    if not isinstance(train, torch.Tensor):
        raise ValueError(
            f"data is a {type(data).__name__}; it has to be a task, a split or a tensor of inputs"
        )

    def step(batch, update):
        found = measure(batch[0])
        update(found["loss"])
        return found

    def validate():
        return means(measure, ((inputs,) for inputs in valid.split(batch_size)), module)

    nothing = torch.zeros(len(train))  # where labels would stand
    return run(
        step,
        batches(train, nothing, batch_size=batch_size, shuffle=True, seed=seed),
        epochs,
        modules={"model": module},
        optimizers={"optimizer": make_optimizer(optimizer, learned, lr)},
        validate=None if valid is None else validate,
        seed=seed,
        **options,
    )
