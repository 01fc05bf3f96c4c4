"""SimCLR: two views of one image shall have like codes, views of two images unlike ones."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from tl_helpers.models import TransferModel
from tl_helpers.training import History
from tl_helpers.training.device import to_floats

from .unlabelled import check_model, fit_unlabelled


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
        width = model.num_features
        self.projection = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, num_codes)
        )

    def forward(self, inputs) -> torch.Tensor:
        """Return the codes, N×num_codes, of float images N×C×H×W."""
        return self.projection(self.model.features(inputs))


def views(images: torch.Tensor, augment: Callable) -> torch.Tensor:
    """Return ``augment(image)`` for each of N images: N×C×H×W.

    augment: a function of one image C×H×W, such as a transform of ``torchvision.transforms.v2``.
        Handed a whole batch, such a transform draws once and does the same to every image.
    """
    return torch.stack([augment(image) for image in images])


def nt_xent(first: torch.Tensor, second: torch.Tensor, temperature: float = 0.5) -> torch.Tensor:
    """Return the NT-Xent loss of the codes of two views of N images, a 0-d tensor.

    first, second: float N×K; row i of both comes from image i. Each of the 2N codes has to find
    its partner among the other 2N - 1: cross-entropy over cosine similarities, divided by
    ``temperature``. Codes that are all alike give log(2N - 1).

    Raises ValueError for other shapes, or a temperature that is not above 0.
    Paper: arXiv:2002.05709, equation 1.
    """
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(
            f"first has shape {tuple(first.shape)} and second {tuple(second.shape)}: "
            "codes of two views are N×K, both alike"
        )
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; it has to be above 0")
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
    augment: Callable,
    epochs: int,
    temperature: float = 0.5,
    lr: float = 3e-3,
    optimizer="adam",
    batch_size: int = 256,
    seed: int | None = 0,
    **options,
) -> History:
    """Train ``learner.model`` by contrast, without labels; return the History.

    data: a Task (trains on the inputs of task.train, watches those of task.valid), a split, or a
        tensor of inputs N×C×H×W.
    augment: as in ``fit``, a function of one image as it is stored (uint8 C×H×W), such as
        ``v2.RandomResizedCrop(28, scale=(0.3, 1))``; each image is viewed twice in each epoch.
    batch_size: the images of a batch are each other's negatives, so it is part of the loss (under
        ``torchrun``: those of a batch in one process).
    temperature: see ``nt_xent``. lr, optimizer: as in ``fit``. epochs, seed, options: see ``run``.

    Raises ValueError when there is nothing to train on, or when the backbone is frozen.
    """

    def measure(images):
        first, second = (learner(to_floats(views(images, augment))) for _ in range(2))
        return {"loss": nt_xent(first, second, temperature)}

    return fit_unlabelled(
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
