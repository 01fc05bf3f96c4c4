"""A folder of images, as people have them: what is in it, and its images as one array a split."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch

from tl_helpers.progress import bar
from tl_helpers.say import say

SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
}
SHOWN = 3  # files that an error names


@dataclass
class Found:
    """What a folder held: split -> (images, labels, names), "all" where it has no splits."""

    splits: dict
    class_names: list[str]


class Unreadable(Exception):
    """A file that is an image by its name or its first bytes, and cannot be read."""


def read(path, size: int, unreadable: str) -> tuple[Path, Found]:
    """Read a folder; see ``Task.from_folder``. Prints one line when something was left out."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path is {path!r}: a folder's path is accepted.")
    path = Path(path)
    if not path.is_dir():
        raise ValueError(f"path is {str(path)!r}: a folder of class folders is accepted.")
    hidden, outside = [], []
    listed = _splits(path, hidden, outside)
    class_names = sorted({name for classes in listed.values() for name in classes})
    if not class_names:
        raise ValueError(f"path {str(path)!r} holds no folders: one for each class is needed.")
    if len(class_names) == 1:
        raise ValueError(
            f"path {str(path)!r} holds the single class {class_names[0]!r}: two or more are "
            "needed, or every answer is right."
        )
    no_images = []
    files = {}
    for split, classes in listed.items():
        files[split] = [
            (file, class_names.index(name))
            for name, inside in classes.items()
            for file in _images(inside, hidden, no_images)
        ]
        _check_classes(path, split, class_names, files[split])
    _check_memory(path, sum(map(len, files.values())), size)
    broken, splits = [], {}
    with bar(sum(map(len, files.values())), True, "image") as progress:
        for split, pairs in files.items():
            splits[split] = _read_all(path, pairs, size, broken, progress)
    if broken and unreadable == "raise":
        raise ValueError(
            f"path {str(path)!r} holds {_counted(len(broken), 'image')} that cannot be read: "
            f"{_shown(broken)}; unreadable='skip' leaves them out."
        )
    for split, (_, labels, _) in splits.items():
        _check_classes(path, split, class_names, [(None, label) for label in labels.tolist()])
    _say(path, splits, hidden, outside, no_images, broken)
    return path, Found(splits, class_names)


def _splits(path, hidden, outside) -> dict[str, dict[str, list[Path]]]:
    """Return split -> class -> files and folders of the class."""
    folders = _folders(path, hidden, outside)
    words = {name: SPLITS.get(name.lower()) for name in folders}
    named = {word: folders[name] for name, word in words.items() if word}
    inner = {word: _folders(folder, [], []) for word, folder in named.items()}
    # A class may be called "train" (the railway): splits hold class folders, classes hold images.
    if "train" not in named or len(named) < 2 or not all(inner.values()):
        return {"all": {name: [folder] for name, folder in folders.items()}}
    if len(named) < sum(word is not None for word in words.values()):
        raise ValueError(f"path {str(path)!r} holds two folders for one split: {', '.join(words)}.")
    if "test" not in named:
        raise ValueError(
            f"path {str(path)!r} holds {' and '.join(named)}, but no test: add a folder test, or "
            "put all images of a class into one folder, to be split at random."
        )
    outside += [folders[name] for name, word in words.items() if word is None]
    ordered = {word: named[word] for word in ("train", "valid", "test") if word in named}
    return {
        word: {name: [inside] for name, inside in _folders(folder, hidden, outside).items()}
        for word, folder in ordered.items()
    }


def _folders(path, hidden, outside) -> dict[str, Path]:
    """Return the folders in a folder by name; note what is hidden and what are files."""
    folders = {}
    for each in sorted(path.iterdir()):
        if _is_hidden(each.name):
            hidden.append(each)
        elif each.is_dir():
            folders[each.name] = each
        else:
            outside.append(each)
    return folders


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _images(folders, hidden, no_images) -> list[Path]:
    """Return the files of a class that Pillow takes for images, by their ending or their content."""
    from PIL import Image, UnidentifiedImageError

    Image.init()
    known = {end for end, kind in Image.registered_extensions().items() if kind in Image.OPEN}
    found = []
    for top in folders:
        for folder, inner, names in os.walk(top):
            hidden += [Path(folder, name) for name in inner + names if _is_hidden(name)]
            inner[:] = sorted(name for name in inner if not _is_hidden(name))
            for name in sorted(name for name in names if not _is_hidden(name)):
                file = Path(folder, name)
                if file.suffix.lower() not in known:
                    try:
                        Image.open(file).close()
                    except UnidentifiedImageError:
                        no_images.append(file)
                        continue
                    except (OSError, Image.DecompressionBombError):
                        pass  # an image all the same; reading it says what is wrong
                found.append(file)
    return found


def _check_classes(path, split, class_names, pairs):
    """Every class has an image, in training; in the other splits there is one at all."""
    there = {label for _, label in pairs}
    missing = [name for i, name in enumerate(class_names) if i not in there]
    where = "" if split == "all" else f" in {split}"
    if missing and split in ("all", "train"):
        raise ValueError(f"path {str(path)!r}: class folder {missing[0]!r} has no images{where}.")
    if not there:
        raise ValueError(f"path {str(path)!r} has no images{where}.")


def _check_memory(path, count, size):
    """Refuse what would not fit: the images, and once more while they are put into splits."""
    needed, free = 2 * count * 3 * size * size, psutil.virtual_memory().available
    if needed > free:
        raise ValueError(
            f"path {str(path)!r} holds {count:,} images, which at image_size={size} need "
            f"2 × {count:,} × 3 × {size} × {size} bytes = {needed / 1e9:.1f} GB: free are "
            f"{free / 1e9:.1f} GB; take a smaller image_size or fewer images."
        )


def _read_all(path, pairs, size, broken, progress):
    images = np.empty((len(pairs), 3, size, size), np.uint8)
    labels, names = [], []
    for file, label in pairs:
        name = file.relative_to(path).as_posix()
        try:
            images[len(labels)] = read_image(file, size)
        except Unreadable as error:
            broken.append(f"{name!r} ({error})")
        else:
            labels.append(label)
            names.append(name)
        progress.update()
    return torch.from_numpy(images[: len(labels)]), torch.tensor(labels, dtype=torch.int64), names


def read_image(file: Path, size: int) -> np.ndarray:
    """Return an image file as uint8 3×size×size; raises Unreadable."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(file) as opened:
            opened.draft("RGB", (4 * size, 4 * size))  # a large JPEG is decoded at a fraction
            image = _eight_bits(ImageOps.exif_transpose(opened), opened.format)
    except Image.DecompressionBombError as error:
        raise Unreadable(f"too many pixels: {error}") from None
    except UnidentifiedImageError:
        raise Unreadable("no image that Pillow knows") from None
    except Unreadable:
        raise
    except Exception as error:  # Pillow's readers raise whatever a damaged file leads them to
        raise Unreadable(str(error) or type(error).__name__) from None
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    image = ImageOps.fit(Image.alpha_composite(white, image).convert("RGB"), (size, size))
    return np.asarray(image).transpose(2, 0, 1)


def _eight_bits(image, file_format):
    """Return an image of 8 bits a channel: Pillow cuts off what is above, we scale it down.

    Raises Unreadable for numbers that have no known range.
    """
    from PIL import Image

    image.load()
    # Pillow keeps the 16 bits of a PGM file in 32.
    if image.mode.startswith("I;16") or (image.mode == "I" and file_format == "PPM"):
        values = np.asarray(image).astype(np.float64) / 65535
        return Image.fromarray((values * 255).round().astype(np.uint8))
    if image.mode == "I":
        raise Unreadable("whole numbers of 32 bits have no range to be scaled from")
    if image.mode == "F":
        values = np.asarray(image)
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise Unreadable("floats of 32 bits outside 0 … 1 have no range to be scaled from")
        return Image.fromarray((values * 255).round().astype(np.uint8))
    return image


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def _shown(names) -> str:
    more = [f"and {len(names) - SHOWN:,} more"] if len(names) > SHOWN else []
    return ", ".join([*names[:SHOWN], *more])


LEFT_OUT = (
    ("hidden file", "hidden files"),
    ("file outside the class folders", "files outside the class folders"),
    ("file that is no image", "files that are no images"),
    ("image that cannot be read", "images that cannot be read"),
)


def _say(path, splits, *left_out):
    """Print what was left out, in one line."""
    parts = [
        f"{len(files):,} {words[len(files) > 1]}"
        for words, files in zip(LEFT_OUT, left_out, strict=True)
        if files
    ]
    said = [f"left out: {', '.join(parts)}"] if parts else []
    if "all" not in splits and "valid" not in splits:
        said.append("validation is taken out of train")
    if said:
        total = sum(len(labels) for _, labels, _ in splits.values())
        say(f"{path.name}: {_counted(total, 'image')}; {'; '.join(said)}.")
