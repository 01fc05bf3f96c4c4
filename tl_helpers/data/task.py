"""A task: inputs, labels, three splits, class names and one domain.

Splits never share an item, and that is checked when a task is made: a test item that was also
trained on would make every number after it too good.
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import torch

from tl_helpers import arguments
from tl_helpers.data import folder
from tl_helpers.data.split import IGNORED, Split, dtype, is_one_class_each, shape
from tl_helpers.say import say
from tl_helpers.seeds import offset

FRACTIONS = (0.6, 0.15, 0.25)


@dataclass(frozen=True, eq=False, repr=False)
class Task:
    """What is learned from: three splits, the class names and the domain of the inputs.

    train, valid, test: Splits of the same kind of inputs; no item stands in two of them.
    class_names: the name of each class, in the order of the labels 0, 1, 2 …; empty for
        regression (float labels). With labels by name, a dictionary of them, without the heads
        that are regressions.
    domain: where the inputs come from, such as "noto"; name: what the task is called.

    Use ``Task(train=Split(…), valid=Split(…), test=Split(…), class_names=…)`` for data that comes
    with its splits, and ``Task.from_arrays`` or ``Task.from_folder`` for data that does not.

    Raises ValueError when splits differ in the kind of inputs or labels, share an item, or hold
    labels outside 0 … len(class_names) - 1.
    """

    train: Split
    valid: Split
    test: Split
    class_names: tuple[str, ...] | dict[str, tuple[str, ...]] = ()
    domain: str = "own data"
    name: str = "task"

    def __post_init__(self):
        for word in ("domain", "name"):
            if not isinstance(getattr(self, word), str):
                raise TypeError(f"{word} is {getattr(self, word)!r}: a text is accepted.")
        splits = self._splits()
        for word, split in splits.items():
            if not isinstance(split, Split):
                raise TypeError(f"{word} is a {type(split).__name__}: a Split is accepted.")
            _check_alike(f"inputs of {word}", split.inputs, self.train.inputs)
            labels, first = _by_head(split.labels), _by_head(self.train.labels)
            if labels.keys() != first.keys():
                raise ValueError(
                    f"{word} has labels {_heads(labels)}: train has labels {_heads(first)}."
                )
            for head, part in labels.items():
                _check_alike(f"labels{_of(head)} of {word}", part, first[head])
        object.__setattr__(self, "class_names", _names(self.class_names, self.train.labels))
        for word, split in splits.items():
            for head, part in _by_head(split.labels).items():
                names = self.class_names if head is None else self.class_names.get(head, ())
                _check_labels(f"labels{_of(head)} of {word}", part, names)
        _check_disjoint(splits)

    def _splits(self) -> dict[str, Split]:
        return {"train": self.train, "valid": self.valid, "test": self.test}

    @property
    def num_classes(self) -> int | dict[str, int]:
        """The number of outputs a model needs: of classes, or 1 for a regression; or by head."""
        if isinstance(self.train.labels, dict):
            return {head: len(self.class_names.get(head, ())) or 1 for head in self.train.labels}
        return len(self.class_names) or 1

    def __repr__(self):
        lines = [
            f"{self.name} (domain: {self.domain})",
            f"  train {len(self.train):,}   valid {len(self.valid):,}   test {len(self.test):,}",
            f"  inputs {dtype(self.train.inputs)} {'×'.join(map(str, self.train.inputs.shape[1:]))}",
        ]
        for head, labels in _by_head(self.train.labels).items():
            names = self.class_names if head is None else self.class_names.get(head, ())
            lines.append(f"  {'' if head is None else f'{head}: '}{_described(labels, names)}")
        return "\n".join(lines)

    def few(self, labels_per_class: int, seed: int = 0) -> "Task":
        """Return the task with ``labels_per_class`` training items of each class.

        Validation is cut to at most as many of each class, so it is never larger than training
        (nobody with 20 labels has 1,000 more to validate on); the test split stays whole. For one
        seed the samples are nested: the 5 items of a class are among the 10. ``TL_SEED`` moves
        the seed.

        Raises ValueError when a class has fewer training items, or unless labels are one class for
        each item.
        """
        self._needs_classes("few")
        arguments.whole_number("labels_per_class", labels_per_class)
        arguments.whole_number("seed", seed, low=0)
        counts = self._counts()
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
        leaves a split empty, or unless labels are one class for each item.
        """
        self._needs_classes("only")
        if isinstance(classes, (str, int, np.integer)):
            classes = [classes]
        if not hasattr(classes, "__iter__"):
            raise TypeError(f"classes is {classes!r}: a list of names or ids is accepted.")
        classes = list(classes)
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
            known = split.labels.clamp(min=0)  # -100 is no class
            kept = ((split.labels >= 0) & (new_id[known] >= 0)).nonzero().flatten()
            if len(kept) == 0:
                raise ValueError(f"classes is {classes}: {word} has no item of these classes.")
            part = split.take(kept)
            parts[word] = replace(part, labels=new_id[part.labels])
        return replace(self, **parts, class_names=tuple(self.class_names[i] for i in ids))

    def _needs_classes(self, method: str):
        if not (self.class_names and is_one_class_each(self.train.labels)):
            raise ValueError(f"{method} needs one class for each item: {self.name!r} has others.")

    def _counts(self) -> list[int]:
        """Return how many training items each class has."""
        labels = self.train.labels
        return torch.bincount(labels[labels != IGNORED], minlength=self.num_classes).tolist()

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

        inputs, labels, names: as in ``Split``; labels may also be words, or a pandas Series or
        Categorical, which then name the classes (in alphabetical order, or the categories'), and
        True and False. class_names: the names of the classes 0, 1, … ; "0", "1", … when left out.
        fractions: the shares of train, valid and test. The split depends on ``seed`` alone, not on
        ``TL_SEED``: what is test stays test. Inputs that are equal stay together in one split, and
        a line says how many there are.

        Raises ValueError for what Split and Task do not accept, for one image with two labels, for
        a single class, and for a class too small to be split.
        """
        arguments.whole_number("seed", seed, low=0)
        fractions = _check_fractions(fractions)
        if isinstance(labels, dict):
            given = class_names or {}
            pairs = {head: _ids(part, given.get(head)) for head, part in labels.items()}
            labels = {head: ids for head, (ids, _) in pairs.items()}
            class_names = {head: found for head, (_, found) in pairs.items()}
        else:
            labels, class_names = _ids(labels, class_names)
        everything = Split(inputs, labels, names)
        class_names = _names(class_names, everything.labels)
        for head, part in _by_head(everything.labels).items():
            names_of = class_names if head is None else class_names.get(head, ())
            _check_labels(f"labels{_of(head)}", part, names_of)
        first = _originals(everything)
        alone = np.flatnonzero(first == np.arange(len(first)))
        copies = len(first) - len(alone)
        if copies:
            are = "input is a copy" if copies == 1 else "inputs are copies"
            say(f"{name}: {copies:,} {are} of others and stay in one split with them.")
        strata, strata_names = torch.zeros(len(first), dtype=torch.int64), ()
        if is_one_class_each(everything.labels):
            if len(class_names) == 1:
                raise ValueError(
                    f"labels has the single class {class_names[0]!r}: two or more are needed, or "
                    "every answer is right."
                )
            strata, strata_names = everything.labels, class_names
        parts = split_indices(strata[alone], strata_names, fractions, seed)
        # A copy goes where the first of its kind goes.
        part_of = np.empty(len(first), dtype=np.int64)
        for number, indices in enumerate(parts):
            part_of[alone[indices.numpy()]] = number
        part_of = part_of[first]
        splits = [everything.take(np.flatnonzero(part_of == number)) for number in range(3)]
        return cls(*splits, class_names, domain, name)

    @classmethod
    def from_folder(
        cls,
        path,
        *,
        image_size: int = 64,
        unreadable: str = "raise",
        fractions=FRACTIONS,
        seed: int = 0,
        domain: str | None = None,
    ) -> "Task":
        """Make a task of a folder of images as people have them.

        The folder holds one folder of images for each class, which are then split as in
        ``from_arrays``; or folders train, valid (val, validation) and test that hold class
        folders, which then are the splits. Where only train and test are there, validation is
        taken out of train.

        Each image is converted to RGB (transparent parts on white), scaled so that its shorter
        side is ``image_size`` pixels, and cropped at the centre; inputs are uint8
        N×3×image_size×image_size. More than eight bits a channel, and floats in 0 … 1, are scaled
        to eight bits. Class names are the folders' names, item names the files' paths. Whatever
        Pillow reads is an image; hidden files and ``__MACOSX`` are left out. A line says what was
        left out.

        unreadable: "raise", or "skip" to leave out images that cannot be read.

        Raises ValueError when there is no such folder, no or one class, a class without images, an
        image that cannot be read (it names the files), one image under two labels, a copy in two
        splits that are given, or more pixels than free memory holds.
        """
        arguments.whole_number("image_size", image_size)
        arguments.choice("unreadable", unreadable, ("raise", "skip"))
        arguments.whole_number("seed", seed, low=0)
        fractions = _check_fractions(fractions)
        if not isinstance(domain, (str, type(None))):
            raise TypeError(f"domain is {domain!r}: a text is accepted.")
        path, found = folder.read(path, image_size, unreadable)
        domain = path.name if domain is None else domain
        if "all" in found.splits:
            images, labels, names = found.splits["all"]
            return cls.from_arrays(
                images,
                labels,
                class_names=found.class_names,
                names=names,
                fractions=fractions,
                seed=seed,
                domain=domain,
                name=path.name,
            )
        splits = {word: Split(*parts) for word, parts in found.splits.items()}
        for split in splits.values():
            _originals(split)  # refuses one image under two labels
        if "valid" not in splits:
            train = splits["train"]
            share = fractions[1] / (fractions[0] + fractions[1])
            parts = split_indices(train.labels, found.class_names, (1 - share, share), seed)
            splits["train"], splits["valid"] = (train.take(indices) for indices in parts)
        return cls(**splits, class_names=found.class_names, domain=domain, name=path.name)


def _by_head(labels) -> dict:
    return labels if isinstance(labels, dict) else {None: labels}


def _of(head) -> str:
    return "" if head is None else f" of head {head!r}"


def _heads(labels: dict) -> str:
    return "of one kind" if None in labels else f"by name ({', '.join(labels)})"


def _names(class_names, labels):
    """Return class names as tuples of strings, by head where labels go by head."""
    if isinstance(labels, dict):
        if not isinstance(class_names, dict) or not class_names.keys() <= labels.keys():
            raise ValueError(
                f"class_names is {class_names!r}: with labels by name it is a dictionary with some "
                f"of the names {', '.join(labels)}."
            )
        return {head: _names(names, None) for head, names in class_names.items() if len(names)}
    if isinstance(class_names, (str, dict)) or not hasattr(class_names, "__iter__"):
        raise TypeError(f"class_names is {class_names!r}: a list of names is accepted.")
    return tuple(str(name) for name in class_names)


def _ids(labels, class_names):
    """Return labels as numbers, and the class names that are given or that follow from them."""
    categories = getattr(getattr(labels, "cat", labels), "categories", None)
    if not isinstance(labels, torch.Tensor):
        labels = np.asarray(labels)
        if labels.ndim == 0:
            raise ValueError(f"labels is {labels.item()!r}: one for each item is needed.")
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if labels.dtype.kind == "b":
            return labels.astype(np.int64), (
                "False",
                "True",
            ) if class_names is None else class_names
        if labels.dtype.kind in "OUST" and labels.ndim:
            return _words_to_ids(labels, categories if class_names is None else class_names)
    if class_names is None:
        class_names = ()
        numbers = (
            torch.as_tensor(np.ascontiguousarray(labels))
            if not isinstance(labels, torch.Tensor)
            else labels
        )
        if not numbers.is_floating_point() and numbers.numel():
            class_names = [str(i) for i in range(int(numbers.max()) + 1)]
    return labels, class_names


def _words_to_ids(words, class_names):
    missing = [word for word in words.ravel() if not isinstance(word, str)]
    if missing:
        raise ValueError(f"labels holds {missing[0]!r}: words, or numbers, are accepted.")
    words = words.astype(str)
    names = [str(n) for n in (np.unique(words) if class_names is None else class_names)]
    unknown = sorted(set(words.ravel()) - set(names))
    if unknown:
        raise ValueError(f"labels holds {str(unknown[0])!r}: class_names are {', '.join(names)}.")
    number = {name: i for i, name in enumerate(names)}
    ids = np.array([number[word] for word in words.ravel()], dtype=np.int64)
    return ids.reshape(words.shape), names


def _described(labels, names) -> str:
    if labels.is_floating_point():
        return f"targets from {float(labels.min()):g} to {float(labels.max()):g}"
    counts = torch.bincount(labels[labels != IGNORED], minlength=len(names)).tolist()
    shown = [f"{name} {count}" for name, count in zip(names, counts, strict=True)]
    if len(shown) > 12:
        shown = [*shown[:11], f"… {shown[-1]}"]
    return f"{len(names)} classes in train: {', '.join(shown)}"


def _check_alike(what: str, found: torch.Tensor, first: torch.Tensor):
    if found.shape[1:] != first.shape[1:]:
        raise ValueError(
            f"{what} have shape {shape(found)}: those of train have {shape(first)}, and only N may "
            "differ."
        )
    if found.dtype != first.dtype:
        raise ValueError(f"{what} are {found.dtype}: those of train are {first.dtype}.")


def _check_disjoint(splits: dict[str, Split]):
    seen = {}
    for word, split in splits.items():
        keys = split.keys()
        for index, key in enumerate(keys):
            if key in seen:
                other, other_index = seen[key]
                raise ValueError(
                    f"{word} shares an item with {other}: {split.item(index)} is the same input "
                    f"as {splits[other].item(other_index)}; each item is accepted in one split."
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
    kept = labels[labels != IGNORED]
    low, high = int(kept.min()), int(kept.max())
    if low < 0 or high >= len(class_names):
        raise ValueError(
            f"{what} go from {low} to {high}: class_names has {len(class_names)} names, and needs "
            "one for each label 0, 1, 2 …."
        )


def _originals(split: Split) -> np.ndarray:
    """Return for each item the number of the first item with the same input: its own, mostly.

    Raises ValueError for an image that has two labels. (Two equal rows of a table may have.)
    """
    seen, first = {}, np.empty(len(split), dtype=np.int64)
    images = split.inputs.ndim == 4 and is_one_class_each(split.labels)
    for index, key in enumerate(split.keys()):
        first[index] = original = seen.setdefault(key, index)
        if images and split.labels[index] != split.labels[original]:
            raise ValueError(
                f"inputs holds {split.item(original)} again as {split.item(index)}, with another "
                "label: one image has one label."
            )
    return first


def _sample(labels: torch.Tensor, per_class: int, random: np.random.RandomState) -> torch.Tensor:
    """Return the sorted indices of at most ``per_class`` items of each class, nested in its size."""
    order = random.permutation(len(labels))
    in_order = labels[torch.from_numpy(order)].numpy()
    classes = np.unique(in_order[in_order != IGNORED])
    chosen = [order[in_order == label][:per_class] for label in classes]
    return torch.from_numpy(np.sort(np.concatenate(chosen)))


def _check_fractions(fractions) -> tuple[float, ...]:
    accepted = "three positive shares (train, valid, test) with the sum 1 are accepted."
    try:
        fractions = tuple(float(share) for share in fractions)
    except (TypeError, ValueError):
        raise TypeError(f"fractions is {fractions!r}: {accepted}") from None
    if len(fractions) != 3 or not min(fractions) > 0 or not abs(sum(fractions) - 1) <= 1e-6:
        raise ValueError(f"fractions is {fractions}: {accepted}")
    return fractions


def split_indices(labels: torch.Tensor, class_names, fractions, seed: int) -> list[torch.Tensor]:
    """Return the sorted indices of train, valid and test (or of as many parts as there are shares).

    Each class (all items at once when ``class_names`` is empty) is divided in the shares
    ``fractions``, and every part gets at least one item of it. RandomState is used because NumPy
    promises that its numbers never change, so that a split is the same in every version.
    """
    random = np.random.RandomState(seed)
    groups = {"all items": np.arange(len(labels))}
    if class_names:
        array = labels.numpy()
        groups = {name: np.flatnonzero(array == i) for i, name in enumerate(class_names)}
        if (array == IGNORED).any():
            groups[str(IGNORED)] = np.flatnonzero(array == IGNORED)
    parts = [[] for _ in fractions]
    for name, group in groups.items():
        if len(group) < len(parts):
            raise ValueError(
                f"labels has {len(group)} items of {name!r}: at least {len(parts)} are needed, one "
                "for each split."
            )
        group = random.permutation(group)
        rest = [max(1, round(share * len(group))) for share in fractions[1:]]
        rest[0] = min(rest[0], len(group) - len(rest))
        train = max(1, len(group) - sum(rest))
        for part, chosen in zip(
            parts, np.split(group, np.cumsum([train, *rest[:-1]])), strict=True
        ):
            part.append(chosen)
    return [torch.from_numpy(np.sort(np.concatenate(part))) for part in parts]
