"""Rotation prediction: how was the image turned? The label comes for nothing.

``python -m tl_helpers.pretraining.rotation --epochs 20`` trains the one that the project ships.
"""

import torch
from torch.nn import functional as F

from tl_helpers.data import Split, fashion_mnist
from tl_helpers.models import TransferModel, small_cnn
from tl_helpers.pretraining import script
from tl_helpers.seeds import seed_everything
from tl_helpers.training import History
from tl_helpers.training.device import to_floats

from .unlabelled import check_model, fit_backbone

EPOCHS = 20  # of the shipped weights
FILE = "rotation.safetensors"
TURNS = 4


def turned(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn each image by a random multiple of 90 degrees; return (images, turns).

    images: N×C×H×H. turns: int64 N, quarter turns against the clock, 0 to 3: a shuffle in which
    each is as frequent as the others (by one more or less where 4 does not divide N).

    Raises ValueError for images that are not square.
    Source: Gidaris, Singh, Komodakis, Unsupervised Representation Learning by Predicting Image
    Rotations, ICLR 2018, arXiv:1803.07728.
    """
    if images.ndim != 4 or images.shape[2] != images.shape[3]:
        raise ValueError(
            f"images have shape {tuple(images.shape)}: only square ones, N×C×H×H, keep their "
            "shape in a quarter turn"
        )
    # From a random start, or the small rest of a batch would never be turned.
    start = torch.randint(TURNS, ())
    turns = ((torch.randperm(len(images)) + start) % TURNS).to(images.device)
    result = images.clone()
    for turn in range(1, TURNS):
        chosen = turns == turn
        result[chosen] = images[chosen].rot90(turn, (2, 3))
    return result, turns


def rotated(split: Split) -> Split:
    """Return the split with each image turned once, and its number of quarter turns as the label.

    The task is then like any other: ``tl.fit(model, rotated(split))`` with a model of four classes.
    See ``turned``.
    """
    if not isinstance(split, Split):
        raise TypeError(f"split is a {type(split).__name__}: a Split is accepted.")
    return Split(*turned(split.inputs))


def fit_rotation(
    model: TransferModel,
    data,
    *,
    epochs: int,
    lr: float = 1e-3,
    optimizer="adam",
    batch_size: int = 64,
    seed: int | None = 0,
    **options,
) -> History:
    """Train ``model`` to tell how images were turned, without labels; return the History.

    model: of four classes; afterwards ``tl.models.replace_head(model, num_classes)`` gives it the
        head of the next task.
    data: a Task (trains on the inputs of task.train, watches those of task.valid), a split, or a
        tensor of inputs N×C×H×H. Turns are drawn anew in each epoch (``rotated`` draws once).
    lr, optimizer: as in ``fit``. epochs, seed and the options: see ``run``.

    Records loss and accuracy. Raises ValueError for another number of classes, for images that
    are not square, when there is nothing to train on, or when the backbone is frozen.
    """
    if check_model(model).num_classes != TURNS:
        raise ValueError(f"model has {model.num_classes} classes; there are {TURNS} turns to tell")

    def measure(inputs):
        images, turns = turned(inputs)
        logits = model(to_floats(images))
        accuracy = (logits.argmax(1) == turns).float().mean()
        return {"loss": F.cross_entropy(logits, turns), "accuracy": accuracy}

    return fit_backbone(
        measure,
        data,
        model,
        model.head,
        epochs=epochs,
        lr=lr,
        optimizer=optimizer,
        batch_size=batch_size,
        seed=seed,
        **options,
    )


def load_rotation() -> tuple[TransferModel, History]:
    """Return the model that the project ships, and the history of its pretraining.

    Raises FileProblem when the file is missing or damaged.
    """
    model = small_cnn(TURNS, in_channels=1)
    return model, script.load(FILE, {"model": model})


def main(arguments=None) -> None:
    """Train a network to tell turned images of Fashion-MNIST apart, and write its weights."""
    wishes = script.parser("rotation", main.__doc__, epochs=EPOCHS).parse_args(arguments)
    seed_everything(wishes.seed)
    model, output = small_cnn(TURNS, in_channels=1), wishes.output or script.WEIGHTS / FILE
    data = script.first(fashion_mnist().train, wishes.images)
    history = fit_rotation(model, data, **script.options(wishes, output))
    script.ship(output, {"model": model}, history)


if __name__ == "__main__":
    main()
