from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

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
        (images(4), 1, "labels has (shape|length)"),
        (images(4), ["a", "b", "a", "b"], "labels has dtype"),
        (images(4) > 99, [0, 1, 0, 1], "inputs has dtype bool"),
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


@pytest.mark.parametrize("seed", range(5))
def test_copies_stay_together_and_a_line_says_so(capsys, seed):
    inputs = images(30)
    inputs[[7, 9, 11]] = inputs[1]
    made = Task.from_arrays(inputs, np.arange(30) % 2, seed=seed, name="pets")
    assert capsys.readouterr().out == (
        "pets: 3 inputs are copies of others and stay in one split with them.\n"
    )
    assert sum(map(len, (made.train, made.valid, made.test))) == 30
    key = inputs[1].tobytes()
    assert [key in rows(split) for split in (made.train, made.valid, made.test)].count(True) == 1


def test_one_image_has_one_label_and_rows_of_a_table_may_have_two():
    inputs = images(12)
    inputs[7] = inputs[2]
    with pytest.raises(ValueError, match="item 2 again as item 7, with another label"):
        Task.from_arrays(inputs, np.arange(12) % 2)
    table = np.random.RandomState(0).rand(12, 4)
    table[7] = table[2]
    assert Task.from_arrays(table, np.arange(12) % 2).num_classes == 2


def test_iris_has_two_equal_rows_and_is_a_task():
    inputs, labels = load_iris(return_X_y=True)
    made = Task.from_arrays(inputs, labels)
    assert sum(map(len, (made.train, made.valid, made.test))) == 150


def test_without_copies_the_split_is_what_it_always_was():
    made = task(count=12, seed=3)
    found = [
        [int(np.flatnonzero((images(12) == row.numpy()).all((1, 2, 3)))[0]) for row in split.inputs]
        for split in (made.valid, made.test)
    ]
    assert found == [[0, 1, 5], [2, 6, 10]]


class Series:
    """What a pandas Series is to NumPy, and its categories."""

    def __init__(self, values, categories=None):
        self.values = values
        if categories:
            self.cat = SimpleNamespace(categories=categories)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=object)


@pytest.mark.parametrize(
    ("labels", "class_names"),
    [
        (["dog", "cat"] * 6, ("cat", "dog")),
        (np.array(["dog", "cat"] * 6), ("cat", "dog")),
        (np.array(["dog", "cat"] * 6, dtype=object), ("cat", "dog")),
        (Series(["dog", "cat"] * 6), ("cat", "dog")),
        (Series(["dog", "cat"] * 6, ["dog", "cat"]), ("dog", "cat")),
        ([["dog"], ["cat"]] * 6, ("cat", "dog")),
        ([True, False] * 6, ("False", "True")),
        (np.array([1, 0] * 6, dtype=np.int32), ("0", "1")),
        (torch.tensor([1, 0] * 6, dtype=torch.int16), ("0", "1")),
        (np.array([[1], [0]] * 6), ("0", "1")),
        (np.array([0, 1] * 6)[::-1], ("0", "1")),
    ],
)
def test_labels_as_people_have_them(labels, class_names):
    made = Task.from_arrays(images(12)[::-1], labels)  # negative strides too
    assert made.class_names == class_names
    first = class_names.index({"cat": "dog", "dog": "dog"}.get(class_names[0], class_names[1]))
    for split in (made.train, made.valid, made.test):
        assert split.labels.dtype == torch.int64 and split.labels.ndim == 1
        for row, label in zip(split.inputs, split.labels.tolist(), strict=True):
            at = int(np.flatnonzero((images(12)[::-1] == row.numpy()).all((1, 2, 3)))[0])
            assert (label == first) == (at % 2 == 0)


def test_words_follow_the_class_names_that_are_given():
    made = Task.from_arrays(images(12), ["b", "a"] * 6, class_names=["b", "a"])
    assert made.class_names == ("b", "a")
    with pytest.raises(ValueError, match="labels holds 'a': class_names are b, c"):
        Task.from_arrays(images(12), ["b", "a"] * 6, class_names=["b", "c"])
    with pytest.raises(ValueError, match="labels holds None: words, or numbers"):
        Task.from_arrays(images(12), np.array(["b", None] * 6, dtype=object))


def test_a_single_class_is_no_task():
    with pytest.raises(ValueError, match="single class 'cat'"):
        Task.from_arrays(images(12), ["cat"] * 12)


def test_labels_of_tokens_pixels_and_heads():
    tokens, pixels = np.arange(48).reshape(12, 4) % 3, np.arange(192).reshape(12, 4, 4) % 5
    tokens[:, 2:] = -100
    made = Task.from_arrays(np.arange(1, 49).reshape(12, 4), tokens, class_names=["a", "b", "c"])
    assert made.train.labels.shape[1:] == (4,) and made.num_classes == 3
    assert "3 classes in train: a " in repr(made)
    made = Task.from_arrays(images(12), pixels)
    assert made.num_classes == 5 and made.train.labels.shape[1:] == (4, 4)
    labels = {"kind": ["cat", "dog"] * 6, "size": np.linspace(0, 1, 12), "mask": pixels}
    made = Task.from_arrays(images(12), labels)
    assert made.num_classes == {"kind": 2, "size": 1, "mask": 5}
    assert made.class_names["kind"] == ("cat", "dog") and "size" not in made.class_names
    assert "kind: 2 classes in train" in repr(made) and "size: targets from" in repr(made)
    taken = made.train.take([1, 0])
    assert all(torch.equal(part[[1, 0]], taken.labels[h]) for h, part in
               {h: p[:2] for h, p in made.train.labels.items()}.items())  # fmt: skip
    for call in (lambda: made.few(1), lambda: made.only(["cat"])):
        with pytest.raises(ValueError, match="needs one class for each item"):
            call()
    several = Task.from_arrays(images(12), np.eye(3)[np.arange(12) % 3])
    assert several.train.labels.shape[1:] == (3,) and several.class_names == ()


def test_items_without_a_label_are_split_and_never_drawn():
    labels = np.arange(30) % 3
    labels[labels == 2] = -100
    made = Task.from_arrays(images(30), labels)
    assert made.num_classes == 2
    assert all((split.labels == -100).any() for split in (made.train, made.valid, made.test))
    assert set(made.few(2).train.labels.tolist()) == {0, 1}
    assert set(made.only([1]).train.labels.tolist()) == {0}


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.full((12, 3), -100), "holds nothing but -100"),
        (np.full((12, 3), -3), "go from -3 to -3"),
        ({}, "empty dictionary"),
        ({"kind": [0, 1] * 6, "size": [1.0]}, "labels of 'size' has length 1"),
        (np.zeros((12, 2, 2, 2), dtype=int), "class ids are N, N×L or N×H×W"),
    ],
)
def test_labels_of_other_shapes_are_refused(labels, said):
    with pytest.raises(ValueError, match=said):
        Task.from_arrays(images(12), labels)


def test_heads_of_all_splits_have_one_name():
    parts = [Split(images(4, seed=s), {"kind": [0, 1, 0, 1]}) for s in range(3)]
    assert Task(*parts, {"kind": ["a", "b"]}).num_classes == {"kind": 2}
    other = Split(images(4, seed=2), {"size": [0, 1, 0, 1]})
    with pytest.raises(ValueError, match=r"test has labels by name \(size\): train has labels by"):
        Task(*parts[:2], other, {"kind": ["a", "b"]})
    with pytest.raises(ValueError, match="class_names is .*with labels by name"):
        Task(*parts, ["a", "b"])


def test_float_images_up_to_255_are_told_from_those_in_0_to_1():
    for factor in (1, 1 / 255):
        kind = images(12).astype(np.float32) * factor
        if factor == 1:
            with pytest.raises(ValueError, match="float images from 0 to 255.*divide by 255"):
                Task.from_arrays(kind, np.arange(12) % 2)
        else:
            assert Task.from_arrays(kind, np.arange(12) % 2).train.inputs.max() <= 1
    standardised = (images(12) - 128.0) / 60
    assert Task.from_arrays(standardised, np.arange(12) % 2).train.inputs.min() < 0


def test_a_task_refuses_an_item_that_stands_in_two_splits():
    train, test = Split(images(6), [0, 1] * 3), Split(images(4, seed=1), [0, 1] * 2)
    valid = Split(train.inputs[4:], [0, 1])
    with pytest.raises(ValueError, match="valid shares an item with train: item 0 .* item 4"):
        Task(train, valid, test, ["a", "b"])


def test_a_task_refuses_splits_that_do_not_go_together():
    good = [Split(images(4, seed=seed), [0, 1, 0, 1]) for seed in range(3)]
    with pytest.raises(ValueError, match="inputs of test have shape"):
        Task(*good[:2], Split(images(4, size=5), [0, 1, 0, 1]), ["a", "b"])
    with pytest.raises(ValueError, match="labels of valid are torch.float32"):
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
    with pytest.raises((ValueError, TypeError), match="labels_per_class is"):
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
        with pytest.raises(ValueError, match="needs one class for each item"):
            call()
