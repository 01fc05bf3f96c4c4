"""The widget of tokens and attention: what is typed, what the encoder takes, what is drawn."""

import functools

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertModel

from tl_helpers.files import known
from tl_helpers.lessons.fine_tuning_bert.widget import (
    SHOWN,
    attention,
    drawable,
    fine_tuning_bert,
    tokens,
)

LONGEST = 40


@functools.cache
def parts():
    """The real tokenizer, and a small encoder that was never trained."""
    tokenizer = AutoTokenizer.from_pretrained(known("tokenizer.json").parent)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=LONGEST,
        initializer_range=1.0,
    )
    return tokenizer, BertModel(config, add_pooling_layer=False)


def example():
    return fine_tuning_bert(*parts(), text="a small bird")


def rows(widget):
    """What stands at the left of the picture: pieces, ids and masks, from top to bottom."""
    figure = widget.figure()
    _, axes = figure.axes
    pieces = [label.get_text() for label in axes.get_yticklabels()]
    numbers = [text.get_text() for text in figure.texts]
    return (
        pieces,
        list(map(int, numbers[0 : 2 * len(pieces) : 2])),
        list(map(int, numbers[1 : 2 * len(pieces) : 2])),
    )


def test_pieces_ids_and_mask_are_those_of_the_tokenizer():
    widget, (tokenizer, _) = example(), parts()
    widget.set(text="untransferable birds", padding="with its mask")
    pieces, ids, mask = rows(widget)
    wanted = tokenizer("untransferable birds")["input_ids"]
    assert ids == wanted + [0, 0, 0] and mask == [1] * len(wanted) + [0, 0, 0]
    assert pieces == tokenizer.convert_ids_to_tokens(ids)
    assert pieces[0] == "[CLS]" and pieces[-1] == "[PAD]" and any(p[:2] == "##" for p in pieces)


def test_the_picture_is_the_attention_of_the_layer_and_the_head():
    widget, (tokenizer, encoder) = example(), parts()
    ids = tokenizer("a small bird")["input_ids"]
    found = encoder.eval()(input_ids=torch.tensor([ids]), output_attentions=True).attentions
    for layer in (1, 2):
        for head in (0, 1, 2):
            widget.set(layer=layer, head=head)
            shown = np.asarray(widget.figure().axes[1].images[0].get_array())
            heads = found[layer - 1][0].detach()
            wanted = heads.mean(0) if head == 0 else heads[head - 1]
            np.testing.assert_allclose(shown, wanted, atol=1e-6)
            np.testing.assert_allclose(shown.sum(1), 1, atol=1e-5)


def test_the_mask_keeps_attention_off_the_padding():
    widget = example()
    widget.set(padding="with its mask")
    assert "Padding gets 0 % of the others' attention." in widget.caption
    widget.set(padding="without a mask")
    assert "Padding gets 0 %" not in widget.caption and "Padding gets" in widget.caption
    assert rows(widget)[2] == [1] * len(rows(widget)[2])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The text is empty: only [CLS] and [SEP] are left."),
        ("   \n\t", "The text is empty"),
        ("word " * 10_000, f"10,002 tokens; the encoder takes {LONGEST}, so the rest was cut."),
        ("🙂🙃", "1 not in the vocabulary: [UNK]."),
        ("简体中文", "6 tokens. "),
        ("x" * 5_000, "1 not in the vocabulary"),
        ("$a$ \\frac{1}{2} %s {0}", "but for itself, [CLS] attends most to"),
        ("a\x00b\u200bc \ud83d", "tokens."),
    ],
)
def test_whatever_is_typed_is_drawn_and_explained(text, said, recwarn):
    widget = example()
    for padding in ("none", "without a mask"):
        widget.set(text=text, padding=padding)
        assert widget.error == "" and said in widget.caption, widget.caption
    assert [str(w.message) for w in recwarn if "Glyph" in str(w.message)] == []


def test_a_text_that_is_too_long_is_cut_and_keeps_its_end_token():
    tokenizer, encoder = parts()
    ids, uncut = tokens(tokenizer, "bird " * 100, LONGEST)
    assert len(ids) == LONGEST and ids[-1] == tokenizer.sep_token_id and uncut == 102
    assert attention(encoder, ids, [1] * LONGEST).shape == (2, 2, LONGEST, LONGEST)
    widget = example()
    widget.set(text="bird " * 100, padding="with its mask")
    assert len(rows(widget)[0]) == SHOWN and f"shows {SHOWN} of them" in widget.caption
    widget.set(text="bird " * 30)
    assert "32 tokens." in widget.caption and rows(widget)[0][-3:] == ["[PAD]"] * 3


def test_pieces_that_the_font_cannot_draw_are_written_as_numbers():
    assert drawable("##ing") == "##ing" and drawable("é") == "é"
    assert drawable("简") == "U+7B80"
    assert drawable("internationalisation") == "internationa…"


def test_a_start_that_is_no_text_is_refused():
    with pytest.raises(TypeError, match="'Text' starts at None, expected a text"):
        fine_tuning_bert(*parts(), text=None)
