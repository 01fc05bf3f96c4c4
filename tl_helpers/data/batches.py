"""Batches of tensors that are in memory: taken by index, on the device where the tensors are."""

import torch

from tl_helpers import arguments
from tl_helpers.seeds import offset


class Batches:
    """What ``batches`` returns: iterate over it as often as you like, each pass is an epoch.

    The order of an epoch depends on ``seed`` and the epoch's number only, so a run that is
    resumed, or repeated on another device, sees the same batches.
    """

    def __init__(self, inputs, labels, batch_size, shuffle, seed):
        self.inputs, self.labels = inputs, labels
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self.epoch = 0

    def __len__(self):
        return len(self.sizes())

    def sizes(self) -> list[int]:
        """Return the number of items of each batch.

        A rest of one joins the batch before it: BatchNorm cannot learn from one item.
        """
        whole, rest = divmod(len(self.inputs), self.batch_size)
        sizes = [self.batch_size] * whole + ([rest] if rest else [])
        if rest == 1 and whole:
            sizes[-2:] = [self.batch_size + 1]
        return sizes

    def to(self, device):
        """Return the same batches with the tensors on ``device``."""
        labels = _each(self.labels, lambda part: part.to(device))
        moved = Batches(self.inputs.to(device), labels, self.batch_size, self.shuffle, self.seed)
        moved.epoch = self.epoch
        return moved

    def order(self, epoch: int) -> torch.Tensor:
        """Return the item numbers of an epoch in the order of training (int64, N)."""
        if not self.shuffle:
            return torch.arange(len(self.inputs))
        # A generator of its own: dropout and augmentation cannot shift the order.
        generator = torch.Generator().manual_seed(offset(self.seed) * 1_000_003 + epoch)
        return torch.randperm(len(self.inputs), generator=generator)

    def __iter__(self):
        epoch, self.epoch = self.epoch, self.epoch + 1
        return self.from_position(epoch, 0)

    def from_position(self, epoch: int, position: int):
        """Yield the batches of ``epoch`` from batch number ``position`` on."""
        order = self.order(epoch).to(self.inputs.device)
        for chosen in order.split(self.sizes())[position:]:
            yield self.inputs[chosen], _each(self.labels, lambda part, at=chosen: part[at])


def _each(labels, function):
    """Apply a function to labels, or to each head's where they go by name."""
    if isinstance(labels, dict):
        return {name: function(part) for name, part in labels.items()}
    return function(labels)


def batches(inputs, labels, *, batch_size=64, shuffle=False, seed=0) -> Batches:
    """Cut tensors in memory into batches.

    inputs: any tensor whose first dimension is N. labels: a tensor of length N, or a dictionary of
        such by name.
    batch_size: items a batch; the last batch holds the rest, nothing is dropped, and a rest of one
        joins the batch before it.
    shuffle: a new order in each pass, set by ``seed`` (which ``TL_SEED`` offsets) and the pass;
        None draws a seed from torch's randomness.

    Raises ValueError when the lengths differ or there is no item, TypeError or ValueError for
    another kind of inputs, labels, batch_size, shuffle or seed.
    """
    for name, value in {"inputs": inputs, **_named(labels)}.items():
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"{name} is a {type(value).__name__}: a tensor is accepted.")
        if not value.ndim or len(value) != len(inputs):
            raise ValueError(
                f"{name} has shape {tuple(value.shape)}: inputs and labels must have the same "
                f"length, and inputs has shape {tuple(inputs.shape)}."
            )
    if len(inputs) == 0:
        raise ValueError("inputs is empty: batches need at least one item")
    arguments.whole_number("batch_size", batch_size)
    arguments.choice("shuffle", shuffle, (True, False))
    arguments.seed("seed", seed)
    if seed is None:
        seed = int(torch.randint(2**31, ()))
    return Batches(inputs, labels, batch_size, shuffle, seed)


def _named(labels) -> dict:
    if not isinstance(labels, dict):
        return {"labels": labels}
    if not labels:
        raise ValueError("labels is an empty dictionary: at least one head is needed.")
    return {f"labels[{name!r}]": part for name, part in labels.items()}
