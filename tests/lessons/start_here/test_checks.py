"""The exercises of lesson 00."""

import numpy as np
import pytest

import tl_helpers as tl
from tl_helpers.lessons.start_here import checks as start_here


def test_fewer_labels(prove, monkeypatch):
    monkeypatch.setattr(start_here, "probe_accuracy", {start_here.LABELS: 0.40}.__getitem__)
    prove(
        "00.1",
        solution=0.42,
        stub=...,
        wrong=[
            (42.0, "fraction"),
            (0.61, "too high"),
            (0.25, "too low"),
            (-1, "between 0 and 1"),
            ("forty percent", "could not be checked.*a fraction"),
        ],
        secrets=[0.40, 0.42],
    )


def test_the_answer_of_fewer_labels_is_measured_and_not_that_of_the_lesson():
    few, lesson = start_here.probe_accuracy(start_here.LABELS), start_here.probe_accuracy(5)
    assert few > 1 / 5 and lesson > few + 2 * start_here.SLACK


def own_task(pictures, words):
    names = sorted(set(words))
    labels = [names.index(word) for word in words]
    return tl.data.Task.from_arrays(pictures.transpose(0, 3, 1, 2), labels, class_names=names)


def parts(pictures, words, names=None, change=lambda inputs: inputs, **options):
    names = names or sorted(set(words))
    labels = np.array([names.index(word) for word in words])
    inputs = change(pictures.transpose(0, 3, 1, 2))
    return tl.data.Task.from_arrays(inputs, labels, class_names=names, **options)


def reshaped(pictures, words):
    return parts(pictures, words, change=lambda inputs: pictures.reshape(inputs.shape))


def mirrored(pictures, words):
    return parts(pictures, words, change=lambda inputs: inputs[..., ::-1].copy())


def by_appearance(pictures, words):
    return parts(pictures, words, names=list(dict.fromkeys(words)))


def floats(pictures, words):
    return parts(pictures, words, change=lambda inputs: inputs / 255)


def channels_last(pictures, words):
    return tl.data.Task.from_arrays(pictures, list(range(len(words))))


def swapped(pictures, words):
    return parts(pictures, words, change=lambda inputs: inputs.transpose(0, 1, 3, 2))


def in_order(pictures, words):
    inputs, labels = pictures.transpose(0, 3, 1, 2), np.unique(words, return_inverse=True)[1]
    cuts = [slice(0, 36), slice(36, 45), slice(45, 60)]
    splits = [tl.data.Split(inputs[cut], labels[cut]) for cut in cuts]
    return tl.data.Task(*splits, class_names=sorted(set(words)))


def fewer(pictures, words):
    return own_task(pictures[::2], words[::2])


def unnamed(pictures, words):
    labels = np.unique(words, return_inverse=True)[1]
    return tl.data.Task.from_arrays(pictures.transpose(0, 3, 1, 2), labels)


def mislabelled(pictures, words):
    return own_task(pictures, sorted(words))


def leaking(pictures, words):
    whole = own_task(pictures, words)
    return tl.data.Task(whole.train, whole.train, whole.test, whole.class_names)


def changed(pictures, words):
    pictures //= 2
    return own_task(pictures, words)


def test_own_task(prove):
    def stub(pictures, words): ...

    prove(
        "00.2",
        solution=own_task,
        stub=stub,
        wrong=[
            (reshaped, "reshape"),
            (by_appearance, "alphabetical"),
            (floats, "uint8"),
            (channels_last, r"N×C×H×W"),
            (swapped, "C×H×W"),
            (mirrored, "another way"),
            (in_order, "class is missing"),
            (fewer, "left out"),
            (unnamed, "Name the classes"),
            (mislabelled, "labels do not fit"),
            (leaking, "shares an item"),
            (changed, "work on a copy"),
            (lambda pictures, words: (pictures, words), "Return a tl.data.Task"),
        ],
    )


def test_own_task_with_other_shares_is_as_good(prove):
    other = tl.exercises.verdict(
        "00.2", lambda pictures, words: parts(pictures, words, fractions=(0.5, 0.2, 0.3), seed=7)
    )
    assert other.state == "solved", other.hint


def overall_accuracy(accuracies, sizes):
    return (accuracies * sizes).sum() / sizes.sum()


def test_overall_accuracy(prove):
    def stub(accuracies, sizes): ...

    prove(
        "00.3",
        solution=overall_accuracy,
        stub=stub,
        wrong=[
            (lambda accuracies, sizes: accuracies.mean(), "plain mean"),
            (lambda accuracies, sizes: 100 * overall_accuracy(accuracies, sizes), "percentage"),
            (lambda accuracies, sizes: (accuracies * sizes).sum(), "share of how many"),
            (lambda accuracies, sizes: (accuracies * sizes).mean(), "number of items"),
            (lambda accuracies, sizes: accuracies * sizes / sizes.sum(), "One number"),
            (lambda accuracies, sizes: accuracies.min(), "as often as it has items"),
            (lambda accuracies, sizes: accuracies[:-1].mean(), "as often as it has items"),
        ],
    )


@pytest.mark.parametrize("answer", [np.average, lambda a, s: float(np.average(a, weights=s))])
def test_numpy_can_do_it_when_it_is_given_the_weights(answer):
    solved = tl.exercises.verdict("00.3", answer).state == "solved"
    assert solved == (answer is not np.average)
