"""Words and how people rated their sentiment, as token ids for the text encoder ``minilm``."""

import hashlib

import torch

from tl_helpers.data.split import Split
from tl_helpers.data.task import Task
from tl_helpers.files import known

STEM = 4  # letters; five would part "hope" from "hopeful" and "happy" from "happiness"
TARGETS = ("sentiment", "rating")


def words(target: str = "sentiment") -> Task:
    """Return the English words of the VADER lexicon with what ten people felt at each.

    target: "sentiment" for the classes negative and positive, "rating" for the mean rating from
        -4 to 4 as a float (a regression).
    Inputs: int64 token ids N×L of all-MiniLM-L6-v2 with its start and end tokens, 0 is padding;
    the words themselves are the names.

    Words whose first four letters agree are in the same split: forms of one word would otherwise
    stand in train and in test. Hutto and Gilbert 2014, "VADER: A Parsimonious Rule-based Model
    for Sentiment Analysis of Social Media Text", ICWSM. Raises ValueError for another target.
    """
    if target not in TARGETS:
        raise ValueError(f"target is {target!r}: {' or '.join(map(repr, TARGETS))} is accepted.")
    from tokenizers import Tokenizer

    ratings = {}
    for line in known("vader_lexicon.txt").read_text(encoding="utf-8").splitlines():
        word, rating, *_ = line.split("\t")
        if word.isascii() and word.isalpha():
            ratings[word.lower()] = float(rating)
    tokenizer = Tokenizer.from_file(str(known("tokenizer.json")))
    tokenizer.no_truncation()
    tokenizer.enable_padding(length=None)
    listed = sorted(ratings)
    inputs = torch.tensor([tokens.ids for tokens in tokenizer.encode_batch(listed)])
    labels = torch.tensor([ratings[word] for word in listed])
    if target == "sentiment":
        labels = (labels > 0).long()
    places = [_place(word) for word in listed]
    splits = {}
    for place in ("train", "valid", "test"):
        chosen = [i for i, other in enumerate(places) if other == place]
        splits[place] = Split(inputs[chosen], labels[chosen], [listed[i] for i in chosen])
    class_names = ("negative", "positive") if target == "sentiment" else ()
    return Task(**splits, class_names=class_names, domain="English words", name=f"word {target}")


def _place(word: str) -> str:
    """Return the split of a word; it hangs on the stem alone, so no other word can move it."""
    share = hashlib.sha256(word[:STEM].encode()).digest()[0] / 256
    return "train" if share < 0.6 else "valid" if share < 0.75 else "test"
