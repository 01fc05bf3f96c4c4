"""Lesson on fine-tuning BERT: the pieces of a text that one types, and what they attend to."""

import functools

import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.font_manager import findfont, get_font

from tl_helpers.teaching import plots
from tl_helpers.teaching.widgets import Choice, Slider, Text, Widget

TEXT = "a small bird that sings unforgettably at night"
SHOWN = 22  # tokens in the picture; what is longer is read by the encoder all the same
PADDING = 3  # tokens of padding that are added
WAYS = ("none", "with its mask", "without a mask")
SHADES = LinearSegmentedColormap.from_list("attention", ["#FFFFFF", plots.COLOURS["probe"]])
EXAMPLES = ("untransferable", "palm, palm, palm", "🙂 简体中文 naïve", "$5 for a bus", "so " * 600)


def fine_tuning_bert(tokenizer, encoder, text=TEXT) -> Widget:
    """Return the widget of a text that one types: pieces, ids, mask, and attention.

    tokenizer: of Hugging Face, such as ``AutoTokenizer.from_pretrained(…)`` gives. encoder: the
    BERT encoder that belongs to it, ``tl.models.minilm(…).backbone.encoder``; it is not changed,
    but for the way in which it computes attention, and is put into eval mode at each look. text:
    what stands there at first. A text longer than the encoder takes is cut, and the caption says
    so. Raises TypeError when text is no text.
    """
    config = encoder.config
    encoder.set_attn_implementation("eager")  # the others do not tell their attention
    look = functools.lru_cache(maxsize=4)(functools.partial(_look, tokenizer, encoder))
    layers, heads = config.num_hidden_layers, config.num_attention_heads

    def draw(figure, text, layer, head, padding):
        return _draw(figure, look(text, padding), layer, head, config.max_position_embeddings)

    return Widget(
        "Tokens and attention",
        draw,
        size=(7.4, 5.4),
        text=Text("Text", text, examples=EXAMPLES),
        layer=Slider("Layer", range(1, layers + 1), value=layers),
        head=Slider("Head (0: the mean of all)", range(heads + 1), value=0),
        padding=Choice("Padding", WAYS, value="none"),
    )


def tokens(tokenizer, text, longest):
    """Return the ids of a text with [CLS] and [SEP], cut to ``longest``, and their number uncut."""
    ids = tokenizer(text, truncation=False, verbose=False)["input_ids"]
    if len(ids) <= longest:
        return ids, len(ids)
    return [*ids[: longest - 1], ids[-1]], len(ids)


def attention(encoder, ids, mask):
    """Return who attends to whom: layers × heads × from × to, each row with the sum 1."""
    encoder.eval()
    with torch.no_grad():
        found = encoder(
            input_ids=torch.tensor([ids]).to(encoder.device),
            attention_mask=torch.tensor([mask]).to(encoder.device),
            output_attentions=True,
        )
    return torch.cat(found.attentions).cpu().numpy()


def _look(tokenizer, encoder, text, padding):
    """Return pieces, ids, mask, attention of the tokens that are shown, and what was counted."""
    longest = encoder.config.max_position_embeddings
    ids, uncut = tokens(tokenizer, text, longest)
    real = len(ids)
    added = 0 if padding == "none" else min(PADDING, longest - real)
    ids = ids + [tokenizer.pad_token_id] * added
    mask = [1] * real + [int(padding == "without a mask")] * added
    kept = list(range(len(ids)))
    if len(ids) > SHOWN:  # padding stays in the picture
        kept = kept[: SHOWN - added] + kept[len(ids) - added :]
    weights = attention(encoder, ids, mask)
    lost = weights[..., :real, real:].sum(-1).mean(-1)  # layers × heads
    return {
        "pieces": [tokenizer.convert_ids_to_tokens(ids[place]) for place in kept],
        "ids": [ids[place] for place in kept],
        "mask": [mask[place] for place in kept],
        "weights": weights[:, :, kept][..., kept].copy(),
        "unknown": ids.count(tokenizer.unk_token_id),
        "to padding": lost if added else None,
        "counts": (real, uncut, len(ids)),
    }


def _draw(figure, found, layer, head, longest):
    heads = found["weights"][layer - 1]
    weights = heads.mean(0) if head == 0 else heads[head - 1]
    labels, count = [drawable(piece) for piece in found["pieces"]], len(found["ids"])
    figure.add_subplot().set_axis_off()  # the other keeps its place, whatever is typed
    axes = figure.add_axes((0.33, 0.02, 0.65, 0.78))
    axes.imshow(weights, cmap=SHADES, vmin=0, vmax=max(0.3, weights.max()), aspect="auto")
    axes.grid(visible=False)
    axes.set_xticks(range(count), labels, rotation=90, fontsize=8, parse_math=False)
    axes.xaxis.tick_top()
    axes.set_yticks(range(count), labels, fontsize=8, parse_math=False)
    axes.tick_params(length=0)
    style = {"fontsize": 8, "va": "center", "ha": "right", "family": "monospace"}
    for row, (number, mask) in enumerate(zip(found["ids"], found["mask"], strict=True)):
        grey = "black" if mask else "#999999"
        place = 0.80 - 0.78 * (row + 0.5) / count
        figure.text(0.10, place, str(number), color=grey, **style)
        figure.text(0.15, place, str(mask), color=grey, **style)
    style = {"fontsize": 9, "va": "bottom", "fontweight": "bold"}
    for x, word, side in ((0.10, "id", "right"), (0.16, "mask", "right"), (0.31, "from", "right")):
        figure.text(x, 0.81, word, ha=side, **style)
    figure.text(0.33, 0.965, "attention to", ha="left", **style)
    return _caption(found, weights, layer, head, longest)


def _caption(found, weights, layer, head, longest):
    real, uncut, total = found["counts"]
    said = []
    if uncut > longest:
        said.append(f"{uncut:,} tokens; the encoder takes {longest}, so the rest was cut.")
    elif real == 2:
        said.append("The text is empty: only [CLS] and [SEP] are left.")
    else:
        said.append(f"{real} tokens.")
    if total > len(found["ids"]):
        said.append(f"The picture shows {len(found['ids'])} of them.")
    if found["unknown"]:
        said.append(f"{found['unknown']} not in the vocabulary: [UNK].")
    which = "in the mean of all heads" if head == 0 else f"in head {head}"
    target = found["pieces"][1 + int(np.argmax(weights[0, 1:]))]
    said.append(f"Layer {layer}, {which}: but for itself, [CLS] attends most to {target}.")
    if found["to padding"] is not None:
        lost = found["to padding"][layer - 1]
        lost = lost.mean() if head == 0 else lost[head - 1]
        said.append(f"Padding gets {100 * lost:.0f} % of the others' attention.")
    return " ".join(said)


@functools.cache
def _drawn_by_the_font():
    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def drawable(piece):
    """Return a piece as it can be drawn: short, and U+… where the font has no such character."""
    known = _drawn_by_the_font()
    parts = [char if ord(char) in known else f"U+{ord(char):X}" for char in piece]
    shown = "".join(parts)
    return shown if len(shown) <= 13 else f"{shown[:12]}…"
