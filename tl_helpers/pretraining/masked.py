"""Masked image modelling: part of an image is hidden, and has to be guessed from the rest.

``python -m tl_helpers.pretraining.masked --epochs 20`` trains the one that the project ships.
"""

import torch
from torch import nn

from tl_helpers import arguments
from tl_helpers.data import fashion_mnist
from tl_helpers.models import TransferModel, conv_decoder, small_cnn
from tl_helpers.pretraining import script
from tl_helpers.seeds import seed_everything
from tl_helpers.training import History
from tl_helpers.training.device import to_floats

from .unlabelled import check_model, fit_backbone

EPOCHS = 20  # of the shipped weights
FILE = "masked.safetensors"
HIDDEN = 0.5  # the grey of a hidden pixel: neither the black of a background nor white


class MaskedAutoencoder(nn.Module):
    """A model of ``tl.models`` with a decoder, which is thrown away after pretraining.

    model: its backbone learns; its own head is left as it is, for the task that comes later.
    decoder: any module, features N×num_features to float images N×C×H×W, such as
        ``tl.models.conv_decoder(model.num_features)`` for 28×28.

    A small convolutional cousin of two methods that were made for transformers: He et al., Masked
    Autoencoders Are Scalable Vision Learners, CVPR 2022, arXiv:2111.06377, and Xie et al., SimMIM,
    CVPR 2022, arXiv:2111.09886. As in SimMIM the encoder sees the whole grid, hidden patches
    filled with one value, and the decoder is light.
    """

    def __init__(self, model: TransferModel, decoder: nn.Module):
        super().__init__()
        arguments.module("decoder", decoder)
        self.model, self.decoder = check_model(model), decoder

    def forward(self, images, mask) -> torch.Tensor:
        """Return the guess, N×C×H×W, for images whose pixels under ``mask`` are hidden."""
        return self.decoder(self.model.features(images.masked_fill(mask, HIDDEN)))


def patch_mask(images: torch.Tensor, patch: int = 4, share: float = 0.5) -> torch.Tensor:
    """Draw which patches to hide, anew for each image: bool N×1×H×W, True is hidden.

    patch: side of a patch in pixels; it divides H and W. share: the share of the patches of each
    image that is hidden, rounded to whole patches, at least one hidden and one seen.

    Raises ValueError for a patch that does not divide H and W, or a share not between 0 and 1.
    """
    _check_images(images)
    _check_wishes(patch, share)
    count, _, height, width = images.shape
    if height % patch or width % patch:
        raise ValueError(f"patch is {patch}; it has to divide {height} and {width}")
    rows, columns = height // patch, width // patch
    hidden = min(max(round(share * rows * columns), 1), rows * columns - 1)
    order = torch.rand(count, rows * columns, device=images.device).argsort(1)
    grid = (order < hidden).view(count, 1, rows, columns)
    return grid.repeat_interleave(patch, 2).repeat_interleave(patch, 3)


def _check_images(images):
    arguments.tensor("images", images)
    if images.ndim != 4:
        raise ValueError(f"images have shape {tuple(images.shape)}: N×C×H×W is accepted.")


def _check_wishes(patch, share):
    arguments.whole_number("patch", patch)
    arguments.number("share", share, above=0)
    if share >= 1:
        raise ValueError(f"share is {share}; it has to lie between 0 and 1")


def masked_loss(outputs, targets, mask) -> torch.Tensor:
    """Return the mean squared error over the pixels under ``mask``, a 0-d tensor.

    outputs, targets: float N×C×H×W. mask: bool N×1×H×W. Raises ValueError when shapes differ.
    """
    for name, value in (("outputs", outputs), ("targets", targets), ("mask", mask)):
        arguments.tensor(name, value)
    if outputs.shape != targets.shape:
        raise ValueError(
            f"outputs of the decoder have shape {tuple(outputs.shape)} and targets "
            f"{tuple(targets.shape)}: it has to draw the whole image"
        )
    if mask.dtype != torch.bool:
        raise ValueError(f"mask holds {mask.dtype}: True and False are accepted.")
    return (outputs - targets)[mask.expand_as(targets)].square().mean()


def fit_masked_autoencoder(
    learner: MaskedAutoencoder,
    data,
    *,
    epochs: int,
    patch: int = 4,
    share: float = 0.5,
    lr: float = 1e-3,
    optimizer="adam",
    batch_size: int = 64,
    seed: int | None = 0,
    **options,
) -> History:
    """Train ``learner`` to guess what is hidden, without labels; return the History.

    data: a Task (trains on the inputs of task.train, watches those of task.valid), a split, or a
        tensor of inputs N×C×H×W; uint8 images become floats in [0, 1].
    patch, share: see ``patch_mask``; masks are drawn anew in each step. The loss looks at hidden
        pixels only.
    lr, optimizer: as in ``fit``. epochs, seed and the options: see ``run``.

    Raises ValueError when there is nothing to train on, when the backbone is frozen, or when the
    decoder draws another shape.
    """

    if not isinstance(learner, MaskedAutoencoder):
        raise TypeError(f"learner is a {type(learner).__name__}: a MaskedAutoencoder is accepted.")
    _check_wishes(patch, share)

    def measure(inputs):
        images = to_floats(inputs)
        mask = patch_mask(images, patch, share)
        return {"loss": masked_loss(learner(images, mask), images, mask)}

    return fit_backbone(
        measure,
        data,
        learner.model,
        learner.decoder,
        epochs=epochs,
        lr=lr,
        optimizer=optimizer,
        batch_size=batch_size,
        seed=seed,
        **options,
    )


def load_masked() -> tuple[MaskedAutoencoder, History]:
    """Return the learner that the project ships, and the history of its pretraining.

    Raises FileProblem when the file is missing or damaged.
    """
    learner = _learner()
    return learner, script.load(FILE, {"learner": learner})


def _learner():
    model = small_cnn(10, in_channels=1)
    return MaskedAutoencoder(model, conv_decoder(model.num_features))


def main(arguments=None) -> None:
    """Train a masked autoencoder on the training images of Fashion-MNIST; write its weights."""
    wishes = script.parser("masked", main.__doc__, epochs=EPOCHS).parse_args(arguments)
    seed_everything(wishes.seed)
    learner, output = _learner(), wishes.output or script.WEIGHTS / FILE
    data = script.first(fashion_mnist().train, wishes.images)
    options = script.options(wishes, output)
    history = fit_masked_autoencoder(learner, data, **options)
    script.ship(output, {"learner": learner}, history)


if __name__ == "__main__":
    main()
