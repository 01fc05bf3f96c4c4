import pytest
import torch

import tl_helpers as tl
from tl_helpers.files import known


def splits(task):
    return {"train": task.train, "valid": task.valid, "test": task.test}


def test_forms_of_one_word_stay_in_one_split():
    place = {name: word for word, split in splits(tl.data.words()).items() for name in split.names}
    families = {}
    for name, word in place.items():
        families.setdefault(name[:4], set()).add(word)
    assert len(families) > 1000
    assert all(len(found) == 1 for found in families.values())
    for forms in ("hope hopes hopeful hopeless", "happy happily happiness", "kind kindly kindness"):
        assert len({place[form] for form in forms.split()}) == 1


def test_sentiment_is_the_sign_of_the_rating_in_the_lexicon():
    sentiment, rating = tl.data.words(), tl.data.words("rating")
    lexicon = {}
    for line in known("vader_lexicon.txt").read_text(encoding="utf-8").splitlines():
        word, mean, *_ = line.split("\t")
        lexicon[word] = float(mean)
    assert sentiment.class_names == ("negative", "positive") and rating.class_names == ()
    for word, split in splits(sentiment).items():
        ratings = getattr(rating, word)
        assert split.names == ratings.names and all(name.isalpha() for name in split.names)
        assert torch.equal(split.inputs, ratings.inputs)
        assert torch.equal(split.labels == 1, ratings.labels > 0)
        for name, value in zip(ratings.names, ratings.labels.tolist(), strict=True):
            assert value == pytest.approx(lexicon[name])
    assert lexicon["happy"] > 0 > lexicon["sad"]
    assert rating.train.labels.dtype == torch.float32


def test_token_ids_are_those_of_the_model_and_padded_with_zero():
    task = tl.data.words()
    vocabulary = (known("tokenizer.json").parent / "vocab.txt").read_text(encoding="utf-8")
    vocabulary = vocabulary.splitlines()
    for row, name in zip(task.test.inputs.tolist(), task.test.names, strict=True):
        tokens = [vocabulary[i] for i in row]
        end = tokens.index("[SEP]")
        assert tokens[0] == "[CLS]" and set(row[end + 1 :]) <= {0}
        assert "".join(t.removeprefix("##") for t in tokens[1:end]) == name


def test_an_unknown_target_is_refused():
    with pytest.raises(ValueError, match="target is 'mood': 'sentiment' or 'rating'"):
        tl.data.words("mood")
