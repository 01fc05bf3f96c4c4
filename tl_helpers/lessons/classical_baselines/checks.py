"""The checks of the lesson on classical baselines: how many components, purity, PCA by hand."""

import functools

import numpy as np

from tl_helpers import data
from tl_helpers.teaching.exercises import close, exercise

SHARE = 0.95  # of the variance that exercise 04.1 asks for


@functools.cache
def kept_variance() -> np.ndarray:
    """Return the share of the digits' variance in the first k components, for k = 1, 2, 3 …"""
    from sklearn.decomposition import PCA

    pixels = data.digits().train.inputs.flatten(1) / 255
    return PCA().fit(pixels).explained_variance_ratio_.cumsum()


@exercise("04.1", "How many components", expects="a number of components, such as 100")
def how_many_components(answer):
    answer, kept = float(answer), kept_variance()
    if answer != int(answer) or answer < 1:
        return "A number of components is asked for, a whole number from 1."
    if answer > len(kept):
        return "That is more than there are pixels in an image of a digit."
    wanted = int((kept < SHARE).sum()) + 1
    if answer == wanted:
        return None
    if answer == wanted - 1:
        return "So many keep a little less than is asked for: count the one that crosses the line."
    if answer < wanted:
        return f"So many keep {100 * kept[int(answer) - 1]:.0f} % only; are these the digits?"
    return "So many keep enough, but fewer do so too; are these the digits?"


@exercise("04.2", "Purity", expects="a function of (clusters, labels) that gives a fraction")
def purity(answer):
    # The second has clusters of unequal size, the third a class without an item.
    for clusters, labels in (
        ([0, 0, 1, 1], [1, 1, 0, 0]),
        ([0, 0, 0, 0, 0, 1, 1, 2, 2, 2], [2, 2, 1, 0, 2, 1, 0, 2, 2, 1]),
        ([4, 4, 2, 2, 2, 2], [3, 0, 0, 0, 3, 3]),
    ):
        clusters, labels = np.array(clusters), np.array(labels)
        shares = {c: np.bincount(labels[clusters == c]) for c in np.unique(clusters)}
        wanted = sum(counts.max() for counts in shares.values()) / len(labels)
        found = answer(clusters.copy(), labels.copy())
        if np.shape(found) != ():
            return "One number is asked for, for all clusters together."
        if close(found, wanted):
            continue
        if close(found, 100 * wanted):
            return "A share is a fraction in code, not a percentage."
        if close(found, wanted * len(labels)):
            return "That many items are of their cluster's most frequent class; as a share of all?"
        if close(found, np.mean([counts.max() / counts.sum() for counts in shares.values()])):
            return "This is the mean over clusters: a small one then counts as much as a large one."
        if close(found, (clusters == labels).mean()):
            return (
                "The number of a cluster has no meaning: cluster 0 need not be class 0. Ask each "
                "cluster for its most frequent class."
            )
        classes = [np.bincount(clusters[labels == c]).max() for c in np.unique(labels)]
        if close(found, sum(classes) / len(labels)):
            return "This asks each class for its most frequent cluster; turn the question round."
        return "In each cluster, count its most frequent class; add up; divide by all items."


@exercise("04.3", "PCA by hand", expects="a function of (inputs, k) that gives mean and components")
def pca(answer):
    rng = np.random.default_rng(4)
    mixed = rng.normal(size=(60, 5)) * [5.0, 3.0, 2.0, 1.0, 0.5]
    turn, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    inputs = mixed @ turn + [30.0, -20.0, 10.0, 0.0, 5.0]
    mean, k = inputs.mean(0), 3
    _, values, rows = np.linalg.svd(inputs - mean, full_matrices=False)
    found = answer(inputs.copy(), k)
    if not isinstance(found, list | tuple) or len(found) != 2:
        return "Return two things: the mean of the inputs and the components."
    centre, directions = (np.asarray(part, dtype=float) for part in found)
    if centre.shape != (5,):
        return f"The mean has one entry for each column of the inputs; yours is {centre.shape}."
    if not close(centre, mean):
        return "The mean is not that of the inputs, column by column."
    if directions.shape == (5, k):
        return "The components stand in columns; one a row is asked for."
    if directions.shape != (k, 5):
        return f"k rows are asked for, each as long as an input; yours are {directions.shape}."
    lengths = np.linalg.norm(directions, axis=1)
    if not close(lengths, np.ones(k)):
        return "A component has the length 1: it is a direction and carries no variance itself."

    def same(wanted):
        return close(np.abs((directions * wanted).sum(1)), np.ones(k))

    if same(rows[:k]):
        return None
    if same(np.linalg.svd(inputs, full_matrices=False)[2][:k]):
        return "These are the directions seen from zero: take the mean off before you look."
    if same(rows[-k:]) or same(rows[::-1][:k]):
        return "The components of least variance came out; those of most are asked for, in order."
    if same(rows[:k][::-1]):
        return "These are the right directions in rising order of variance."
    scaled = (inputs - mean) / inputs.std(0)
    if same(np.linalg.svd(scaled, full_matrices=False)[2][:k]):
        return "The columns were brought to one variance first; PCA of the inputs is asked for."
    return "The rows are not the directions in which the centred inputs vary most."
