"""A task: inputs, labels, three splits, class names and one domain.

Splits never share an item, and that is checked when a task is made: a test item that was also
trained on would make every number after it too good.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from tl_helpers.seeds import offset

FRACTIONS = (0.6, 0.15, 0.25)
IMAGE_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Inputs, their labels and, where items have names, the names.

    inputs: torch tensor or NumPy array; images as uint8 N×C×H×W, token ids as integers N×L
        (0 is padding), or floats N×… . Integers become int64, floats become float32.
    labels: N integers (class ids, become int64) or N floats (regression targets, become float32).
    names: N strings or None.

    Raises ValueError for an empty split, other shapes or dtypes, values that are not finite, or
    lengths that differ.
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    names: tuple[str, ...] | None = None

    def __post_init__(self):
        inputs, labels = _tensor("inputs", self.inputs), _tensor("labels", self.labels)
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
                f"inputs has shape {_shape(inputs)} and dtype {_dtype(inputs)}: {accepted}."
            )
        if labels.dtype == torch.uint8:
            labels = labels.long()
        if labels.ndim != 1:
            raise ValueError(f"labels has shape {_shape(labels)}: it is one number for each item.")
        if len(inputs) == 0:
            raise ValueError("inputs is empty: a split needs at least one item.")
        if len(labels) != len(inputs):
            raise ValueError(f"labels has length {len(labels)}: inputs has {len(inputs)} items.")
        for what, values in (("inputs", inputs), ("labels", labels)):
            if values.is_floating_point() and not values.isfinite().all():
                raise ValueError(f"{what} holds NaN or infinity: every value must be finite.")
        names = self.names
        if names is not None:
            names = tuple(str(name) for name in names)
            if len(names) != len(inputs):
                raise ValueError(f"names has length {len(names)}: inputs has {len(inputs)} items.")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "names", names)

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        size = "×".join(map(str, self.inputs.shape[1:]))
        return f"Split({len(self)} items of {size}, {_dtype(self.inputs)})"

    def take(self, indices) -> "Split":
        """Return the split of the items at ``indices`` (integers), in that order."""
        indices = torch.as_tensor(indices, dtype=torch.int64)
        names = None if self.names is None else tuple(self.names[i] for i in indices.tolist())
        return Split(self.inputs[indices], self.labels[indices], names)


@dataclass(frozen=True, eq=False, repr=False)
class Task:
    """What is learned from: three splits, the class names and the domain of the inputs.

    train, valid, test: Splits of the same kind of inputs; no item stands in two of them.
    class_names: the name of each class, in the order of the labels 0, 1, 2 …; empty for
        regression (float labels).
    domain: where the inputs come from, such as "noto"; name: what the task is called.

    Use ``Task(train=Split(…), valid=Split(…), test=Split(…), class_names=…)`` for data that comes
    with its splits, and ``Task.from_arrays`` or ``Task.from_folder`` for data that does not.

    Raises ValueError when splits differ in the kind of inputs or labels, share an item, or hold
    labels outside 0 … len(class_names) - 1.
    """

    train: Split
    valid: Split
    test: Split
    class_names: tuple[str, ...] = ()
    domain: str = "own data"
    name: str = "task"

    def __post_init__(self):
        object.__setattr__(self, "class_names", tuple(str(name) for name in self.class_names))
        splits = self._splits()
        for word, split in splits.items():
            if not isinstance(split, Split):
                raise TypeError(f"{word} is a {type(split).__name__}: a Split is accepted.")
            if split.inputs.shape[1:] != self.train.inputs.shape[1:]:
                raise ValueError(
                    f"{word} has inputs of shape {_shape(split.inputs)}: train has "
                    f"{_shape(self.train.inputs)}, and only N may differ."
                )
            for part in ("inputs", "labels"):
                found, first = getattr(split, part).dtype, getattr(self.train, part).dtype
                if found != first:
                    raise ValueError(f"{word} has {found} {part}: train has {first} {part}.")
            _check_labels(f"labels of {word}", split.labels, self.class_names)
        _check_disjoint(splits)

    def _splits(self) -> dict[str, Split]:
        return {"train": self.train, "valid": self.valid, "test": self.test}

    @property
    def num_classes(self) -> int:
        """The number of outputs a model needs: the number of classes, or 1 for a regression."""
        return len(self.class_names) or 1

    def __repr__(self):
        lines = [
            f"{self.name} (domain: {self.domain})",
            f"  train {len(self.train):,}   valid {len(self.valid):,}   test {len(self.test):,}",
            f"  inputs {_dtype(self.train.inputs)} {'×'.join(map(str, self.train.inputs.shape[1:]))}",
        ]
        if not self.class_names:
            low, high = float(self.train.labels.min()), float(self.train.labels.max())
            return "\n".join([*lines, f"  targets from {low:g} to {high:g}"])
        counts = torch.bincount(self.train.labels, minlength=self.num_classes).tolist()
        shown = [f"{name} {count}" for name, count in zip(self.class_names, counts, strict=True)]
        if len(shown) > 12:
            shown = [*shown[:11], f"… {shown[-1]}"]
        return "\n".join([*lines, f"  {self.num_classes} classes in train: {', '.join(shown)}"])

    def few(self, labels_per_class: int, seed: int = 0) -> "Task":
        """Return the task with ``labels_per_class`` training items of each class.

        Validation is cut to at most as many of each class, so it is never larger than training
        (nobody with 20 labels has 1,000 more to validate on); the test split stays whole. For one
        seed the samples are nested: the 5 items of a class are among the 10. ``TL_SEED`` moves
        the seed.

        Raises ValueError when a class has fewer training items, or for a regression.
        """
        self._needs_classes("few")
        if not isinstance(labels_per_class, (int, np.integer)) or labels_per_class < 1:
            raise ValueError(
                f"labels_per_class is {labels_per_class!r}: a whole number from 1 is accepted."
            )
        counts = torch.bincount(self.train.labels, minlength=self.num_classes).tolist()
        for name, count in zip(self.class_names, counts, strict=True):
            if count < labels_per_class:
                raise ValueError(
                    f"labels_per_class is {labels_per_class}: class {name!r} has only {count} "
                    "training items."
                )
        random = np.random.RandomState(offset(seed))
        train = _sample(self.train.labels, labels_per_class, random)
        valid = _sample(self.valid.labels, labels_per_class, random)
        return replace(self, train=self.train.take(train), valid=self.valid.take(valid))

    def only(self, classes) -> "Task":
        """Return the task of some classes, given by name or id and relabelled 0, 1, … in that order.

        Raises ValueError for an unknown class, a class named twice, none at all, a class that
        leaves a split empty, or a regression.
        """
        self._needs_classes("only")
        classes = [classes] if isinstance(classes, str) else list(classes)
        ids = []
        for one in classes:
            if isinstance(one, str) and one in self.class_names:
                ids.append(self.class_names.index(one))
            elif not isinstance(one, str) and one in range(self.num_classes):
                ids.append(int(one))
            else:
                raise ValueError(
                    f"classes holds {one!r}: accepted are 0 to {self.num_classes - 1} or "
                    f"{', '.join(self.class_names)}."
                )
        if not ids or len(set(ids)) < len(ids):
            raise ValueError(f"classes is {classes}: at least one class, each once, is accepted.")
        new_id = torch.full((self.num_classes,), -1)
        new_id[ids] = torch.arange(len(ids))
        parts = {}
        for word, split in self._splits().items():
            kept = (new_id[split.labels] >= 0).nonzero().flatten()
            if len(kept) == 0:
                raise ValueError(f"classes is {classes}: {word} has no item of these classes.")
            part = split.take(kept)
            parts[word] = replace(part, labels=new_id[part.labels])
        return replace(self, **parts, class_names=tuple(self.class_names[i] for i in ids))

    def _needs_classes(self, method: str):
        if not self.class_names:
            raise ValueError(f"{method} needs classes: {self.name!r} is a regression.")

    @classmethod
    def from_arrays(
        cls,
        inputs,
        labels,
        *,
        class_names=None,
        names=None,
        fractions=FRACTIONS,
        seed: int = 0,
        domain: str = "own data",
        name: str = "task",
    ) -> "Task":
        """Make a task of arrays, split at random and, for classes, in equal shares of each class.

        inputs, labels, names: as in ``Split``. class_names: the names of the classes 0, 1, … ;
        "0", "1", … when left out. fractions: the shares of train, valid and test. The split
        depends on ``seed`` alone, not on ``TL_SEED``: what is test stays test.

        Raises ValueError for what Split and Task do not accept, for an input that stands in the
        arrays twice (it could land in train and in test), and for a class too small to be split.
        """
        everything = Split(inputs, labels, names)
        _check_no_copies(everything)
        if not everything.labels.is_floating_point() and class_names is None:
            class_names = [str(i) for i in range(int(everything.labels.max()) + 1)]
        class_names = tuple(str(name) for name in class_names or ())
        _check_labels("labels", everything.labels, class_names)
        parts = split_indices(everything.labels, class_names, fractions, seed)
        train, valid, test = (everything.take(indices) for indices in parts)
        return cls(train, valid, test, class_names, domain, name)

    @classmethod
    def from_folder(
        cls,
        path,
        *,
        image_size: int = 64,
        fractions=FRACTIONS,
        seed: int = 0,
        domain: str | None = None,
    ) -> "Task":
        """Make a task of a folder that holds one folder of images for each class.

        Each image is converted to RGB (transparent parts on white), scaled so that its shorter
        side is ``image_size`` pixels, and cropped at the centre; inputs are uint8
        N×3×image_size×image_size. Class names are the folders' names, item names the files'
        paths. Files that are not images by their ending are left out.

        Raises ValueError when there is no such folder, no class folder, a class without images,
        or an image that cannot be read; it names the file.
        """
        path = Path(path)
        if not path.is_dir():
            raise ValueError(f"path is {str(path)!r}: a folder of class folders is accepted.")
        if not isinstance(image_size, int) or image_size < 1:
            raise ValueError(f"image_size is {image_size!r}: a number of pixels is accepted.")
        folders = sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))
        if not folders:
            raise ValueError(f"path {str(path)!r} holds no folders: one for each class is needed.")
        images, labels, names = [], [], []
        for label, folder in enumerate(folders):
            files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in IMAGE_ENDINGS)
            if not files:
                raise ValueError(f"path {str(path)!r}: class folder {folder.name!r} has no images.")
            for file in files:
                images.append(_read_image(file, image_size))
                labels.append(label)
                names.append(file.relative_to(path).as_posix())
        return cls.from_arrays(
            torch.from_numpy(np.stack(images)),
            torch.tensor(labels),
            class_names=[folder.name for folder in folders],
            names=names,
            fractions=fractions,
            seed=seed,
            domain=domain or path.name,
            name=path.name,
        )


def _tensor(what: str, values) -> torch.Tensor:
    """Return values as uint8, int64 or float32; other widths of integer or float are converted."""
    if not isinstance(values, torch.Tensor):
        array = np.asarray(values)
        if array.dtype.kind not in "uif":
            raise ValueError(f"{what} has dtype {array.dtype}: integers or floats are accepted.")
        values = torch.from_numpy(
            array if array.dtype == np.uint8 or array.dtype.kind == "f" else array.astype(np.int64)
        )
    if values.is_floating_point():
        return values.float()
    if values.is_complex() or values.dtype == torch.bool:
        raise ValueError(f"{what} has dtype {_dtype(values)}: integers or floats are accepted.")
    return values if values.dtype == torch.uint8 else values.long()


def _shape(tensor: torch.Tensor) -> str:
    return str(tuple(tensor.shape))


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _keys(split: Split) -> list[bytes]:
    """Return a fingerprint of each input, equal when and only when the inputs are."""
    rows = np.ascontiguousarray(split.inputs.cpu().numpy()).reshape(len(split), -1)
    return [hashlib.blake2b(row, digest_size=16).digest() for row in rows]


def _item(split: Split, index: int) -> str:
    return f"item {index}" if split.names is None else repr(split.names[index])


def _check_disjoint(splits: dict[str, Split]):
    seen = {}
    for word, split in splits.items():
        keys = _keys(split)
        for index, key in enumerate(keys):
            if key in seen:
                other, other_index = seen[key]
                raise ValueError(
                    f"{word} shares an item with {other}: {_item(split, index)} is the same input "
                    f"as {_item(splits[other], other_index)}; each item is accepted in one split."
                )
        seen.update((key, (word, index)) for index, key in enumerate(keys))


def _check_labels(what: str, labels: torch.Tensor, class_names: tuple[str, ...]):
    if labels.is_floating_point():
        if class_names:
            raise ValueError(
                f"class_names was given, but {what} are floats: a regression has no classes."
            )
        return
    twice = [name for name, count in Counter(class_names).items() if count > 1]
    if twice:
        raise ValueError(f"class_names holds {twice[0]!r} twice: names must differ.")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= len(class_names):
        raise ValueError(
            f"{what} go from {low} to {high}: class_names has {len(class_names)} names, and needs "
            "one for each label 0, 1, 2 …."
        )


def _check_no_copies(split: Split):
    seen = {}
    for index, key in enumerate(_keys(split)):
        first = seen.setdefault(key, index)
        if first != index:
            raise ValueError(
                f"inputs holds {_item(split, first)} again as {_item(split, index)}: each item is "
                "accepted once, because a copy could land in train and in test."
            )


def _sample(labels: torch.Tensor, per_class: int, random: np.random.RandomState) -> torch.Tensor:
    """Return the sorted indices of at most ``per_class`` items of each class, nested in its size."""
    order = random.permutation(len(labels))
    in_order = labels[torch.from_numpy(order)].numpy()
    chosen = [order[in_order == label][:per_class] for label in np.unique(in_order)]
    return torch.from_numpy(np.sort(np.concatenate(chosen)))


def split_indices(labels: torch.Tensor, class_names, fractions, seed: int) -> list[torch.Tensor]:
    """Return the sorted indices of train, valid and test.

    Each class (all items at once when ``class_names`` is empty) is divided in the shares
    ``fractions``, and every split gets at least one item of it. RandomState is used because NumPy
    promises that its numbers never change, so that a split is the same in every version.
    """
    fractions = tuple(fractions)
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(
            f"fractions is {fractions}: three positive shares (train, valid, test) with the sum 1 "
            "are accepted."
        )
    random = np.random.RandomState(seed)
    groups = {"all items": np.arange(len(labels))}
    if class_names:
        array = labels.numpy()
        groups = {name: np.flatnonzero(array == i) for i, name in enumerate(class_names)}
    parts = [], [], []
    for name, group in groups.items():
        if len(group) < 3:
            raise ValueError(
                f"labels has {len(group)} items of {name!r}: at least 3 are needed, one for each "
                "split."
            )
        group = random.permutation(group)
        valid, test = (max(1, round(share * len(group))) for share in fractions[1:])
        valid = min(valid, len(group) - 2)
        train = max(1, len(group) - valid - test)
        for part, chosen in zip(parts, np.split(group, [train, train + valid]), strict=True):
            part.append(chosen)
    return [torch.from_numpy(np.sort(np.concatenate(part))) for part in parts]


def _read_image(file: Path, size: int) -> np.ndarray:
    """Return an image file as uint8 3×size×size."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"path holds {str(file)!r}, which cannot be read: {error}.") from error
    white = Image.new("RGBA", image.size, "white")
    image = ImageOps.fit(Image.alpha_composite(white, image).convert("RGB"), (size, size))
    return np.asarray(image).transpose(2, 0, 1).copy()
