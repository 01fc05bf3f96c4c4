"""The checks of the lesson on choosing a model: regret, a nearest-neighbour probe, LEEP."""

import numpy as np

from tl_helpers.teaching.exercises import close, exercise


@exercise("08.1", "Regret", expects="a function of (scores, accuracies) that gives one number")
def regret(answer):
    # In the second case the best score and the best accuracy are one; in the third the best
    # accuracy has no score, and in the fourth the highest score is below zero.
    cases = [
        ([0.2, 0.9, 0.5, 0.1], [0.60, 0.71, 0.86, 0.80]),
        ([1.0, 3.0, 2.0], [0.4, 0.9, 0.5]),
        ([np.nan, 0.3, 0.7], [0.95, 0.52, 0.75]),
        ([-2.0, -0.5, -1.5], [0.9, 0.65, 0.7]),
    ]
    for scores, accuracies in cases:
        scores, accuracies = np.array(scores), np.array(accuracies)
        found = answer(scores.copy(), accuracies.copy())
        chosen = np.nanargmax(scores)
        wanted = accuracies.max() - accuracies[chosen]
        if np.ndim(found) or not np.isreal(found):
            return "Return one number, a fraction."
        if close(found, wanted):
            continue
        if np.isnan(scores).any():
            return "One candidate has no score (nan): it cannot be chosen, but it can be the best."
        if close(found, -wanted):
            return "The sign is turned round: a regret is never below 0."
        if close(found, 100 * wanted):
            return "Accuracy is a fraction in code: leave the factor of 100 away."
        if close(found, np.ptp(accuracies)):
            return "This is the best minus the worst; the score did not choose the worst."
        if close(found, accuracies.max() - accuracies[np.argmin(scores)]):
            return "A higher score is better; the lowest one was chosen here."
        if close(found, wanted / accuracies.max()):
            return "This is the regret relative to the best; the plain difference is asked for."
        return "Find the candidate with the highest score, and look up its accuracy."


@exercise("08.2", "One neighbour", expects="a function of (features, labels) that gives a share")
def nearest_neighbour(answer):
    rng = np.random.default_rng(4)
    labels = np.arange(24) % 3
    features = rng.normal(size=(24, 5)) + 1.2 * rng.normal(size=(3, 5))[labels]
    distances = np.linalg.norm(features[:, None] - features[None], axis=2)
    far = (labels[distances.argmax(1)] == labels).mean()
    np.fill_diagonal(distances, np.inf)
    wanted = (labels[distances.argmin(1)] == labels).mean()
    found = answer(features.copy(), labels.copy())
    if np.shape(found) == (24,):
        return "This is one entry for each item; the share of the right ones is asked for."
    if np.ndim(found) or not np.isreal(found):
        return "Return one number, the share of items whose neighbour has their class."
    if close(found, 1.0):
        return "Every item is right: has each one found itself, at distance 0?"
    if close(found, 1 - wanted):
        return "This is the share of the wrong ones."
    if close(found, wanted * 24):
        return "This is how many are right; divide by the number of items."
    if close(found, far):
        return "This asks the farthest item; the smallest distance is asked for."
    if not close(found, wanted):
        return (
            "Compute the distance between each two rows, leave out that of a row to itself, "
            "and compare the label of the nearest row with the row's own."
        )


@exercise("08.3", "LEEP", expects="a function of (probabilities, labels) that gives one number")
def leep(answer):
    rng = np.random.default_rng(5)
    labels = np.arange(30) % 3
    logits = rng.normal(size=(30, 4)) + 2 * rng.normal(size=(3, 4))[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    joint = np.eye(3)[labels].T @ probabilities / 30
    by_source, by_label = joint / joint.sum(0), joint / joint.sum(1, keepdims=True)
    rows = np.arange(30)
    expected = (probabilities @ by_source.T)[rows, labels]
    wanted = np.log(expected).mean()
    found = answer(probabilities.copy(), labels.copy())
    if np.shape(found) == (30,):
        return "This is one entry for each item; the mean over items is asked for."
    if np.ndim(found) or not np.isreal(found):
        return "Return one number."
    if close(found, -wanted):
        return "The sign is turned round: the logarithm of a probability is at most 0."
    if close(found, 30 * wanted):
        return "This is the sum over items; the mean is asked for."
    if close(found, np.log(expected.mean())):
        return "The logarithm comes first, for each item, and then the mean."
    if close(found, expected.mean()):
        return "The logarithm is missing."
    if close(found, np.log((probabilities @ by_label.T)[rows, labels]).mean()):
        return "You divided by the sum of each target class: that is P(z | y), not P(y | z)."
    if close(found, np.log((probabilities @ joint.T)[rows, labels]).mean()):
        return "This uses P(y, z) itself: divide it by P(z)."
    if close(found, np.log(by_source[labels, probabilities.argmax(1)]).mean()):
        return "You took the likeliest source class only; LEEP adds over all of them."
    if not close(found, wanted):
        return "Begin with the table P(y, z): for each y, add up θ of the items with that label."
