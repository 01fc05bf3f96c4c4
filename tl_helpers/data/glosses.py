"""What nouns mean, in WordNet's words, as token ids for the text encoder ``minilm``."""

import numpy as np

from tl_helpers.data.split import Split
from tl_helpers.data.task import Task
from tl_helpers.files import known


def glosses() -> Task:
    """Return 17,145 glosses of WordNet: what kind of thing, of ten, does the sentence define?

    Inputs: int64 token ids N×32 of all-MiniLM-L6-v2 with its start and end tokens, 0 is padding,
    longer ones are cut; the sentences themselves are the names. Validation and test hold equally
    many of each class, training up to 1,860. No noun is defined in two splits.

    Miller 1995, "WordNet: A Lexical Database for English", Communications of the ACM 38(11).
    """
    with np.load(known("glosses.npz")) as arrays:
        splits = {
            word: Split(
                arrays[f"{word}_inputs"].astype(np.int64),
                arrays[f"{word}_labels"],
                arrays[f"{word}_sentences"].tobytes().decode().split("\n"),
            )
            for word in ("train", "valid", "test")
        }
        names = arrays["class_names"].tolist()
    return Task(**splits, class_names=names, domain="glosses", name="glosses")
