"""Transferability scores against hand-worked cases, the papers' own forms and scikit-learn."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from tl_helpers.transfer import h_score, knn_probe, leep, logme

LABELS = np.array([0, 0, 1, 1])


def blobs(items=40, features=6, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(items) % classes
    centres = rng.normal(size=(classes, features))
    return centres[labels] + rng.normal(size=(items, features)), labels


# -- LEEP ----------------------------------------------------------------------------------------


def test_leep_worked_by_hand():
    # P(y, z) = mean of θ where y: [[0.8, 0.2 + …]] / 4, see the sums:
    #   y = 0: z0 0.8 + 0.6 = 1.4, z1 0.6      y = 1: z0 0.4 + 0.2 = 0.6, z1 1.4
    # so P(y | z) = [[0.7, 0.3], [0.3, 0.7]], and an item expects 0.7 θ_y + 0.3 (1 − θ_y).
    theta = np.array([[0.8, 0.2], [0.6, 0.4], [0.4, 0.6], [0.2, 0.8]])
    expected = np.log([0.62, 0.54, 0.54, 0.62]).mean()
    assert leep(theta, LABELS) == pytest.approx(expected, abs=1e-12)


def test_leep_of_a_classifier_that_tells_the_classes_apart_is_zero():
    assert leep(np.eye(3)[[2, 2, 0, 0]], LABELS) == pytest.approx(0)


@pytest.mark.parametrize("classes", [2, 5])
def test_leep_of_a_classifier_that_says_the_same_of_all_is_minus_the_entropy_of_the_labels(classes):
    labels = np.arange(20) % classes
    theta = np.tile([0.5, 0.3, 0.2, 0.0], (20, 1))  # nothing ever falls on the last class
    assert leep(theta, labels) == pytest.approx(-np.log(classes))


def test_leep_takes_labels_with_gaps_and_tensors():
    theta = torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.4, 0.6], [0.2, 0.8]], requires_grad=True)
    assert leep(theta, torch.tensor([3, 3, 9, 9])) == pytest.approx(
        leep(theta.detach().numpy(), LABELS)
    )


# -- LogME ---------------------------------------------------------------------------------------


def log_evidence(alpha, beta, features, indicator):
    covariance = np.eye(len(features)) / beta + features @ features.T / alpha
    return multivariate_normal(np.zeros(len(features)), covariance).logpdf(indicator)


def by_direct_maximisation(features, labels):
    def best(indicator):
        def loss(logs):
            return -log_evidence(*np.exp(logs), features, indicator)

        starts = [(a, b) for a in (-2, 2) for b in (-2, 2)]
        return -min(minimize(loss, s, method="Nelder-Mead", tol=1e-10).fun for s in starts)

    found = [best((labels == k).astype(float)) for k in np.unique(labels)]
    return np.mean(found) / len(labels)


def by_the_papers_updates(features, labels):
    """Algorithm 1 of the paper: α and β in turn, until they stand still."""
    found, count = [], len(labels)
    for k in np.unique(labels):
        y, alpha, beta = (labels == k).astype(float), 1.0, 1.0
        for _ in range(500):
            precision = alpha * np.eye(features.shape[1]) + beta * features.T @ features
            mean = beta * np.linalg.solve(precision, features.T @ y)
            eigenvalues = beta * np.linalg.eigvalsh(features.T @ features)
            gamma = (eigenvalues / (alpha + eigenvalues)).sum()
            alpha = gamma / (mean @ mean)
            beta = (count - gamma) / ((y - features @ mean) ** 2).sum()
        found.append(log_evidence(alpha, beta, features, y))
    return np.mean(found) / count


@pytest.mark.parametrize("seed", range(3))
def test_logme_is_the_evidence_maximised_directly(seed):
    features, labels = blobs(items=12, features=3, seed=seed)
    assert logme(features, labels) == pytest.approx(
        by_direct_maximisation(features, labels), abs=1e-6
    )


@pytest.mark.parametrize("shape", [(40, 6), (12, 30)])
def test_logme_is_what_the_papers_updates_reach(shape):
    features, labels = blobs(*shape)
    assert logme(features, labels) == pytest.approx(
        by_the_papers_updates(features, labels), abs=1e-4
    )


def test_logme_of_features_that_say_nothing():
    # Then y is noise of variance 1/β alone, and the best 1/β is the mean square, here 1/2.
    expected = -0.5 * (np.log(2 * np.pi) + 1 + np.log(0.5))
    assert logme(np.zeros((4, 2)), LABELS) == pytest.approx(expected)
    # A feature at right angles to both indicators is as good as none.
    assert logme(np.array([[1.0], [-1], [1], [-1]]), LABELS) == pytest.approx(expected, abs=1e-9)


def test_logme_of_one_feature_worked_by_hand():
    # y·f = z‖f‖ and r = ‖y‖² − z². With u = ‖f‖²/t the evidence is largest at 1 + u = (N − 1) z²/r,
    # where it is −N/2 (log 2πe + log(r/(N − 1))) − ½ log((N − 1) z²/r).
    feature = np.array([3.0, 2, -1, 1])

    def best(indicator):
        squared = (indicator @ feature) ** 2 / (feature @ feature)
        rest = indicator @ indicator - squared
        if 3 * squared <= rest:  # too small to be worth a weight
            return -2 * np.log(2 * np.pi * np.e * (indicator @ indicator) / 4)
        return -2 * np.log(2 * np.pi * np.e * rest / 3) - 0.5 * np.log(3 * squared / rest)

    expected = (best(1.0 - LABELS) + best(1.0 * LABELS)) / 8
    assert logme(feature[:, None], LABELS) == pytest.approx(expected, abs=1e-7)


def test_logme_does_not_depend_on_the_scale_of_the_features_or_the_names_of_the_classes():
    features, labels = blobs()
    assert logme(1000 * features, labels) == pytest.approx(logme(features, labels), abs=1e-7)
    assert logme(features, 7 - labels) == pytest.approx(logme(features, labels), abs=1e-7)


def test_logme_of_features_that_fit_exactly_is_large_and_finite():
    exact = logme(np.eye(2)[LABELS], LABELS)
    assert np.isfinite(exact) and exact > 3


# -- H-score -------------------------------------------------------------------------------------


def test_h_score_worked_by_hand():
    # One feature: the share of its variance that lies between the classes. Values 1 2 | 4 5 have
    # the mean 3, the variance 10/4 and, with class means 1.5 and 4.5, 9/4 of it between.
    assert h_score(np.array([[1.0], [2], [4], [5]]), LABELS) == pytest.approx(0.9)


def test_h_score_is_the_papers_trace_where_the_covariance_can_be_inverted():
    features, labels = blobs()
    means = np.stack([features[labels == label].mean(0) for label in labels])
    trace = np.trace(np.linalg.inv(np.cov(features.T)) @ np.cov(means.T))
    assert h_score(features, labels) == pytest.approx(trace, rel=1e-9)


def test_h_score_takes_the_pseudo_inverse_where_it_cannot():
    features, labels = blobs()
    doubled = np.hstack([features, 3 * features, np.ones((40, 2))])
    assert h_score(doubled, labels) == pytest.approx(h_score(features, labels), rel=1e-9)
    means = np.stack([doubled[labels == label].mean(0) for label in labels])
    inverse = np.linalg.pinv(np.cov(doubled.T), rcond=1e-12)
    assert h_score(doubled, labels) == pytest.approx(np.trace(inverse @ np.cov(means.T)))


def test_h_score_of_noise_is_full_from_n_minus_one_features_on():
    noise, labels = np.random.default_rng(0).normal(size=(30, 29)), np.arange(30) % 3
    assert h_score(noise, labels) == pytest.approx(2)
    # With fewer, noise has its share of the room: F/(N − 1) of it on average.
    found = [
        h_score(np.random.default_rng(seed).normal(size=(30, 10)), labels) for seed in range(200)
    ]
    assert np.mean(found) == pytest.approx(2 * 10 / 29, abs=0.05)


# -- kNN probe -----------------------------------------------------------------------------------


def test_knn_probe_worked_by_hand():
    # Nearest others: 0→1, 1→0, 3→2.8 (wrong class), 2.8→3 (wrong), 9→8, 8→9.
    features = np.array([[0.0], [1], [3], [2.8], [9], [8]])
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert knn_probe(features, labels, neighbours=1) == pytest.approx(4 / 6)


@pytest.mark.parametrize("neighbours", [1, 5])
def test_knn_probe_leaves_the_item_out(neighbours):
    features, labels = blobs(items=60)
    model = KNeighborsClassifier(neighbours, weights="distance")
    left_out = cross_val_score(model, features, labels, cv=LeaveOneOut()).mean()
    assert knn_probe(features, labels, neighbours) == pytest.approx(left_out)
    noise = np.random.default_rng(0).normal(size=(60, 3))
    assert knn_probe(noise, labels, 1) < 0.6  # an item that found itself would give 1


# -- all -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", [leep, logme, h_score, knn_probe])
def test_a_better_input_scores_higher_and_it_is_a_float(score):
    labels = np.arange(60) % 3
    noise = np.random.default_rng(0).random((60, 3))
    scores = []
    for strength in (0.0, 0.5, 3.0):
        values = noise + strength * np.eye(3)[labels]
        scores.append(score(values / values.sum(1, keepdims=True), labels))
    assert scores == sorted(scores) and scores[0] < scores[2] and type(scores[0]) is float


@pytest.mark.parametrize("score", [leep, logme, h_score, knn_probe])
@pytest.mark.parametrize(
    ("values", "labels", "words"),
    [
        (np.ones(4), LABELS, r"has shape \(4,\)"),
        (np.full((4, 2), "a"), LABELS, "expected numbers"),
        (np.full((4, 2), np.nan), LABELS, "NaN"),
        (np.full((4, 2), 0.5), LABELS[:3], r"labels has shape \(3,\).*4 whole numbers"),
        (np.full((4, 2), 0.5), LABELS / 2, "whole numbers"),
        (np.full((4, 2), 0.5), np.ones(4, int), "only the class 1"),
    ],
)
def test_bad_input_is_named(score, values, labels, words):
    with pytest.raises(ValueError, match=words):
        score(values, labels)


def test_what_only_one_of_them_asks_for():
    with pytest.raises(ValueError, match="logits.softmax"):
        leep(np.array([[2.0, -1], [1, 0], [0, 1], [3, 4]]), LABELS)
    with pytest.raises(ValueError, match="neighbours is 4, expected 1 to 3"):
        knn_probe(np.ones((4, 2)), LABELS, neighbours=4)
