"""The exercises of the lesson on classical baselines: solution, stub, and the usual mistakes."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics.cluster import contingency_matrix

import tl_helpers as tl
from tl_helpers.lessons.classical_baselines import checks


def test_how_many_components(prove, monkeypatch):
    kept = np.array([0.5, 0.8, 0.9, 0.94, 0.96, 0.99, 1.0])
    monkeypatch.setattr(checks, "kept_variance", lambda: kept)
    prove(
        "04.1",
        solution=5,
        stub=...,
        wrong=[
            (4, "crosses the line"),
            (2, "80 % only"),
            (7, "fewer do so too"),
            (0.95, "whole number"),
            (0, "whole number"),
            (135, "more than there are pixels"),
        ],
    )


def test_the_kept_variance_is_that_of_the_digits():
    pixels = tl.data.digits().train.inputs.flatten(1).double().numpy()
    centred = pixels - pixels.mean(0)
    variances = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    wanted = variances.cumsum() / variances.sum()
    np.testing.assert_allclose(checks.kept_variance(), wanted, atol=1e-4)


def purity(clusters, labels):
    most = [np.bincount(labels[clusters == c]).max() for c in np.unique(clusters)]
    return sum(most) / len(labels)


def mean_over_clusters(clusters, labels):
    return np.mean([purity(clusters[clusters == c], labels[clusters == c]) for c in set(clusters)])


def test_purity(prove):
    def stub(clusters, labels): ...

    prove(
        "04.2",
        solution=purity,
        stub=stub,
        wrong=[
            (lambda clusters, labels: 100 * purity(clusters, labels), "percentage"),
            (lambda clusters, labels: len(labels) * purity(clusters, labels), "as a share"),
            (mean_over_clusters, "as much as a large one"),
            (lambda clusters, labels: (clusters == labels).mean(), "has no meaning"),
            (lambda clusters, labels: purity(labels, clusters), "turn the question"),
            (lambda clusters, labels: np.bincount(labels), "One number"),
            (lambda clusters, labels: 0.5, "most frequent class"),
        ],
    )


def test_purity_by_the_table_of_counts_is_as_good():
    def by_table(clusters, labels):
        return contingency_matrix(labels, clusters).max(axis=0).sum() / len(labels)

    assert tl.exercises.verdict("04.2", by_table).state == "solved"


def pca(inputs, k):
    mean = inputs.mean(axis=0)
    return mean, np.linalg.svd(inputs - mean, full_matrices=False)[2][:k]


def by_eigenvectors(inputs, k):
    return inputs.mean(0), np.linalg.eigh(np.cov(inputs.T))[1].T[::-1][:k]


def by_library(inputs, k):
    found = PCA(k).fit(inputs)
    return found.mean_, -found.components_


def scaled(inputs, k):
    return inputs.mean(0), pca(inputs / inputs.std(0), k)[1]


def test_pca(prove):
    def stub(inputs, k): ...

    prove(
        "04.3",
        solution=pca,
        stub=stub,
        wrong=[
            (lambda inputs, k: pca(inputs, k)[1], "two things"),
            (lambda inputs, k: (inputs.mean(1), pca(inputs, k)[1]), "each column"),
            (lambda inputs, k: (0 * inputs.mean(0), pca(inputs, k)[1]), "not that of the inputs"),
            (lambda inputs, k: (inputs.mean(0), pca(inputs, k)[1].T), "columns"),
            (lambda inputs, k: pca(inputs, k + 1), "k rows"),
            (lambda inputs, k: (inputs.mean(0), 3 * pca(inputs, k)[1]), "length 1"),
            (lambda inputs, k: (inputs.mean(0), np.linalg.svd(inputs)[2][:k]), "mean off"),
            (lambda inputs, k: (inputs.mean(0), pca(inputs, 5)[1][-k:]), "least variance"),
            (lambda inputs, k: (inputs.mean(0), pca(inputs, 5)[1][::-1][:k]), "least variance"),
            (lambda inputs, k: (inputs.mean(0), pca(inputs, k)[1][::-1]), "rising order"),
            (scaled, "one variance"),
            (lambda inputs, k: (inputs.mean(0), np.eye(5)[:k]), "vary most"),
        ],
        secrets=[],
    )


@pytest.mark.parametrize("answer", [by_eigenvectors, by_library])
def test_pca_by_another_way_and_with_other_signs_is_as_good(answer):
    assert tl.exercises.verdict("04.3", answer).state == "solved"
