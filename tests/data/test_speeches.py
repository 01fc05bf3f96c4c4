import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

import tl_helpers as tl
from tl_helpers.files import known


def splits(task):
    return {"train": task.train, "valid": task.valid, "test": task.test}


def test_targets_describe_the_same_sentences():
    party, era, year = (tl.data.speeches(target) for target in ("party", "era", "year"))
    assert party.class_names == ("Democratic", "Republican")
    assert era.num_classes == 5 and year.class_names == ()
    starts = [int(name[:4]) for name in era.class_names]
    ends = [int(name[5:]) for name in era.class_names]
    for word, split in splits(era).items():
        dated = splits(year)[word]
        assert split.names == dated.names and set(splits(party)[word].names) < set(dated.names)
        for label, when in zip(split.labels.tolist(), dated.labels.tolist(), strict=True):
            assert starts[label] <= when <= ends[label]
    lengths = [len(name.split()) for name in era.train.names]
    assert min(lengths) >= 8 and max(lengths) <= 40


def test_all_sentences_of_a_speech_are_in_one_split():
    with np.load(known("speeches.npz")) as arrays:
        speeches = [
            set(zip(arrays[f"{word}_years"], arrays[f"{word}_labels"], strict=True))
            for word in ("train", "valid", "test")
        ]
    assert not (speeches[0] & speeches[1] or speeches[0] & speeches[2] or speeches[1] & speeches[2])
    assert sum(map(len, speeches)) == 233


@pytest.mark.parametrize(("year", "party"), [(1863, 1), (1962, 0), (1985, 1), (2012, 0)])
def test_the_party_is_the_one_of_the_year(year, party):
    dated, told = splits(tl.data.speeches("year")), splits(tl.data.speeches("party"))
    label, names = {}, []
    for word in dated:
        label |= dict(zip(told[word].names, told[word].labels.tolist(), strict=True))
        names += [dated[word].names[i] for i in (dated[word].labels == year).nonzero()]
    assert len(names) > 50 and {label[name] for name in names} == {party}


def test_years_cut_a_domain():
    late, early = tl.data.speeches(years=(1950, 2021)), tl.data.speeches(years=(1850, 1921))
    assert late.domain == "speeches of 1950–2021" and late.class_names == early.class_names
    assert not set(late.train.names) & set(early.test.names)
    kept = tl.data.speeches("year", years=(1950, 2021)).test.labels
    assert kept.min() >= 1950 and kept.max() <= 2021
    eras = tl.data.speeches("era", years=(1914, 2021))
    assert eras.class_names == ("1914–1945", "1946–1988", "1989–2021")
    assert torch.bincount(eras.test.labels, minlength=3).min() > 0


def test_token_ids_are_those_of_the_tokenizer():
    tokenizer = Tokenizer.from_file(str(known("tokenizer.json")))
    tokenizer.enable_truncation(48)
    tokenizer.enable_padding(length=48)
    split = tl.data.speeches("year").valid
    expected = tokenizer.encode_batch(list(split.names[::10]))
    assert split.inputs[::10].tolist() == [tokens.ids for tokens in expected]


@pytest.mark.parametrize(
    "years", [(1, 2), (2000, 1990), (1990, 1990.5), (1990,), "ab", 5, None, (1990, float("inf"))]
)
def test_what_is_no_span_of_years_is_refused(years):
    with pytest.raises(ValueError, match="years is .* from 1790 to 2021"):
        tl.data.speeches(years=years)


def test_years_without_a_class_are_refused():
    with pytest.raises(ValueError, match=r"years is \(1933, 1950\): its train .* of Republican;"):
        tl.data.speeches(years=(1933, 1950))
    with pytest.raises(ValueError, match=r"its valid split would have no sentence of 1790–1860;"):
        tl.data.speeches("era", years=(1860, 1870))
    with pytest.raises(ValueError, match="its .* split would have no sentence of any year;"):
        tl.data.speeches("year", years=(1933, 1933))


def test_an_unknown_target_is_refused():
    with pytest.raises(ValueError, match="target is 'president': 'party', 'era', 'year'"):
        tl.data.speeches("president")


def test_sentences_do_not_end_at_an_abbreviation(monkeypatch):
    monkeypatch.syspath_prepend(tl.files.DATA / "build")
    import speeches

    text = "I thank Mr. Adams of the U.S. Senate. Has he come? He has, Col. said."
    found = speeches.sentences(text)
    assert found[0].startswith("I thank Mr. Adams") and "Has he come?" in found
