"""The checks of the first lesson: fewer labels, your own task, accuracies of unequal batches."""

import functools

import numpy as np
import torch

from tl_helpers import data, models, training, transfer
from tl_helpers.seeds import offset
from tl_helpers.teaching.exercises import close, exercise

LABELS = 1  # a class, in exercise 00.1
SLACK = 0.06  # other first weights of the head, another processor


@functools.cache
def probe_accuracy(labels: int) -> float:
    """Return the mean balanced accuracy of the lesson's probe over five seeds, a fraction."""
    photos, found = data.photos(), []
    for seed in range(5):
        target = photos.few(labels, seed=seed)
        with torch.random.fork_rng(devices=[]):  # the reader's generators stay where they are
            torch.manual_seed(offset(seed))  # the head begins as the lesson's does
            model = models.efficientnet_lite0(target.num_classes)
        transfer.freeze(model, "backbone")
        training.fit(
            model, target.train, epochs=6, lr=1e-3, batch_size=5, progress=False, seed=seed
        )
        found.append(training.evaluate(model, target.test).balanced_accuracy)
    return float(np.mean(found))


@exercise("00.1", "Fewer labels", expects="the mean accuracy you read off, a fraction like 0.5")
def fewer_labels(answer):
    answer = float(answer)
    if 1 < answer <= 100:
        return "Accuracy is a fraction in code: divide the percentage by a hundred."
    if not 0 <= answer <= 1:
        return "An accuracy lies between 0 and 1."
    wanted = probe_accuracy(LABELS)
    if abs(answer - wanted) <= SLACK:
        return None
    if answer > wanted:
        return "That is too high: did you change `labels` and run the cell again before you read?"
    return "That is too low: read off the mean of the five seeds, the number after ≈."


@exercise("00.2", "Your own task", expects="a function of (pictures, words) that gives a Task")
def own_task(answer):
    rng = np.random.default_rng(0)
    # Sorted by class, as in folders; the classes in an order that is not the alphabet's. Red says
    # which class a picture is of, green and blue are noise, so that no two are alike.
    words = ["tram"] * 30 + ["boat"] * 20 + ["plane"] * 10
    pictures = rng.integers(0, 256, (60, 6, 8, 3), dtype=np.uint8)
    pictures[..., 0] = np.array([{"boat": 10, "plane": 20, "tram": 30}[w] for w in words])[
        :, None, None
    ]
    before = pictures.copy()
    task = answer(pictures, list(words))
    if not isinstance(task, data.Task):
        return f"Return a tl.data.Task; yours is a {type(task).__name__}."
    if (pictures != before).any():
        return "The pictures that came in were changed: work on a copy."
    inputs = task.train.inputs
    if inputs.dtype != torch.uint8:
        return "Leave the pictures uint8: `fit` turns them into floats by itself."
    if tuple(inputs.shape[1:]) != (3, 6, 8):
        return f"A picture of 6 × 8 pixels became {tuple(inputs.shape[1:])}; C×H×W is asked for."
    splits = [task.train, task.valid, task.test]
    if sum(len(split) for split in splits) != len(words):
        return "Every picture belongs to one of the three splits, and none is left out."
    if sorted(task.class_names) != sorted(set(words)):
        return "Name the classes by the words that came in, each once."
    if list(task.class_names) != sorted(task.class_names):
        return "Put the class names in alphabetical order, whatever the order of the items."
    if any(len(torch.unique(split.labels)) < 3 for split in splits):
        return "A class is missing in one of the splits; items that come sorted must be mixed."
    for split in splits:
        red = split.inputs[:, 0].flatten(1)
        if (red != red[:, :1]).any():
            return (
                "The colours got mixed up: moving an axis is not the same as reading the numbers "
                "in another shape (`reshape`)."
            )
        if not torch.equal(red[:, 0].long(), 10 * (split.labels + 1)):
            return "The labels do not fit the pictures: 0 is the first class name, and so on."
    found = {image.numpy().tobytes() for split in splits for image in split.inputs}
    if found != {image.tobytes() for image in before.transpose(0, 3, 1, 2)}:
        return "Height and width got exchanged, or the pictures were changed in another way."


@exercise(
    "00.3", "Accuracies of unequal batches", expects="a function of (accuracies, sizes): a number"
)
def overall_accuracy(answer):
    # The cases differ so that no shortcut fits them all; the first is the usual short last batch.
    for accuracies, sizes in (
        ([0.75, 0.5, 1.0], [64, 64, 8]),
        ([1.0, 0.0], [1, 99]),
        ([0.4], [5]),
    ):
        accuracies, sizes = np.array(accuracies), np.array(sizes)
        wanted = (accuracies * sizes).sum() / sizes.sum()
        found = answer(accuracies.copy(), sizes.copy())
        if np.shape(found) != ():
            return "One number is asked for, for all batches together."
        if close(found, wanted):
            continue
        if close(found, accuracies.mean()):
            return (
                "This is the plain mean: a batch of 8 items then counts as much as one of 64. "
                "How many items were right, in all?"
            )
        if close(found, 100 * wanted):
            return "Accuracy is a fraction in code, not a percentage."
        if close(found, (accuracies * sizes).sum()):
            return "That many items were right; as a share of how many?"
        if close(found, (accuracies * sizes).mean()):
            return "Divide by the number of items, not by the number of batches."
        return "Each batch should count as often as it has items."
