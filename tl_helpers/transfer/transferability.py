"""Transferability scores: how good a pretrained model will be for a target, without fine-tuning it.

A score looks once at the labelled items of the target, through the frozen model. Higher is better.
Scores compare models on one target; between targets, or between scores, they have no common scale.
"""

import numpy as np

from tl_helpers import arguments


def leep(probabilities, labels) -> float:
    """Return LEEP, the log expected empirical prediction: at most 0 (Nguyen et al., 2020).

    probabilities: N×C, what the model says of its C source classes for each target item, rows that
    sum to 1. labels: the N target classes, whole numbers. With θ(x)_z the probability of source
    class z, the items give P(y, z) = mean of θ(x_i)_z over all N items, counted where y_i = y. The
    score is the mean log-likelihood of the labels when y is drawn from P(y | z) and z from θ(x).

    Raises ValueError for other shapes, fewer than two classes, and rows that are no probabilities.
    Paper: arXiv:2002.12462.
    """
    probabilities, labels = _checked("probabilities", probabilities, labels)
    if probabilities.min() < 0 or abs(probabilities.sum(1) - 1).max() > 1e-3:
        raise ValueError(
            f"probabilities has rows that sum to {probabilities.sum(1).min():.3g} … "
            f"{probabilities.sum(1).max():.3g} with a minimum of {probabilities.min():.3g}, "
            "expected rows from 0 to 1 that sum to 1 (of logits: logits.softmax(1))"
        )
    joint = _one_hot(labels).T @ probabilities  # N times P(y, z)
    seen = joint.sum(0) > 0  # a source class that no item gets anything of says nothing
    conditional = joint[:, seen] / joint[:, seen].sum(0)  # P(y | z)
    expected = probabilities[:, seen] @ conditional.T
    return float(np.log(expected[np.arange(len(labels)), labels]).mean())


def logme(features, labels) -> float:
    """Return LogME, the logarithm of the maximum evidence, per item (You et al., 2021).

    features: N×F. labels: the N target classes, whole numbers. For each class a linear model reads
    its indicator y (1 for items of the class, else 0) off the features: weights w ~ N(0, 1/α), noise
    N(0, 1/β). The evidence p(y | features, α, β), with w integrated out, is maximised over α and β;
    the score is its logarithm divided by N, averaged over the classes.

    For a given ratio t = α/β the best β is known, so one unknown is left, which is searched over
    42 decades. It ends at 1e-12 times the largest squared singular value: features that fit a class
    without any error would have an infinite evidence, and get a large one.

    Raises ValueError for other shapes and fewer than two classes. Paper: arXiv:2102.11005.
    """
    from scipy.optimize import minimize_scalar

    features, labels = _checked("features", features, labels)
    left, singular, _ = np.linalg.svd(features, full_matrices=False)
    power = (singular / (singular.max() or 1)) ** 2
    grid = np.linspace(np.log(1e-12), np.log(1e30), 200)
    found = []
    for indicator in _one_hot(labels).T:
        along = (left.T @ indicator) ** 2
        rest = max(indicator @ indicator - along.sum(), 0)

        def loss(log_t, along=along, rest=rest):
            return -_log_evidence(np.exp(log_t), power, along, rest, len(labels))

        best = int(np.argmin([loss(log_t) for log_t in grid]))
        ends = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
        found.append(-minimize_scalar(loss, bounds=ends, method="bounded").fun / len(labels))
    return float(np.mean(found))


def _log_evidence(t, power, along, rest, count):
    """Return the logarithm of the evidence at α/β = t and the best β.

    The indicator y is normal with covariance (1 + F Fᵀ/t)/β. In the directions of the left singular
    vectors of F that is (1 + power/t)/β, and 1/β in all others. ``along``: the squared length of y
    in the first; ``rest``: in the others.
    """
    spread = 1 + power / t
    misfit = (along / spread).sum() + rest  # yᵀ (1 + F Fᵀ/t)⁻¹ y, and the best β is count / misfit
    return -0.5 * (count * np.log(2 * np.pi * np.e * misfit / count) + np.log(spread).sum())


def h_score(features, labels) -> float:
    """Return the H-score, tr(cov(f)⁺ cov(E[f | y])), from 0 to classes − 1 (Bao et al., 2019).

    features: N×F. labels: the N target classes, whole numbers. The second covariance is that of the
    features when each is replaced by the mean of its class; ⁺ is the plain pseudo-inverse, without
    shrinkage. So where the features of N items have rank N − 1, as they mostly do when F ≥ N − 1,
    the score is classes − 1, whatever the features are.

    Raises ValueError for other shapes and fewer than two classes. Paper: arXiv:2212.10082.
    """
    features, labels = _checked("features", features, labels)
    left, singular, _ = np.linalg.svd(features - features.mean(0), full_matrices=False)
    # What is left of a singular value that is zero, after rounding, is not to be inverted.
    rank = (singular > singular.max() * max(features.shape) * np.finfo(float).eps).sum()
    # With F = U S Vᵀ the trace is the squared length of Uᵀ Y, of indicators Y of length 1.
    indicators = _one_hot(labels)
    return float(((left[:, :rank].T @ (indicators / np.sqrt(indicators.sum(0)))) ** 2).sum())


def knn_probe(features, labels, neighbours: int = 5) -> float:
    """Return the share of items whose class their nearest neighbours name, leaving out the item.

    features: N×F, compared by Euclidean distance. labels: the N target classes, whole numbers.
    The ``neighbours`` nearest other items vote, each with one over its distance.

    Raises ValueError for other shapes, fewer than two classes, and neighbours not from 1 to N − 1.
    """
    from sklearn.neighbors import KNeighborsClassifier

    features, labels = _checked("features", features, labels)
    arguments.whole_number("neighbours", neighbours)
    if not 1 <= neighbours < len(labels):
        raise ValueError(
            f"neighbours is {neighbours}, expected 1 to {len(labels) - 1}: an item has that many "
            "others"
        )
    voters = KNeighborsClassifier(neighbours, weights="distance").fit(features, labels)
    return float(voters.score(None, labels))  # None: an item is not its own neighbour


def _checked(name, values, labels):
    """Return the values as floats N×… and the labels as 0, 1, … without gaps."""
    values, labels = (
        np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)
        for array in (values, labels)
    )
    if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "iuf":
        raise ValueError(
            f"{name} has shape {values.shape} and dtype {values.dtype}, expected numbers N×…, "
            "a row for each item"
        )
    values = values.astype(float)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinity, expected finite numbers")
    if labels.shape != values.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels has shape {labels.shape} and dtype {labels.dtype}, expected "
            f"{len(values)} whole numbers, one for each row of {name}"
        )
    classes, labels = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"labels holds only the class {classes[0]}, expected two or more classes")
    return values, labels


def _one_hot(labels):
    return np.eye(labels.max() + 1)[labels]
