"""The exercises of lesson 08: the solution, the stub, and the mistakes one makes."""

import numpy as np

from tl_helpers.transfer import knn_probe
from tl_helpers.transfer import leep as by_the_package


def regret(scores, accuracies):
    return accuracies.max() - accuracies[np.nanargmax(scores)]


def test_regret(prove):
    def stub(scores, accuracies): ...

    def with_nan(scores, accuracies):
        return accuracies.max() - accuracies[scores.argmax()]

    def scored_only(scores, accuracies):
        has = ~np.isnan(scores)
        return regret(scores[has], accuracies[has])

    prove(
        "08.1",
        solution=regret,
        stub=stub,
        wrong=[
            (lambda s, a: -regret(s, a), "sign"),
            (lambda s, a: 100 * regret(s, a), "factor of 100"),
            (lambda s, a: np.ptp(a), "worst"),
            (lambda s, a: a.max() - a[np.argmin(s)], "higher score"),
            (lambda s, a: regret(s, a) / a.max(), "relative"),
            (lambda s, a: a.max() - a, "one number"),
            (lambda s, a: a[np.argmax(s)], "look up"),
            (with_nan, "nan"),
            (scored_only, "can be the best"),
        ],
    )


def distances(features):
    return np.linalg.norm(features[:, None] - features[None], axis=2)


def nearest_neighbour(features, labels):
    found = distances(features)
    np.fill_diagonal(found, np.inf)
    return (labels[found.argmin(1)] == labels).mean()


def test_nearest_neighbour(prove):
    def stub(features, labels): ...

    def each(features, labels):
        found = distances(features)
        np.fill_diagonal(found, np.inf)
        return labels[found.argmin(1)] == labels

    def first_feature(features, labels):
        return nearest_neighbour(features[:, :1], labels)

    prove(
        "08.2",
        solution=nearest_neighbour,
        stub=stub,
        wrong=[
            (lambda f, y: (y[distances(f).argmin(1)] == y).mean(), "itself"),
            (lambda f, y: (y[distances(f).argmax(1)] == y).mean(), "farthest"),
            (lambda f, y: 1 - nearest_neighbour(f, y), "wrong ones"),
            (lambda f, y: 24 * nearest_neighbour(f, y), "divide"),
            (each, "each item"),
            (lambda f, y: [0.5, 0.5], "one number"),
            (first_feature, "nearest row"),
        ],
    )


def test_the_solution_is_the_probe_with_one_neighbour():
    features, labels = np.random.default_rng(0).normal(size=(40, 6)), np.arange(40) % 4
    assert nearest_neighbour(features, labels) == knn_probe(features, labels, neighbours=1)


def leep(probabilities, labels):
    return np.log(expected(probabilities, labels)).mean()


def table(probabilities, labels):
    return np.stack([probabilities[labels == y].sum(0) for y in np.unique(labels)]) / len(labels)


def expected(probabilities, labels, divide=lambda joint: joint / joint.sum(0)):
    conditional = divide(table(probabilities, labels))
    return (probabilities @ conditional.T)[np.arange(len(labels)), labels]


def test_leep(prove):
    def stub(probabilities, labels): ...

    def likeliest(probabilities, labels):
        joint = table(probabilities, labels)
        return np.log((joint / joint.sum(0))[labels, probabilities.argmax(1)]).mean()

    def turned(joint):
        return joint / joint.sum(1, keepdims=True)

    prove(
        "08.3",
        solution=leep,
        stub=stub,
        wrong=[
            (lambda p, y: -leep(p, y), "sign"),
            (lambda p, y: 30 * leep(p, y), "sum over items"),
            (lambda p, y: np.log(expected(p, y)), "each item"),
            (lambda p, y: np.log(expected(p, y).mean()), "comes first"),
            (lambda p, y: expected(p, y).mean(), "missing"),
            (lambda p, y: np.log(expected(p, y, turned)).mean(), "P\\(z \\| y\\)"),
            (lambda p, y: np.log(expected(p, y, lambda j: j)).mean(), "divide it"),
            (likeliest, "likeliest"),
            (lambda p, y: table(p, y), "one number"),
            (lambda p, y: np.log(p[np.arange(30), y]).mean(), "table"),
        ],
    )


def test_the_solution_is_the_score_of_the_package():
    rng = np.random.default_rng(1)
    probabilities, labels = rng.dirichlet(np.ones(5), size=30), np.arange(30) % 3
    assert abs(leep(probabilities, labels) - by_the_package(probabilities, labels)) < 1e-12
