"""Conditional generation: labels reach a network as one-hot vectors beside its other inputs."""

import torch
from torch.nn import functional as F


def with_labels(values, labels, num_classes: int) -> torch.Tensor:
    """Return values N×K with one-hot labels behind them, N×(K + num_classes); as they are for 0.

    labels: int64 N. Raises ValueError when there are classes but no labels.
    """
    if not num_classes:
        return values
    if labels is None:
        raise ValueError(f"labels are missing: this model has {num_classes} classes")
    return torch.cat([values, F.one_hot(labels, num_classes).to(values.dtype)], dim=1)
