"""The widget of lesson 05."""

import pytest
import torch

from tl_helpers.lessons.fine_tuning_a_pretrained_model.widget import fine_tuning_a_pretrained_model

IMAGENET = [f"class {number} of a long name" for number in range(7)]
GROUPS = ["animal", "food", "plant", "place", "person"]


def measured():
    """Made-up measurements of two emoji under two preprocessings."""
    torch.manual_seed(0)
    inputs = {"right": torch.rand(2, 3, 8, 8) * 2 - 1, "0 to 255": torch.rand(2, 3, 4, 4) * 255}
    before = {key: torch.randn(2, len(IMAGENET)) for key in inputs}
    after = {key: torch.randn(2, len(GROUPS)) for key in inputs}
    after["right"][0] = torch.tensor([9.0, 0, 0, 0, 0])
    return inputs, before, after


WORDS = {
    "names": ("cat", "apple"),
    "labels": [0, 1],
    "imagenet_classes": IMAGENET,
    "class_names": GROUPS,
}


def example():
    return fine_tuning_a_pretrained_model(*measured(), **WORDS)


def test_it_shows_what_was_measured():
    inputs, before, after = measured()
    widget = example()
    first = IMAGENET[before["right"][0].argmax()]
    assert f"before fine-tuning says {first}" in widget.caption
    assert widget.caption.startswith("cat, right") and "animal (100 %), right." in widget.caption
    widget.set(emoji="apple", given="0 to 255")
    top = GROUPS[after["0 to 255"][1].argmax()]
    assert f"after fine-tuning {top} (" in widget.caption
    assert widget.caption.endswith("right." if top == "food" else "but it is food.")
    picture = widget.figure().axes[0]
    assert "4 pixels" in picture.texts[0].get_text()
    assert f"to {float(inputs['0 to 255'][1].max()):.1f}" in picture.texts[0].get_text()


def test_bars_are_the_five_largest_probabilities_with_their_names():
    _, before, _ = measured()
    bars = example().figure().axes[1]
    shares, numbers = before["right"][0].softmax(0).topk(5)
    filled = [bar.get_width() for bar in bars.patches if bar.get_x() == 0][5:]
    assert filled == pytest.approx((100 * shares).tolist())
    written = [text.get_text() for text in bars.texts]
    for number, share in zip(numbers, shares, strict=True):
        assert written[written.index(IMAGENET[number][:22]) + 1] == f"{100 * share:.0f} %"


def test_measurements_that_do_not_belong_together_raise():
    inputs, before, after = measured()
    with pytest.raises(ValueError, match="after holds"):
        fine_tuning_a_pretrained_model(inputs, before, {"right": after["right"]}, **WORDS)
    with pytest.raises(ValueError, match="before holds .*expected 2 items"):
        fine_tuning_a_pretrained_model(
            inputs, {key: part[:1] for key, part in before.items()}, after, **WORDS
        )
