"""Sentences of 230 years of speeches, as token ids for the text encoder ``minilm``."""

import numpy as np

from tl_helpers.data.split import Split
from tl_helpers.data.task import Task
from tl_helpers.files import known

TARGETS = ("party", "era", "year")
PARTIES = ("Democratic", "Republican")
ERAS = {
    "1790–1860": 1790,
    "1861–1913": 1861,
    "1914–1945": 1914,
    "1946–1988": 1946,
    "1989–2021": 1989,
}
SPAN = (1790, 2021)


def speeches(target: str = "party", years: tuple[int, int] = SPAN) -> Task:
    """Return sentences of the yearly State of the Union addresses of the presidents of the USA.

    target: "party" for Democratic or Republican (speeches of other parties are left out), "era"
        for one of five spans of years, "year" for the year as a float (a regression).
    years: the first and the last year wanted; two spans are two domains of one task.
    Inputs: int64 token ids N×48 of all-MiniLM-L6-v2 with its start and end tokens, 0 is padding,
    longer ones are cut; the sentences themselves are the names, in the order of the years. All
    sentences of a speech are in one split.

    Raises ValueError for another target, for years that are not two whole numbers in order, and
    for years in which a split has no sentence of a class.
    """
    if target not in TARGETS:
        raise ValueError(f"target is {target!r}: {', '.join(map(repr, TARGETS))} are accepted.")
    first, last = _checked(years)
    with np.load(known("speeches.npz")) as arrays:
        parties = arrays["class_names"].tolist()
        kept = {}
        for word in ("train", "valid", "test"):
            year, party = arrays[f"{word}_years"].astype(np.int64), arrays[f"{word}_labels"]
            wanted = (first <= year) & (year <= last)
            if target == "party":
                wanted &= np.isin(party, [parties.index(name) for name in PARTIES])
            values = {
                "party": (party == parties.index(PARTIES[1])).astype(np.int64),
                "era": np.searchsorted(list(ERAS.values()), year, side="right") - 1,
                "year": year.astype(np.float32),
            }[target]
            sentences = arrays[f"{word}_sentences"].tobytes().decode().split("\n")
            chosen = np.flatnonzero(wanted)
            kept[word] = (
                arrays[f"{word}_inputs"][chosen].astype(np.int64),
                values[chosen],
                [sentences[i] for i in chosen],
            )
    names = ()
    if target == "party":
        names = PARTIES
    elif target == "era":
        # The eras that the years touch; labels count from the first of them.
        starts = np.searchsorted(list(ERAS.values()), [first, last], side="right") - 1
        names = list(ERAS)[starts[0] : starts[1] + 1]
        kept = {word: (ids, era - starts[0], said) for word, (ids, era, said) in kept.items()}
    for word, (_, labels, _) in kept.items():
        missing = [name for label, name in enumerate(names) if label not in labels]
        if missing or not len(labels):
            raise ValueError(
                f"years is ({first}, {last}): its {word} split would have no sentence of "
                f"{' or '.join(missing) or 'any year'}; take more years from {SPAN[0]} to {SPAN[1]}."
            )
    splits = {word: Split(*parts) for word, parts in kept.items()}
    return Task(
        **splits, class_names=names, domain=f"speeches of {first}–{last}", name=f"speech {target}"
    )


def _checked(years) -> tuple[int, int]:
    """Return years as two integers, or raise."""
    try:
        first, last = (int(year) if int(year) == year else None for year in years)
        in_order = SPAN[0] <= first <= last <= SPAN[1]
    except (TypeError, ValueError, OverflowError):
        in_order = False
    if not in_order:
        raise ValueError(
            f"years is {years!r}: the first and the last year are accepted, from {SPAN[0]} to "
            f"{SPAN[1]}."
        )
    return first, last
