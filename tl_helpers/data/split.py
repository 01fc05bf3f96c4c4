"""A split: inputs, their labels and, where items have names, the names."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch

IGNORED = -100  # the label of what does not count, as in PyTorch


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Inputs, their labels and, where items have names, the names.

    inputs: torch tensor or NumPy array; images as uint8 N×C×H×W, token ids as integers N×L
        (0 is padding), or floats N×… . Integers become int64, floats become float32. Floats
        N×C×H×W with C up to 4 are images in 0 … 1, or standardised.
    labels: class ids (become int64) or floats (targets, become float32): N, one for each item;
        N×L, one for each token; N×H×W, one for each pixel; floats of any shape N×… . A class id of
        -100 does not count. Or a dictionary of such labels by name, for a model of several heads.
        One column (N×1) is taken for N.
    names: N strings or None.

    Raises ValueError for an empty split, other shapes or dtypes, values that are not finite,
    labels of which none counts, or lengths that differ.
    """

    inputs: torch.Tensor
    labels: torch.Tensor | dict[str, torch.Tensor]
    names: tuple[str, ...] | None = None

    def __post_init__(self):
        inputs = as_tensor("inputs", self.inputs)
        if inputs.dtype == torch.uint8:
            # More than 4 channels is N×H×W×C, which would train without a complaint.
            right = inputs.ndim == 4 and inputs.shape[1] <= 4
            accepted = "uint8 images are N×C×H×W, with C from 1 to 4"
        elif inputs.dtype == torch.int64:
            right, accepted = inputs.ndim == 2, "token ids are N×L"
        else:
            right, accepted = inputs.ndim >= 2, "float inputs are N×…"
        if not right:
            raise ValueError(
                f"inputs has shape {shape(inputs)} and dtype {dtype(inputs)}: {accepted}."
            )
        if len(inputs) == 0:
            raise ValueError("inputs is empty: a split needs at least one item.")
        _check_finite("inputs", inputs)
        _check_range(inputs)
        labels = self.labels
        if isinstance(labels, dict):
            if not labels:
                raise ValueError("labels is an empty dictionary: at least one head is needed.")
            labels = {str(head): _labels(f"labels of {head!r}", part, len(inputs))
                      for head, part in labels.items()}  # fmt: skip
        else:
            labels = _labels("labels", labels, len(inputs))
        names = self.names
        if names is not None:
            if isinstance(names, str) or not hasattr(names, "__iter__"):
                raise TypeError(f"names is {names!r}: a list of strings is accepted.")
            names = tuple(str(name) for name in names)
            if len(names) != len(inputs):
                raise ValueError(f"names has length {len(names)}: inputs has {len(inputs)} items.")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "names", names)

    def __len__(self):
        return len(self.inputs)

    def __repr__(self):
        size = "×".join(map(str, self.inputs.shape[1:]))
        return f"Split({len(self)} items of {size}, {dtype(self.inputs)})"

    def take(self, indices) -> "Split":
        """Return the split of the items at ``indices`` (integers), in that order."""
        indices = torch.as_tensor(indices, dtype=torch.int64)
        names = None if self.names is None else tuple(self.names[i] for i in indices.tolist())
        labels = self.labels
        if isinstance(labels, dict):
            labels = {head: part[indices] for head, part in labels.items()}
        else:
            labels = labels[indices]
        return Split(self.inputs[indices], labels, names)

    def item(self, index: int) -> str:
        """Return what an item is called in a sentence: its name, or its number."""
        return f"item {index}" if self.names is None else repr(self.names[index])

    def keys(self) -> list[bytes]:
        """Return a fingerprint of each input, equal when and only when the inputs are."""
        rows = np.ascontiguousarray(self.inputs.cpu().numpy()).reshape(len(self), -1)
        return [hashlib.blake2b(row, digest_size=16).digest() for row in rows]


def is_one_class_each(labels) -> bool:
    """Say whether labels are one class id for each item."""
    return not isinstance(labels, dict) and labels.ndim == 1 and not labels.is_floating_point()


def as_tensor(what: str, values) -> torch.Tensor:
    """Return values as uint8, int64 or float32; other widths of integer or float are converted."""
    if not isinstance(values, torch.Tensor):
        try:
            array = np.asarray(values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{what} is no array: {error}.") from None
        if array.dtype.kind == "b" and what != "inputs":
            array = array.astype(np.int64)
        if array.dtype.kind not in "uif":
            raise ValueError(f"{what} has dtype {array.dtype}: integers or floats are accepted.")
        kept = array.dtype == np.uint8 or array.dtype.kind == "f"
        # A copy where strides are negative, which torch does not know.
        array = np.ascontiguousarray(array if kept else array.astype(np.int64))
        values = torch.from_numpy(array.astype(np.float32) if array.dtype.kind == "f" else array)
    if values.dtype == torch.bool and what != "inputs":
        values = values.long()
    if values.is_floating_point():
        return values.float()
    if values.is_complex() or values.dtype == torch.bool:
        raise ValueError(f"{what} has dtype {dtype(values)}: integers or floats are accepted.")
    return values if values.dtype == torch.uint8 else values.long()


def _labels(what: str, values, count: int) -> torch.Tensor:
    labels = as_tensor(what, values)
    if labels.dtype == torch.uint8:
        labels = labels.long()
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 0 or (labels.ndim > 3 and not labels.is_floating_point()):
        raise ValueError(
            f"{what} has shape {shape(labels)}: class ids are N, N×L or N×H×W, targets N×…."
        )
    if len(labels) != count:
        raise ValueError(f"{what} has length {len(labels)}: inputs has {count} items.")
    _check_finite(what, labels)
    if not labels.is_floating_point() and bool((labels == IGNORED).all()):
        raise ValueError(f"{what} holds nothing but {IGNORED}: at least one label must count.")
    return labels


def _check_finite(what: str, values: torch.Tensor):
    if values.is_floating_point() and not values.isfinite().all():
        raise ValueError(f"{what} holds NaN or infinity: every value must be finite.")


def _check_range(inputs: torch.Tensor):
    """Refuse images whose pixels are floats up to 255: a model would take them for far too bright.

    Standardised images have values below 0, and images in 0 … 1 none above 1.
    """
    if not inputs.is_floating_point() or inputs.ndim != 4 or inputs.shape[1] > 4:
        return
    low, high = float(inputs.min()), float(inputs.max())
    if low >= 0 and 2 < high <= 255:
        raise ValueError(
            f"inputs are float images from {low:g} to {high:g}: images are uint8, or floats in "
            "0 … 1 (divide by 255), or standardised."
        )


def shape(tensor: torch.Tensor) -> str:
    return str(tuple(tensor.shape))


def dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
