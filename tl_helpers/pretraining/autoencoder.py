"""Autoencoders: an image goes through a narrow code and has to come out as it went in."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from tl_helpers import arguments
from tl_helpers.training import History
from tl_helpers.training.device import to_floats

from .unlabelled import fit_unlabelled


class Autoencoder(nn.Module):
    """An encoder, images to codes, and a decoder, codes to images.

    encoder: any module, float images N×C×H×W to codes N×K. It is what transfers: with a head
        behind it, it goes on to a task.
    decoder: any module, codes N×K to float images N×C×H×W, such as ``tl.models.conv_decoder(K)``.

    Source: Hinton and Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks,
    Science 313, 2006.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module):
        super().__init__()
        arguments.module("encoder", encoder)
        arguments.module("decoder", decoder)
        self.encoder, self.decoder = encoder, decoder

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(inputs))


def fit_autoencoder(
    model: nn.Module,
    data,
    *,
    epochs: int,
    lr: float = 1e-3,
    optimizer="adam",
    loss: Callable = F.mse_loss,
    corrupt: Callable | None = None,
    batch_size: int = 64,
    seed: int | None = 0,
    **options,
) -> History:
    """Train ``model`` to give its inputs back; return the History. No label is looked at.

    model: an Autoencoder, or any module whose output has the shape of its input.
    data: a Task (trains on the inputs of task.train, watches those of task.valid), a split, or a
        tensor of inputs; uint8 images become floats in [0, 1].
    loss: a function (outputs, targets) -> mean over the batch; default: the mean squared error.
    corrupt: for a denoising autoencoder (Vincent et al., ICML 2008), a function of a batch of
        float inputs that returns a spoilt copy. The model gets the copy, drawn anew each time;
        the target stays clean. Validation inputs are spoilt too.
    lr, optimizer: as in ``fit``. epochs, seed and the options: see ``run``.

    Raises ValueError when there is nothing to train on, or when output and input differ in shape.
    """

    arguments.module("model", model)
    arguments.function("loss", loss)
    if corrupt is not None:
        arguments.function("corrupt", corrupt)

    def measure(inputs):
        targets = to_floats(inputs)
        # A copy: what is spoilt in place must not spoil the target.
        given = corrupt(targets.clone()) if corrupt else targets
        return {"loss": loss(_checked(model(given), targets), targets)}

    return fit_unlabelled(
        measure,
        data,
        model,
        model,
        epochs=epochs,
        lr=lr,
        optimizer=optimizer,
        batch_size=batch_size,
        seed=seed,
        **options,
    )


def _checked(outputs, targets):
    # mse_loss would broadcast N×1 against N×784 with no more than a warning.
    if outputs.shape != targets.shape:
        raise ValueError(
            f"model returns {tuple(outputs.shape)} for inputs of {tuple(targets.shape)}: "
            "an autoencoder gives back the shape it was given"
        )
    return outputs
