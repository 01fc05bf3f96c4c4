import re

import torch
from tokenizers import Tokenizer

import tl_helpers as tl
from tl_helpers.files import known


def test_classes_and_sizes():
    task = tl.data.glosses()
    assert task.num_classes == 10 and "animal" in task.class_names
    assert torch.bincount(task.train.labels).min() >= 100
    assert torch.bincount(task.test.labels).tolist() == [100] * 10
    assert len(task.few(100, seed=0).train) == 1000


def test_token_ids_are_those_of_the_tokenizer():
    task = tl.data.glosses()
    tokenizer = Tokenizer.from_file(str(known("tokenizer.json")))
    tokenizer.enable_truncation(32)
    tokenizer.enable_padding(length=32)
    for split in (task.train, task.valid, task.test):
        assert split.inputs.shape[1] == 32
        expected = tokenizer.encode_batch(list(split.names[:200]))
        assert split.inputs[:200].tolist() == [tokens.ids for tokens in expected]


def test_sentences_are_whole_and_none_insults():
    for split in (tl.data.glosses().train, tl.data.glosses().test):
        for name in split.names:
            assert len(name.split()) >= 5 and ";" not in name and name == name.strip()
            assert not re.search(r"\b(offensive|slur|genus)\b", name)


def test_no_sentence_stands_in_two_splits():
    task = tl.data.glosses()
    train, valid, test = (set(split.names) for split in (task.train, task.valid, task.test))
    assert not (train & valid or train & test or valid & test)
    assert sum(map(len, (train, valid, test))) == 17145


def test_the_families_share_no_noun(monkeypatch):
    monkeypatch.syspath_prepend(tl.files.DATA / "build")
    import glosses

    entries = [
        ("animal", ["dog", "hound"], "a barking animal that people keep"),
        ("person", ["hound", "cad"], "someone who is morally reprehensible indeed"),
        ("food", ["pasta"], "a dough that is cooked in water"),
        ("plant", ["moss"], "a dough that is cooked in water"),
        ("plant", ["oak"], "a tree that bears its acorns"),
    ]
    found = glosses.families(entries)
    assert sorted(len(family) for family in found) == [1, 2, 2]
