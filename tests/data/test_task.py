import numpy as np
import pytest
import torch
from PIL import Image

from tl_helpers.data import Split, Task


def images(count, size=4, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (count, 3, size, size)).astype(np.uint8)


def task(count=60, classes=3, **more):
    return Task.from_arrays(images(count), np.arange(count) % classes, **more)


def rows(split):
    return {row.numpy().tobytes() for row in split.inputs}


def test_arrays_are_split_in_shares_of_each_class_without_sharing_an_item():
    made = task(fractions=(0.5, 0.2, 0.3), class_names=["a", "b", "c"], domain="noise")
    assert [len(split) for split in (made.train, made.valid, made.test)] == [30, 12, 18]
    for split, each in ((made.train, 10), (made.valid, 4), (made.test, 6)):
        assert torch.bincount(split.labels).tolist() == [each] * 3
    assert len(rows(made.train) | rows(made.valid) | rows(made.test)) == 60
    assert (made.class_names, made.domain, made.num_classes) == (("a", "b", "c"), "noise", 3)


def test_the_split_follows_the_seed_and_not_the_repeat(monkeypatch):
    first = task(seed=1)
    monkeypatch.setenv("TL_SEED", "7")
    assert rows(task(seed=1).test) == rows(first.test)
    assert rows(task(seed=2).test) != rows(first.test)


def test_every_split_gets_an_item_of_the_smallest_class_that_can_be_split():
    for fractions in ((0.6, 0.15, 0.25), (0.02, 0.96, 0.02), (0.98, 0.01, 0.01)):
        for count in (3, 4, 5):
            made = task(count=2 * count, classes=2, fractions=fractions)
            for split in (made.train, made.valid, made.test):
                assert torch.bincount(split.labels, minlength=2).min() >= 1


def test_inputs_stay_with_their_labels_and_names():
    inputs = images(30)
    labels = np.arange(30) % 3
    made = Task.from_arrays(inputs, labels, names=[f"item {i}" for i in range(30)])
    for split in (made.train, made.valid, made.test):
        for row, label, name in zip(split.inputs, split.labels, split.names, strict=True):
            i = int(name.split()[1])
            assert np.array_equal(row.numpy(), inputs[i]) and label == labels[i]


def test_integers_become_int64_and_floats_float32():
    ids = np.arange(24, dtype=np.int32).reshape(8, 3)
    made = Task.from_arrays(ids, np.linspace(0, 1, 8))
    assert made.train.inputs.dtype == torch.int64 and made.train.labels.dtype == torch.float32
    assert made.class_names == () and made.num_classes == 1
    assert "targets from" in repr(made)


def test_a_lesson_reads_sizes_classes_and_domain():
    text = repr(task(class_names=["cat", "dog", "owl"], domain="ink", name="pets"))
    for part in ("pets", "ink", "train 36", "valid 9", "test 15", "uint8 3×4×4", "cat 12"):
        assert part in text


@pytest.mark.parametrize(
    ("inputs", "labels", "said"),
    [
        (images(4)[:, 0], [0, 1, 0, 1], r"inputs has shape \(4, 4, 4\).*N×C×H×W"),
        (images(4, size=8).transpose(0, 2, 3, 1), [0, 1, 0, 1], "N×C×H×W"),
        (np.zeros((4,)), [0, 1, 0, 1], "inputs has shape"),
        (np.zeros((4, 2, 2), np.int64), [0, 1, 0, 1], "token ids are N×L"),
        (images(4), [0, 1, 0], "labels has length 3: inputs has 4"),
        (images(4), [[0], [1], [0], [1]], "labels has shape"),
        (images(4), ["a", "b", "a", "b"], "labels has dtype"),
        (images(4), [True, False, True, False], "labels has dtype bool"),
        (images(0), [], "inputs is empty"),
        (np.full((4, 2), np.nan), [0, 1, 0, 1], "inputs holds NaN"),
        (images(4), [0.0, 1.0, np.inf, 0.0], "labels holds NaN"),
    ],
)
def test_a_split_refuses_what_it_cannot_hold(inputs, labels, said):
    with pytest.raises(ValueError, match=said):
        Split(inputs, labels)


def test_names_must_fit_the_items():
    with pytest.raises(ValueError, match="names has length 1"):
        Split(images(2), [0, 1], ["only one"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"class_names": ["a", "b"]}, "class_names has 2 names"),
        ({"class_names": ["a", "b", "c", "d"]}, "labels has 0 items of 'd'"),
        ({"class_names": ["a", "b", "b"]}, "'b' twice"),
        ({"fractions": (0.5, 0.5)}, "fractions is"),
        ({"fractions": (0.9, 0.2, -0.1)}, "fractions is"),
        ({"fractions": (0.6, 0.6, 0.6)}, "fractions is"),
    ],
)
def test_from_arrays_refuses_classes_and_shares_that_do_not_fit(more, said):
    with pytest.raises(ValueError, match=said):
        task(**more)


def test_from_arrays_refuses_a_copy_and_says_which():
    inputs = images(12)
    inputs[7] = inputs[2]
    with pytest.raises(ValueError, match="item 2 again as item 7"):
        Task.from_arrays(inputs, np.arange(12) % 2)


def test_a_task_refuses_an_item_that_stands_in_two_splits():
    train, test = Split(images(6), [0, 1] * 3), Split(images(4, seed=1), [0, 1] * 2)
    valid = Split(train.inputs[4:], [0, 1])
    with pytest.raises(ValueError, match="valid shares an item with train: item 0 .* item 4"):
        Task(train, valid, test, ["a", "b"])


def test_a_task_refuses_splits_that_do_not_go_together():
    good = [Split(images(4, seed=seed), [0, 1, 0, 1]) for seed in range(3)]
    with pytest.raises(ValueError, match="test has inputs of shape"):
        Task(*good[:2], Split(images(4, size=5), [0, 1, 0, 1]), ["a", "b"])
    with pytest.raises(ValueError, match="valid has torch.float32 labels"):
        Task(good[0], Split(good[1].inputs, [0.0, 1.0, 0.0, 1.0]), good[2], ["a", "b"])
    with pytest.raises(ValueError, match="labels of test go from -1 to 1"):
        Task(*good[:2], Split(good[2].inputs, [0, 1, -1, 1]), ["a", "b"])
    with pytest.raises(TypeError, match="test is a tuple"):
        Task(*good[:2], (good[2].inputs, good[2].labels), ["a", "b"])
    floats = [Split(split.inputs, [0.0, 1.0, 0.0, 1.0]) for split in good]
    with pytest.raises(ValueError, match="a regression has no classes"):
        Task(*floats, ["a", "b"])


def test_few_cuts_train_and_valid_and_leaves_the_test_whole():
    whole = task(count=120, classes=3)
    few = whole.few(labels_per_class=5, seed=0)
    assert torch.bincount(few.train.labels).tolist() == [5, 5, 5]
    assert torch.bincount(few.valid.labels).tolist() == [5, 5, 5]
    assert few.test is whole.test
    assert rows(few.train) <= rows(whole.train) and rows(few.valid) <= rows(whole.valid)
    # A validation split that is smaller than that already is left as it is.
    assert len(whole.few(20).valid) == len(whole.valid) == 18


def test_few_draws_nested_samples_that_follow_the_seed(monkeypatch):
    whole = task(count=120, classes=3)
    five, ten = whole.few(5, seed=3), whole.few(10, seed=3)
    assert rows(five.train) < rows(ten.train) and rows(five.valid) <= rows(ten.valid)
    assert rows(whole.few(5, seed=4).train) != rows(five.train)
    monkeypatch.setenv("TL_SEED", "1")
    assert rows(whole.few(5, seed=3).train) != rows(five.train)


@pytest.mark.parametrize("labels_per_class", [0, -1, 2.0, "5"])
def test_few_refuses_what_is_not_a_count(labels_per_class):
    with pytest.raises(ValueError, match="labels_per_class is"):
        task().few(labels_per_class)


def test_few_names_the_class_that_is_too_small():
    labels = np.array([0] * 20 + [1] * 10)
    made = Task.from_arrays(images(30), labels, class_names=["common", "rare"])
    with pytest.raises(ValueError, match="'rare' has only 6 training items"):
        made.few(7)


def test_only_keeps_classes_in_the_order_asked_for():
    whole = task(class_names=["a", "b", "c"])
    some = whole.only(["c", "a"])
    assert some.class_names == ("c", "a") and some.num_classes == 2
    for before, after in ((whole.train, some.train), (whole.test, some.test)):
        for new, old in ((0, 2), (1, 0)):
            assert torch.equal(
                after.inputs[after.labels == new], before.inputs[before.labels == old]
            )
        assert len(after) == int((before.labels != 1).sum())
    assert rows(whole.only([2, 0]).train) == rows(some.train)
    assert whole.only("b").class_names == ("b",)


@pytest.mark.parametrize("classes", [["a", "x"], [3], [-1], [0, 0], ["a", 0], []])
def test_only_refuses_classes_it_does_not_have(classes):
    with pytest.raises(ValueError, match="classes "):
        task(class_names=["a", "b", "c"]).only(classes)


def test_a_regression_has_no_few_and_no_only():
    made = Task.from_arrays(images(12), np.linspace(0, 1, 12))
    for call in (lambda: made.few(1), lambda: made.only([0])):
        with pytest.raises(ValueError, match="needs classes"):
            call()


@pytest.fixture
def folder(tmp_path):
    for name, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        (tmp_path / name).mkdir()
        for i in range(6):
            Image.new("RGB", (20 + i, 10 + i), colour).save(tmp_path / name / f"{i}.png")
            (tmp_path / name / "notes.txt").write_text("not a picture")
    # The same colour in the same size is the same input: make each item its own.
    for file in sorted(tmp_path.rglob("*.png")):
        with Image.open(file) as image:
            image.load()
        image.putpixel((image.width // 2, image.height // 2), (0, 40 * int(file.stem), 0))
        image.save(file)
    return tmp_path


def test_a_folder_of_folders_becomes_a_task(folder):
    made = Task.from_folder(folder, image_size=8)
    assert made.class_names == ("blue", "red") and made.train.inputs.shape[1:] == (3, 8, 8)
    assert [len(split) for split in (made.train, made.valid, made.test)] == [6, 2, 4]
    for split in (made.train, made.valid, made.test):
        for pixels, label, name in zip(split.inputs, split.labels, split.names, strict=True):
            assert name.startswith(made.class_names[label])
            assert pixels[:, 0, 0].tolist() == [[0, 0, 200], [200, 0, 0]][label]


def test_transparent_parts_of_an_image_become_white(folder):
    Image.new("RGBA", (30, 30), (0, 0, 0, 0)).save(folder / "red" / "clear.png")
    made = Task.from_folder(folder, image_size=8)
    found = [
        split.inputs[split.names.index("red/clear.png")]
        for split in (made.train, made.valid, made.test)
        if "red/clear.png" in split.names
    ]
    assert len(found) == 1 and (found[0] == 255).all()


def test_from_folder_says_what_is_wrong(folder):
    with pytest.raises(ValueError, match="a folder of class folders"):
        Task.from_folder(folder / "nowhere")
    with pytest.raises(ValueError, match="holds no folders"):
        Task.from_folder(folder / "red")
    with pytest.raises(ValueError, match="image_size is 0"):
        Task.from_folder(folder, image_size=0)
    (folder / "green").mkdir()
    with pytest.raises(ValueError, match="'green' has no images"):
        Task.from_folder(folder)
    (folder / "green" / "broken.png").write_bytes(b"this is no picture")
    with pytest.raises(ValueError, match="broken.png.*cannot be read"):
        Task.from_folder(folder)


def test_from_folder_names_a_file_that_was_copied(folder):
    (folder / "red" / "copy.png").write_bytes((folder / "red" / "3.png").read_bytes())
    with pytest.raises(ValueError, match="'red/3.png' again as 'red/copy.png'"):
        Task.from_folder(folder, image_size=8)
