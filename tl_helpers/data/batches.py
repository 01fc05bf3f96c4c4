"""Batches of tensors that are in memory: taken by index, on the device where the tensors are."""

import torch

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
        return -(-len(self.inputs) // self.batch_size)

    def to(self, device):
        """Return the same batches with the tensors on ``device``."""
        moved = Batches(
            self.inputs.to(device), self.labels.to(device), self.batch_size, self.shuffle, self.seed
        )
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
        for chosen in order.split(self.batch_size)[position:]:
            yield self.inputs[chosen], self.labels[chosen]


def batches(inputs, labels, *, batch_size=64, shuffle=False, seed=0) -> Batches:
    """Cut tensors in memory into batches.

    inputs: any tensor whose first dimension is N. labels: a tensor of length N.
    batch_size: items a batch; the last batch holds the rest, nothing is dropped.
    shuffle: a new order in each pass, set by ``seed`` (which ``TL_SEED`` offsets) and the pass.

    Raises ValueError when the lengths differ, there is no item, or batch_size is below 1.
    """
    if len(inputs) != len(labels):
        raise ValueError(
            f"inputs and labels must have the same length, not {len(inputs)} and {len(labels)}"
        )
    if len(inputs) == 0:
        raise ValueError("inputs is empty: batches need at least one item")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; it must be 1 or more")
    return Batches(inputs, labels, batch_size, shuffle, seed)
