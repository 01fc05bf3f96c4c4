"""The checks of the lesson on tasks: where the gain ends, the setting named, a gain with spread."""

import numpy as np

from tl_helpers.teaching.exercises import close, exercise
from tl_helpers.teaching.results import results

ENOUGH = 0.05  # the gain, a fraction, that exercise 01.1 asks about


@exercise("01.1", "Where the gain ends", expects="one of the measured numbers of labels a class")
def where_the_gain_ends(answer):
    gain = gains(results("01_source_and_target_tasks"))
    if answer not in gain:
        return "Not one of the numbers of labels a class that were measured: see labels_per_class."
    below = [k for k in gain if gain[k] < ENOUGH]
    if answer not in below:
        return (
            "There the gain is still 5 points or more: move the slider of the widget to the right, "
            "and subtract the mean of scratch from the mean of full."
        )
    if answer != min(below):
        return "The gain is below 5 points there, and it already was with fewer labels."


def gains(runs) -> dict:
    """Return {labels a class: mean accuracy of full fine-tuning minus that of scratch}."""
    mean = {}
    for name in ("full", "scratch"):
        for k in sorted({run["labels"] for run in runs}):
            found = [r["accuracy"] for r in runs if r["name"] == name and r["labels"] == k]
            mean[name, k] = np.mean(found)
    return {k: mean["full", k] - mean["scratch", k] for name, k in mean if name == "full"}


_SETTINGS = {"inductive", "transductive", "unsupervised"}
# For each case: the right word, and the question that leads to it.
_CASES = {
    "A": ("inductive", "Are the classes the same on both sides, and who labelled the flowers?"),
    "B": ("transductive", "Is it another task, or the same task in another domain?"),
    "C": ("unsupervised", "Is there a label on either side?"),
    "D": ("inductive", "The texts are of one kind; what about the answers, and are some given?"),
    "E": ("transductive", "What differs, the mails or the classes, and who labelled the new ones?"),
}


@exercise("01.2", "Name the setting", expects="a dictionary with a word for each of A to E")
def name_the_setting(answer):
    if not isinstance(answer, dict) or set(answer) != set(_CASES):
        return "Give a dictionary with the keys A, B, C, D and E."
    words = {letter: str(word).strip().lower() for letter, word in answer.items()}
    unknown = sorted(letter for letter, word in words.items() if word not in _SETTINGS)
    if unknown:
        return f"{', '.join(unknown)}: use one of the three words of the table, spelled as there."
    wrong = [letter for letter, (word, _) in _CASES.items() if words[letter] != word]
    if wrong:
        return f"{len(wrong)} of 5 to think over. {wrong[0]}: {_CASES[wrong[0]][1]}"


@exercise(
    "01.3", "Gain and its spread", expects="a function of (transfer, scratch) that gives two arrays"
)
def transfer_gain(answer):
    rng = np.random.default_rng(3)
    scratch = rng.uniform(0.3, 0.8, (6, 4))
    transfer = scratch + [0.3, 0.1, 0.0, -0.1] + rng.normal(0, 0.02, (6, 4))
    difference = transfer - scratch
    mean, spread = difference.mean(0), difference.std(0, ddof=1)
    found = answer(transfer.copy(), scratch.copy())
    if not isinstance(found, list | tuple) or len(found) != 2:
        return "Return two things: the mean gain and its spread."
    shapes = [np.shape(part) for part in found]
    if (6,) in shapes:
        return "You took the mean over labels; the repeats are the rows, one for each seed."
    if shapes != [(4,), (4,)]:
        return f"Each of the two has one entry for each number of labels; yours are {shapes}."
    if close(found[0], -mean):
        return "The sign is turned round: a gain is above 0 when transfer is better."
    if close(found[0], 100 * mean):
        return "Accuracy is a fraction in code: leave the factor of 100 away."
    if close(found[0], np.median(difference, 0)):
        return "This is the median of the gains; the mean is asked for."
    if close(found[0], mean / scratch.mean(0)):
        return "This is the gain relative to scratch; the plain difference is asked for."
    if not close(found[0], mean):
        return "The mean gain is not right: subtract scratch from transfer, then take the mean."
    if close(found[1], transfer.std(0, ddof=1) - scratch.std(0, ddof=1)):
        return "A difference of two spreads is not the spread of the differences."
    if close(found[1], np.hypot(transfer.std(0, ddof=1), scratch.std(0, ddof=1))):
        return (
            "This takes the two as independent, but row by row they share a seed and its labels: "
            "subtract first."
        )
    if close(found[1], difference.std(0)):
        return "The spread is divided by the number of seeds; a sample divides by one less."
    if close(found[1], spread**2):
        return "This is the variance; take its root."
    if close(found[1], spread / np.sqrt(6)):
        return "This is the standard error of the mean; the spread of the seeds is asked for."
    if not close(found[1], spread):
        return "The mean is right; the spread is not the sample standard deviation of the gains."
