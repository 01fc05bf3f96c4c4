"""Folders of images, as people have them."""

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from tl_helpers.data import Task


def save(path, seed=0, mode="RGB", **more):
    """Write an image of its own, in any mode; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.RandomState(seed).randint(0, 256, (12, 10, 3)).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, **more)
    return path


@pytest.fixture
def folder(tmp_path):
    """Six images of each of two classes, red or blue at the edge."""
    place = tmp_path / "Füße und Hände"
    for name, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        for i in range(6):
            (place / name).mkdir(parents=True, exist_ok=True)
            image = Image.new("RGB", (20 + i, 10 + i), colour)
            image.putpixel((image.width // 2, image.height // 2), (0, 40 * i, 0))
            image.save(place / name / f"{i}.png")
    return place


@pytest.fixture
def splits(tmp_path):
    """train, val and test of class folders; test lacks a class."""
    seed = 0
    for split, names in (("train", "abc"), ("val", "abc"), ("test", "ac")):
        for name in names:
            for number in range(4):
                seed += 1
                save(tmp_path / split / name / f"{number}.png", seed)
    return tmp_path


def everything(task):
    """Return name -> (pixels, label) over all splits."""
    return {
        name: (pixels, int(label))
        for split in (task.train, task.valid, task.test)
        for pixels, label, name in zip(split.inputs, split.labels, split.names, strict=True)
    }


def test_a_folder_of_folders_becomes_a_task(folder, capsys):
    made = Task.from_folder(str(folder), image_size=8)
    assert made.class_names == ("blue", "red") and made.train.inputs.shape[1:] == (3, 8, 8)
    assert [len(split) for split in (made.train, made.valid, made.test)] == [6, 2, 4]
    for name, (pixels, label) in everything(made).items():
        assert name.startswith(made.class_names[label])
        assert pixels[:, 0, 0].tolist() == [[0, 0, 200], [200, 0, 0]][label]
    assert made.domain == made.name == folder.name
    assert capsys.readouterr().out == ""  # nothing was left out


def test_transparent_parts_of_an_image_become_white(folder):
    Image.new("RGBA", (30, 30), (0, 0, 0, 0)).save(folder / "red" / "clear.png")
    pixels, _ = everything(Task.from_folder(folder, image_size=8))["red/clear.png"]
    assert (pixels == 255).all()


def test_folders_that_are_splits_are_the_splits(splits):
    made = Task.from_folder(splits, image_size=8)
    assert made.class_names == ("a", "b", "c")
    assert [len(split) for split in (made.train, made.valid, made.test)] == [12, 12, 8]
    assert all(name.startswith("test/") for name in made.test.names)
    assert set(made.test.labels.tolist()) == {0, 2}  # by name, though a class is missing
    assert made.train.names[0].startswith("train/")


@pytest.mark.parametrize("name", ["valid", "validation", "Val"])
def test_validation_has_several_names(splits, name):
    (splits / "val").rename(splits / name)
    assert len(Task.from_folder(splits, image_size=8).valid) == 12


def test_validation_is_taken_out_of_train_where_it_is_missing(splits, capsys):
    (splits / "val").rename(splits.parent / f"{splits.name} elsewhere")
    made = Task.from_folder(splits, image_size=8)
    assert [len(split) for split in (made.train, made.valid, made.test)] == [9, 3, 8]
    assert "validation is taken out of train" in capsys.readouterr().out


def test_splits_that_lack_something_are_refused(splits):
    (splits / "test").rename(splits / "tests")
    with pytest.raises(ValueError, match="holds train and valid, but no test"):
        Task.from_folder(splits)
    (splits / "tests").rename(splits / "test")
    save(splits / "val" / "d" / "1.png", 77)
    with pytest.raises(ValueError, match="class folder 'd' has no images in train"):
        Task.from_folder(splits)


def test_a_copy_in_two_given_splits_is_refused(splits):
    (splits / "test" / "a" / "copy.png").write_bytes(
        (splits / "train" / "a" / "1.png").read_bytes()
    )
    with pytest.raises(ValueError, match="test shares an item with train: 'test/a/copy.png'"):
        Task.from_folder(splits, image_size=8)


def test_classes_may_be_called_train_and_test(tmp_path):
    for number, name in enumerate(("train", "test", "bus")):
        for i in range(4):
            save(tmp_path / name / f"{i}.png", 10 * number + i)
    assert Task.from_folder(tmp_path, image_size=8).class_names == ("bus", "test", "train")


def test_what_is_left_out_is_said_in_one_line(folder, capsys):
    for hidden in ("._1.png", ".hidden.png", ".git/a.png", "__MACOSX/b.png"):
        save(folder / "red" / hidden, 5)
    save(folder / "__MACOSX" / "red" / "c.png", 6)
    save(folder / "at the top.png", 7)
    (folder / "red" / "notes.txt").write_text("not a picture")
    (folder / "red" / "drawing.svg").write_text("<svg></svg>")
    (folder / "red" / "cut.png").write_bytes((folder / "red" / "1.png").read_bytes()[:40])
    made = Task.from_folder(folder, image_size=8, unreadable="skip")
    assert len(everything(made)) == 12
    assert capsys.readouterr().out == (
        "Füße und Hände: 12 images; left out: 5 hidden files, 1 file outside the class folders, "
        "2 files that are no images, 1 image that cannot be read.\n"
    )


@pytest.mark.parametrize(
    "name", ["photo.jfif", "photo.ppm", "photo.JPG", "photo.avif", "photo.tga"]
)
def test_what_pillow_reads_is_an_image(folder, name):
    save(folder / "red" / name, 3)
    assert f"red/{name}" in everything(Task.from_folder(folder, image_size=8))


def test_an_image_needs_no_ending(folder):
    save(folder / "red" / "photo", 3, format="PNG")
    assert "red/photo" in everything(Task.from_folder(folder, image_size=8))


def test_the_error_counts_and_names_what_cannot_be_read(folder):
    whole = (folder / "red" / "1.png").read_bytes()
    for number, content in enumerate((b"", whole[:40], b"this is no picture", whole[:60])):
        (folder / "blue" / f"broken {number}.png").write_bytes(content)
    with pytest.raises(
        ValueError,
        match=r"holds 4 images that cannot be read: 'blue/broken 0.png' \(.*and 1 more; "
        "unreadable='skip' leaves them out",
    ):
        Task.from_folder(folder)
    assert len(everything(Task.from_folder(folder, image_size=8, unreadable="skip"))) == 12


def test_a_class_of_which_nothing_can_be_read_is_refused(folder):
    (folder / "green").mkdir()
    (folder / "green" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="'green' has no images"):
        Task.from_folder(folder, unreadable="skip")


@pytest.mark.parametrize("kind", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled_and_not_cut(folder, kind):
    ramp = np.repeat(np.linspace(0, 65535, 4096).astype(np.uint16)[None], 4096, 0)
    Image.fromarray(ramp).save(folder / "red" / f"ramp.{kind}")
    pixels, _ = everything(Task.from_folder(folder, image_size=512))[f"red/ramp.{kind}"]
    row = pixels[0, 0].long()
    assert (row.diff() >= 0).all() and row[0] <= 1 and row[-1] >= 254 and len(row.unique()) > 250


def test_floats_in_0_to_1_are_scaled(folder):
    ramp = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[None], 256, 0)
    Image.fromarray(ramp).save(folder / "red" / "ramp.tif")
    pixels, _ = everything(Task.from_folder(folder, image_size=256))["red/ramp.tif"]
    assert pixels[0, 0].tolist() == list(range(256))


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.arange(64, dtype=np.int32).reshape(8, 8), "whole numbers of 32 bits"),
        (np.arange(64, dtype=np.float32).reshape(8, 8), "floats of 32 bits outside 0 … 1"),
    ],
)
def test_numbers_without_a_range_are_refused(folder, pixels, said):
    Image.fromarray(pixels).save(folder / "red" / "odd.tif")
    with pytest.raises(ValueError, match=f"'red/odd.tif' \\({said}"):
        Task.from_folder(folder)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "LA", "YCbCr"])
def test_every_common_mode_becomes_rgb(folder, mode):
    kind = {"CMYK": "jpg", "YCbCr": "jpg"}.get(mode, "png")
    save(folder / "red" / f"one.{kind}", 3, mode)
    pixels, _ = everything(Task.from_folder(folder, image_size=8))[f"red/one.{kind}"]
    assert pixels.dtype == torch.uint8 and pixels.float().std() > 10


def test_a_photograph_is_turned_upright(folder):
    image = Image.new("RGB", (40, 40), "white")
    image.paste("black", (0, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by half
    image.save(folder / "red" / "turned.jpg", exif=exif)
    pixels, _ = everything(Task.from_folder(folder, image_size=8))["red/turned.jpg"]
    assert pixels[:, 0].float().mean() > 200 > 50 > pixels[:, -1].float().mean()


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_too_many_pixels_are_one_sentence(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match=r"'blue/\d.png' \(too many pixels"):
        Task.from_folder(folder)


def test_a_single_class_is_refused(folder):
    for file in (folder / "red").iterdir():
        file.unlink()
    (folder / "red").rmdir()
    with pytest.raises(ValueError, match="single class 'blue'"):
        Task.from_folder(folder)


def test_copies_of_an_image_stay_in_one_split(folder, capsys):
    for name in ("copy 1.png", "copy 2.png"):
        (folder / "red" / name).write_bytes((folder / "red" / "3.png").read_bytes())
    made = Task.from_folder(folder, image_size=8)
    assert len(everything(made)) == 14
    assert "2 inputs are copies of others and stay in one split" in capsys.readouterr().out
    family = {"red/3.png", "red/copy 1.png", "red/copy 2.png"}
    held = [family & set(split.names) for split in (made.train, made.valid, made.test)]
    assert sorted(map(len, held)) == [0, 0, 3]


def test_one_image_under_two_labels_is_refused(folder):
    (folder / "blue" / "copy.png").write_bytes((folder / "red" / "3.png").read_bytes())
    with pytest.raises(ValueError, match="'blue/copy.png' again as 'red/3.png', with another"):
        Task.from_folder(folder, image_size=8)


def test_what_does_not_fit_into_memory_is_refused_with_the_sum(folder, monkeypatch):
    free = psutil.virtual_memory()._replace(available=10_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(ValueError, match=r"12 images.*2 × 12 × 3 × 64 × 64 bytes = 0.0 GB"):
        Task.from_folder(folder)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"image_size": 0}, "image_size is 0"),
        ({"image_size": "64"}, "image_size is '64'"),
        ({"unreadable": "no"}, "unreadable is 'no'"),
        ({"fractions": "abc"}, "fractions is 'abc'"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"path": None}, "path is None"),
        ({"path": "nowhere"}, "a folder of class folders"),
    ],
)
def test_wishes_are_checked(folder, more, said):
    with pytest.raises((ValueError, TypeError), match=said):
        Task.from_folder(**{"path": folder, **more})


def test_a_folder_without_classes_is_refused(folder):
    with pytest.raises(ValueError, match="holds no folders"):
        Task.from_folder(folder / "red")
    (folder / "green").mkdir()
    with pytest.raises(ValueError, match="'green' has no images"):
        Task.from_folder(folder)
