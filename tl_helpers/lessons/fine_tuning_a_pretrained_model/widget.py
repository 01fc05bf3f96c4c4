"""Lesson 05: what a network is given, and what it says of it before and after fine-tuning."""

from tl_helpers.teaching.widgets import Choice, Kept, Widget

SHOWN = 5  # classes
BAR = "#9CCBE8"  # pale, so that names are read on the bars


def fine_tuning_a_pretrained_model(
    inputs, before, after, *, names, labels, imagenet_classes, class_names
) -> Widget:
    """Choose an image and a preprocessing; see the network's input and its five likeliest classes.

    ``inputs``: {preprocessing: float N×3×H×W as the backbone gets it; H and W may differ by key}.
    ``before``: {preprocessing: N×len(imagenet_classes) logits of the pretrained network}.
    ``after``: {preprocessing: N×len(class_names) logits of the fine-tuned one}.
    ``names``: N names of the images. ``labels``: N class numbers. Nothing is computed by a network
    here: a redraw only looks up what was measured.
    Raises ValueError when the three do not hold the same preprocessings of N images.
    """
    names = list(names)
    for word, found in (("inputs", inputs), ("before", before), ("after", after)):
        if list(found) != list(inputs) or any(len(part) != len(names) for part in found.values()):
            raise ValueError(
                f"{word} holds {[(key, len(part)) for key, part in found.items()]}, expected "
                f"{len(names)} items under each of {list(inputs)}."
            )
    before = {key: logits.softmax(1) for key, logits in before.items()}
    after = {key: logits.softmax(1) for key, logits in after.items()}

    def build(figure):
        picture, bars = figure.subplots(1, 2, width_ratios=(1, 2.6))
        look = {"interpolation": "nearest", "extent": (0, 1, 0, 1), "animated": True}
        shown = picture.imshow([[(0, 0, 0)]], **look)
        look = {"ha": "center", "va": "top", "linespacing": 1.3, "animated": True}
        told = picture.text(0.5, -0.05, "\n", transform=picture.transAxes, **look)
        picture.set(xticks=[], yticks=[], title="The input")
        picture.grid(False)
        picture.spines[:].set_visible(False)
        # One pair of axes for both networks: axes are what takes the time of a redraw.
        bars.set(xlim=(0, 215), ylim=(SHOWN - 0.4, -1))
        bars.set_axis_off()
        move_before = _bars(bars, 0, "Before: ImageNet classes", imagenet_classes)
        move_after = _bars(bars, 115, "After: groups of emoji", class_names)

        def move(emoji, given):
            number = names.index(emoji)
            image = inputs[given][number]
            low, high = float(image.min()), float(image.max())
            # Shown as the network takes it: -1 is black to it, 1 is white, and beyond is lost.
            shown.set_data((image.permute(1, 2, 0) / 2 + 0.5).clip(0, 1).numpy())
            told.set_text(f"{image.shape[-1]} pixels\n{low:.1f} to {high:.1f}")
            first = move_before(before[given][number])
            top = move_after(after[given][number])
            truth = class_names[labels[number]]
            verdict = "right" if class_names[top] == truth else f"but it is {truth}"
            return (
                f"{emoji}, {given}: the network before fine-tuning says "
                f"{imagenet_classes[first]}, after fine-tuning "
                f"{class_names[top]} ({100 * after[given][number][top]:.0f} %), {verdict}."
            )

        return move

    return Widget(
        "Preprocessing",
        Kept(build),
        size=(6.6, 2.6),
        emoji=Choice("Emoji", names, value=names[0]),
        given=Choice("Preprocessing", list(inputs), value=list(inputs)[0]),
    )


def _bars(axes, left, title, words):
    """Draw bars from ``left``, a unit for a percent; return ``move(probabilities)``.

    ``move`` shows the likeliest classes and returns the first.
    """
    axes.text(left, -0.7, title, va="center", fontsize=10.5)
    axes.barh(range(SHOWN), [100] * SHOWN, left=left, color="#F2F2F2", height=0.8)
    moves = {"animated": True}
    bars = axes.barh(range(SHOWN), [0] * SHOWN, left=left, color=BAR, height=0.8, **moves)
    look = {"va": "center", **moves}
    texts = [
        (axes.text(left + 2, row, "", **look), axes.text(left + 99, row, "", ha="right", **look))
        for row in range(SHOWN)
    ]

    def move(probabilities):
        shares, numbers = (found.tolist() for found in probabilities.topk(SHOWN))
        for bar, (name, percent), number, share in zip(bars, texts, numbers, shares, strict=True):
            bar.set_width(100 * share)
            name.set_text(words[number][:22])
            percent.set_text(f"{100 * share:.0f} %")
        return numbers[0]

    return move
