"""Lesson on self-supervision: who is near to a changed image, in one feature space and another."""

import numpy as np
import torch
from matplotlib.colors import to_rgb

from tl_helpers.teaching import plots
from tl_helpers.teaching.widgets import Choice, Kept, Slider, Widget

NEAREST = 7
FRAME, GAP = 2, 2  # pixels around an image, and between two
STRENGTHS = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]


def self_supervised(images, words, bank, labels, changes, spaces, start) -> Widget:
    """Return the widget of nearest neighbours: an image, a change, its strength; a row a space.

    images: float K×1×H×W in [0, 1], the k-th of class k, whose name is ``words[k]``. bank: float
    N×1×H×W, where neighbours are looked for; labels: its N class numbers. changes: {name: function
    of images and a strength from 0 to 1}. spaces: {name: function of images to features N×F}. All
    of them are called once. start: {"word": …, "change": …, "strength": …}, what is shown first.

    Raises ValueError when there are fewer than 7 images in the bank, or numbers do not fit.
    """
    if len(images) != len(words) or len(bank) != len(labels) or len(bank) < NEAREST:
        raise ValueError(
            f"there are {len(images)} images and {len(words)} words, {len(bank)} images in the "
            f"bank and {len(labels)} labels: both pairs must fit, with {NEAREST} or more in the bank"
        )
    # change -> strength -> image
    views = {
        name: torch.stack([change(images, strength) for strength in STRENGTHS])[:, :, 0].numpy()
        for name, change in changes.items()
    }
    near = {}
    for space, features in spaces.items():
        there = torch.as_tensor(features(bank)).float()
        for name, seen in views.items():
            flat = torch.from_numpy(seen).flatten(0, 1)[:, None]
            distances = torch.cdist(torch.as_tensor(features(flat)).float(), there)
            nearest = distances.topk(NEAREST, largest=False).indices
            near[space, name] = nearest.view(len(STRENGTHS), len(words), NEAREST).numpy()
    bank, labels = np.asarray(bank[:, 0]), np.asarray(labels)
    return Widget(
        "Nearest neighbours of a changed image",
        Kept(lambda figure: build(figure, words, list(spaces), views, near, bank, labels)),
        size=(8.2, 0.66 * len(spaces) + 0.5),
        word=Choice("Image", list(words), value=start["word"]),
        change=Choice("Change", list(changes), value=start["change"]),
        strength=Slider("Strength", STRENGTHS, value=start["strength"]),
    )


def build(figure, words, spaces, views, near, bank, labels):
    """Draw what stays and return ``move(word, change, strength)``, which returns the caption."""
    cell = bank.shape[-1] + 2 * FRAME + GAP
    ground = np.ones((len(spaces) * cell, (NEAREST + 2) * cell, 3), dtype="float32")
    axes = figure.subplots()
    drawn = axes.imshow(ground, vmin=0, vmax=1, interpolation="nearest", animated=True)
    axes.set_yticks([cell * (row + 0.5) for row in range(len(spaces))], spaces)
    axes.set_xticks([cell * (2 + NEAREST / 2)], ["its nearest neighbours"])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    # How strong the change is, even where the image does not show it: a mirror has no half.
    told = axes.text(0, -0.1 * cell, " ", va="bottom", animated=True)
    counts = [
        axes.text(
            (NEAREST + 2.1) * cell, cell * (row + 0.5), " ", va="center", animated=True, fontsize=9
        )
        for row in range(len(spaces))
    ]
    # The counts stand to the right of the picture: leave them a place.
    axes.set_xlim(0, (NEAREST + 3.4) * cell)
    right, wrong = (np.float32(to_rgb(colour)) for colour in (plots.RIGHT, plots.WRONG))

    def put(canvas, row, column, image, colour):
        top, left = row * cell, column * cell
        canvas[top : top + cell - GAP, left : left + cell - GAP] = colour
        inside = slice(top + FRAME, top + cell - GAP - FRAME)
        canvas[inside, left + FRAME : left + cell - GAP - FRAME] = image[..., None]

    def move(word, change, strength):
        canvas, said = ground.copy(), []
        number, place = list(words).index(word), STRENGTHS.index(strength)
        for row, space in enumerate(spaces):
            put(canvas, row, 0, views[change][place, number], 0.6)
            found = near[space, change][place, number]
            same = labels[found] == number
            for column, (index, fits) in enumerate(zip(found, same, strict=True)):
                put(canvas, row, column + 2, bank[index], right if fits else wrong)
            counts[row].set_text(f"{same.sum()} of {NEAREST}")
            said.append(f"{space} {same.sum()}")
        drawn.set_data(canvas)
        told.set_text(f"{change}, {strength:g}")
        return (
            f"The {word}, {change} with strength {strength:g}. Of its {NEAREST} nearest images so "
            f"many are of its class: {', '.join(said)}."
        )

    return move
