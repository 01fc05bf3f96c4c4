import numpy as np
import pytest
import torch

import tl_helpers as tl
from tl_helpers import files

LOADERS = {
    "noto": lambda: tl.data.emoji("noto"),
    "twemoji": lambda: tl.data.emoji("twemoji"),
    "fashion_mnist": tl.data.fashion_mnist,
    "digits": tl.data.digits,
    "glyphs": tl.data.glyphs,
}


@pytest.fixture(scope="module", params=LOADERS)
def loaded(request):
    return request.param, LOADERS[request.param]()


def test_every_split_holds_every_class_and_images_that_are_not_blank(loaded):
    name, task = loaded
    shape = (3, 64, 64) if "emoji" in task.name else (1, 28, 28)
    for split in (task.train, task.valid, task.test):
        assert split.inputs.dtype == torch.uint8 and split.inputs.shape[1:] == shape
        assert torch.bincount(split.labels, minlength=task.num_classes).min() >= 5
        flat = split.inputs.flatten(1)
        assert (flat.amax(1) > flat.amin(1)).all()


def test_no_input_stands_in_two_splits(loaded):
    _, task = loaded
    rows = [
        {row.tobytes() for row in split.inputs.numpy()}
        for split in (task.train, task.valid, task.test)
    ]
    assert not (rows[0] & rows[1] or rows[0] & rows[2] or rows[1] & rows[2])


def test_twenty_labels_a_class_are_there(loaded):
    _, task = loaded
    few = task.few(20, seed=0)
    assert torch.bincount(few.train.labels).tolist() == [20] * task.num_classes
    assert len(few.valid) <= len(few.train)


def test_both_drawings_have_the_same_emoji_in_the_same_splits():
    noto, twemoji = tl.data.emoji("noto"), tl.data.emoji("twemoji")
    assert noto.class_names == twemoji.class_names and noto.domain != twemoji.domain
    everything = []
    for word in ("train", "valid", "test"):
        one, other = getattr(noto, word), getattr(twemoji, word)
        assert one.names == other.names
        assert torch.equal(one.labels, other.labels)
        assert not torch.equal(one.inputs, other.inputs)
        everything += one.names
    assert len(set(everything)) == len(everything)


def test_emoji_classes_are_large_enough_and_none_dwarfs_another():
    task = tl.data.emoji("noto")
    train, test = (torch.bincount(split.labels) for split in (task.train, task.test))
    assert train.min() >= 20 and test.min() >= 10
    assert train.max() <= 4 * train.min()


def test_emoji_stand_on_white():
    for drawing in ("noto", "twemoji"):
        corners = tl.data.emoji(drawing).train.inputs[:, :, ::63, ::63]
        assert (corners == 255).float().mean() > 0.6


def test_digits_and_glyphs_are_white_on_black_and_of_like_size():
    for task in (tl.data.digits(), tl.data.glyphs("0123456789")):
        inputs = task.train.inputs.float()
        assert inputs[:, :, [0, -1]].mean() < 5 and inputs[:, :, 10:18, 10:18].mean() > 60
        ink = (inputs > 64).any(3).float().sum((1, 2)).mean()
        assert 15 < ink < 23


def test_glyphs_of_some_characters():
    task = tl.data.glyphs("1A0")
    assert task.class_names == ("1", "A", "0") and task.domain == "print"
    with pytest.raises(ValueError, match="'é'"):
        tl.data.glyphs("aé"[1:])


def test_an_unknown_drawing_is_refused():
    with pytest.raises(ValueError, match="drawing is 'apple': 'noto' or 'twemoji'"):
        tl.data.emoji("apple")


def test_a_damaged_or_missing_file_says_which_and_how_to_build_it(tmp_path, monkeypatch):
    for name in ("checksums.json", "digits.npz"):
        (tmp_path / name).write_bytes((files.DATA / name).read_bytes())
    monkeypatch.setattr(files, "DATA", tmp_path)
    assert len(tl.data.digits().test) == 450
    whole = bytearray((tmp_path / "digits.npz").read_bytes())
    whole[1000] ^= 1
    (tmp_path / "digits.npz").write_bytes(whole)
    with pytest.raises(files.FileProblem, match=r"digits.npz is damaged.*data/build/digits.py"):
        tl.data.digits()
    (tmp_path / "digits.npz").unlink()
    with pytest.raises(files.FileProblem, match=r"digits.npz is missing.*data/build/digits.py"):
        tl.data.digits()


def test_a_package_that_is_not_installed_is_named(tmp_path, monkeypatch):
    listed = (files.DATA / "checksums.json").read_text()
    (tmp_path / "checksums.json").write_text(
        listed.replace('"module": "vaderSentiment"', '"module": "no_such_package"')
    )
    monkeypatch.setattr(files, "DATA", tmp_path)
    with pytest.raises(files.FileProblem, match="vaderSentiment is missing.*pip install"):
        tl.data.words()


def test_a_missing_list_of_checksums_says_how_to_get_it_back(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "DATA", tmp_path)
    with pytest.raises(files.FileProblem, match="checksums.json is missing.*git checkout"):
        tl.data.digits()


def test_an_unknown_file_is_refused():
    with pytest.raises(ValueError, match="name is 'apple.npz': accepted are .*digits.npz"):
        files.known("apple.npz")


def test_building_again_gives_the_same_bytes(tmp_path, monkeypatch):
    """Same arrays, same file: otherwise the SHA-256 of a file built again would not be its own."""
    monkeypatch.syspath_prepend(files.DATA / "build")
    import shipping

    monkeypatch.setattr(shipping, "DATA", tmp_path)
    monkeypatch.setattr(shipping, "CHECKSUMS", tmp_path / "checksums.json")
    with np.load(files.DATA / "digits.npz") as arrays:
        arrays = dict(arrays)
    shipping.write("one.npz", arrays, "MIT", "python build.py")
    shipping.write("two.npz", arrays, "MIT", "python build.py")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz") as again:
        for key, array in arrays.items():
            assert np.array_equal(again[key], array)
