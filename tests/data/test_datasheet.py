"""The datasheet says what the files are; here it is compared with the files."""

import json
import re

import pytest
import torch

import tl_helpers as tl
from tl_helpers import files

DATASHEET = (files.DATA / "README.md").read_text(encoding="utf-8")
CHECKSUMS = json.loads((files.DATA / "checksums.json").read_text(encoding="utf-8"))


def rows(first_cell):
    """Return the cells of every table row of the datasheet that starts with ``first_cell``."""
    lines = [line for line in DATASHEET.splitlines() if line.startswith(f"| {first_cell} |")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("name", CHECKSUMS)
def test_file_datasheet_and_checksums_agree(name):
    [cells] = rows(f"`{name}`")
    assert cells[-1] == f"`{files.sha256(files.known(name))}`"
    assert CHECKSUMS[name].get("version", "") in cells[1]


def test_every_shipped_array_is_listed_and_small():
    arrays = sorted(files.DATA.glob("*.npz"))
    assert {path.name for path in arrays} == {n for n in CHECKSUMS if n.endswith(".npz")}
    assert sum(path.stat().st_size for path in arrays) < 30e6


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("emoji_noto.npz", lambda: tl.data.emoji("noto")),
        ("emoji_twemoji.npz", lambda: tl.data.emoji("twemoji")),
        ("fashion_mnist.npz", tl.data.fashion_mnist),
        ("digits.npz", tl.data.digits),
        ("glyphs.npz", tl.data.glyphs),
        ("photos.npz", tl.data.photos),
        ("glosses.npz", tl.data.glosses),
        ("speeches.npz", lambda: tl.data.speeches("year")),
    ],
)
def test_sizes_of_the_splits(name, load):
    task = load()
    [cells] = rows(f"`{name}`")
    assert cells[2:5] == [str(len(split)) for split in (task.train, task.valid, task.test)]


LOADERS = [
    tl.data.emoji,
    tl.data.digits,
    tl.data.words,
    tl.data.glosses,
    tl.data.speeches,
    lambda: tl.data.speeches("era"),
    lambda: tl.data.photos("kinds"),
]


@pytest.mark.parametrize("load", LOADERS)
def test_sizes_of_the_classes(load):
    task = load()
    counts = [
        torch.bincount(split.labels).tolist() for split in (task.train, task.valid, task.test)
    ]
    for name, *numbers in zip(task.class_names, *counts, strict=True):
        assert [name, *map(str, numbers)] in rows(name)


def test_every_licence_file_that_is_named_is_there():
    named = set(re.findall(r"`(licences/[^`]+)`", DATASHEET))
    assert named and all((files.DATA / path).is_file() for path in named)
