"""What README says about data of one's own, run as it stands on a folder as people have them."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tl_helpers as tl

README = Path(__file__).resolve().parent.parent / "README.md"


def ten_lines():
    """Return README's lines of code on a folder."""
    (code,) = (
        block
        for block in re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
        if "from_folder" in block
    )
    return code


@pytest.fixture
def my_photos(tmp_path):
    """Real photographs of two groups in three splits; some of 16 bits, broken or no image."""
    folder, photos = tmp_path / "my_photos", tl.data.photos().only(["animal", "object"])
    for split, word in ((photos.train, "train"), (photos.valid, "val"), (photos.test, "test")):
        for number, (pixels, label) in enumerate(zip(split.inputs, split.labels, strict=True)):
            place = folder / word / photos.class_names[label]
            place.mkdir(parents=True, exist_ok=True)
            image = pixels.permute(1, 2, 0).numpy()
            if number % 10 == 0:  # as a microscope or a raw converter writes it
                grey = (image.mean(2) * 257).astype(np.uint16)
                Image.fromarray(grey).save(place / f"{number}.png")
            else:
                Image.fromarray(image).save(place / f"{number}.jpg")
    first = folder / "train" / "animal"
    (first / "._1.jpg").write_bytes(b"a Mac leaves these")
    (first / "cut off.jpg").write_bytes(next(first.glob("*.jpg")).read_bytes()[:200])
    (first / "notes.txt").write_text("not a picture")
    return folder


def test_ten_lines_learn_from_a_folder_of_photographs(my_photos, monkeypatch):
    code = ten_lines()
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    monkeypatch.chdir(my_photos.parent)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    said = printed.getvalue()
    assert "1 hidden file, 1 file that is no image, 1 image that cannot be read" in said
    assert "2 classes in train: animal" in said and "('test/animal/" in said
    right, balanced = map(int, re.search(r"right: (\d+)%, of each class: (\d+)%", said).groups())
    assert right > 80 and balanced > 75  # the larger class alone: 63 and 50
