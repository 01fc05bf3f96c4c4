"""SimCLR: two views of one image shall have like codes, views of two images unlike ones.

``python -m tl_helpers.pretraining.contrastive --epochs 40`` trains the one that the project ships;
with ``--jitter 0``, the one that its lesson compares it with.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from tl_helpers import arguments
from tl_helpers.data import fashion_mnist
from tl_helpers.models import TransferModel, small_cnn
from tl_helpers.pretraining import script
from tl_helpers.seeds import seed_everything
from tl_helpers.training import History
from tl_helpers.training.device import to_floats

from .unlabelled import check_model, fit_backbone

EPOCHS = 40  # of the shipped weights
JITTER = 0.4


class SimCLR(nn.Module):
    """A model of ``tl.models`` with a projection head, which is thrown away after pretraining.

    model: its backbone learns; its own head is left as it is, for the task that comes later.
    num_codes: the length K of a code.

    Source: Chen, Kornblith, Norouzi, Hinton, A Simple Framework for Contrastive Learning of Visual
    Representations, ICML 2020, arXiv:2002.05709.
    """

    def __init__(self, model: TransferModel, num_codes: int = 64):
        super().__init__()
        self.model = check_model(model)
        arguments.whole_number("num_codes", num_codes)
        width = model.num_features
        self.projection = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, num_codes)
        )

    def forward(self, inputs) -> torch.Tensor:
        """Return the codes, N×num_codes, of float images N×C×H×W."""
        return self.projection(self.model.features(inputs))


def random_views(
    images: torch.Tensor, crop=(0.5, 1.0), flip: float = 0.5, jitter: float = JITTER
) -> torch.Tensor:
    """Return one view of each of N float images in [0, 1], each drawn apart: N×C×H×W.

    crop: the range of the share of the area that is kept, a square at a random place, enlarged to
        the old size; (1, 1) keeps all. flip: the probability of a mirrored image.
    jitter: contrast and brightness are multiplied by numbers in 1 - jitter … 1 + jitter, as in
        ``torchvision.transforms.v2.ColorJitter``.

    A transform of torchvision draws once for all images that it is handed, and image by image it
    takes several times as long as a training step; this one draws for all at once.
    """
    _check_views(images, crop, flip, jitter)
    count = len(images)

    def uniform(low, high, *shape):
        return torch.empty(count, *shape, device=images.device).uniform_(low, high)

    side = uniform(*crop).sqrt()
    mirror = 1 - 2 * (uniform(0, 1) < flip).float()
    matrix = torch.zeros(count, 2, 3, device=images.device)
    matrix[:, 0, 0], matrix[:, 1, 1] = side * mirror, side
    matrix[:, :, 2] = uniform(-1, 1, 2) * (1 - side)[:, None]  # the middle of the square
    grid = F.affine_grid(matrix, images.shape, align_corners=False)
    views = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    mean = views.mean((1, 2, 3), keepdim=True)
    views = mean + uniform(1 - jitter, 1 + jitter, 1, 1, 1) * (views - mean)
    return (uniform(1 - jitter, 1 + jitter, 1, 1, 1) * views.clamp(0, 1)).clamp(0, 1)


def _check_views(images, crop, flip, jitter):
    arguments.tensor("images", images)
    if images.ndim != 4:
        raise ValueError(f"images have shape {tuple(images.shape)}: N×C×H×W is accepted.")
    if not isinstance(crop, (tuple, list)) or len(crop) != 2:
        raise TypeError(f"crop is {crop!r}: the smallest and the largest share are accepted.")
    if not 0 < crop[0] <= crop[1] <= 1:
        raise ValueError(f"crop is {crop}: shares above 0 and up to 1, in order, are accepted.")
    arguments.number("flip", flip, low=0)
    if flip > 1:
        raise ValueError(f"flip is {flip}: a probability is accepted.")
    arguments.number("jitter", jitter, low=0)


def nt_xent(first: torch.Tensor, second: torch.Tensor, temperature: float = 0.5) -> torch.Tensor:
    """Return the NT-Xent loss of the codes of two views of N images, a 0-d tensor.

    first, second: float N×K; row i of both comes from image i. Each of the 2N codes has to find
    its partner among the other 2N - 1: cross-entropy over cosine similarities, divided by
    ``temperature``. Codes that are all alike give log(2N - 1).

    Raises ValueError for other shapes, or a temperature that is not above 0.
    Paper: arXiv:2002.05709, equation 1.
    """
    arguments.tensor("first", first)
    arguments.tensor("second", second)
    arguments.number("temperature", temperature, above=0)
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(
            f"first has shape {tuple(first.shape)} and second {tuple(second.shape)}: "
            "codes of two views are N×K, both alike"
        )
    count = len(first)
    codes = F.normalize(torch.cat([first, second]), dim=1)
    logits = codes @ codes.T / temperature
    itself = torch.eye(2 * count, dtype=torch.bool, device=logits.device)
    partner = torch.arange(2 * count, device=logits.device).roll(count)
    return F.cross_entropy(logits.masked_fill(itself, float("-inf")), partner)


def fit_simclr(
    learner: SimCLR,
    data,
    *,
    epochs: int,
    augment: Callable = random_views,
    temperature: float = 0.2,
    lr: float = 1e-3,
    optimizer="adam",
    batch_size: int = 256,
    seed: int | None = 0,
    **options,
) -> History:
    """Train ``learner.model`` by contrast, without labels; return the History.

    data: a Task (trains on the inputs of task.train, watches those of task.valid), a split, or a
        tensor of inputs N×C×H×W.
    augment: a function of a batch of float images in [0, 1] that returns one view of each, drawn
        apart; it is called twice a batch.
    batch_size: the images of a batch are each other's negatives, so it is part of the loss (under
        ``torchrun``: those of a batch in one process).
    temperature: see ``nt_xent``. lr, optimizer: as in ``fit``. epochs, seed, options: see ``run``.

    Raises ValueError when there is nothing to train on, or when the backbone is frozen.
    """

    if not isinstance(learner, SimCLR):
        raise TypeError(f"learner is a {type(learner).__name__}: a SimCLR is accepted.")
    arguments.function("augment", augment)
    arguments.number("temperature", temperature, above=0)

    def measure(images):
        images = to_floats(images)
        first, second = (learner(augment(images)) for _ in range(2))
        return {"loss": nt_xent(first, second, temperature)}

    return fit_backbone(
        measure,
        data,
        learner.model,
        learner.projection,
        epochs=epochs,
        lr=lr,
        optimizer=optimizer,
        batch_size=batch_size,
        seed=seed,
        **options,
    )


def load_simclr(jitter: bool = True) -> tuple[SimCLR, History]:
    """Return the learner that the project ships, and the history of its pretraining.

    jitter: whether the views differed in brightness and contrast, or by crop and mirror alone.
    Raises FileProblem when the file is missing or damaged.
    """
    arguments.choice("jitter", jitter, (True, False))
    learner = _learner()
    return learner, script.load(_file(jitter), {"learner": learner})


def _learner():
    return SimCLR(small_cnn(10, in_channels=1))


def _file(jitter):
    return "simclr.safetensors" if jitter else "simclr_crop.safetensors"


def main(arguments=None) -> None:
    """Train SimCLR on the training images of Fashion-MNIST and write its weights."""
    parser = script.parser("contrastive", main.__doc__, epochs=EPOCHS)
    parser.add_argument(
        "--jitter", type=float, default=JITTER, help="of brightness and contrast (%(default)s)"
    )
    wishes = parser.parse_args(arguments)
    seed_everything(wishes.seed)
    learner = _learner()
    output = wishes.output or script.WEIGHTS / _file(wishes.jitter > 0)
    history = fit_simclr(
        learner,
        script.first(fashion_mnist().train, wishes.images),
        augment=partial(random_views, jitter=wishes.jitter),
        **script.options(wishes, output),
    )
    script.ship(output, {"learner": learner}, history)


if __name__ == "__main__":
    main()
