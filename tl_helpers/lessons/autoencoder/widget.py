"""Lesson on autoencoders: a walk through a code of two numbers, decoded at each place."""

import numpy as np
import torch

from tl_helpers.teaching.widgets import Kept, Slider, Widget

STEPS = 41  # places a slider; the images of all pairs of them are decoded once
NEAREST = 15
POINTS = 1000  # more of them would only make each redraw slower


def autoencoder(decoder, codes, labels, class_names) -> Widget:
    """Return the widget of a code of two numbers: two sliders, the place, the decoded image.

    decoder: a function of codes, float N×2, to images, float N×1×H×W in [0, 1]; it is called once,
    without gradients. codes: float N×2, the codes of N ≥ 15 images. labels: N class numbers, which
    say the colours of the points and nothing else. class_names: the words for them.

    Raises ValueError when codes are not N×2 or labels not N.
    """
    codes, labels = torch.as_tensor(codes).float(), torch.as_tensor(labels)
    if codes.ndim != 2 or codes.shape[1] != 2 or labels.shape != codes.shape[:1]:
        raise ValueError(
            f"codes have shape {tuple(codes.shape)} and labels {tuple(labels.shape)}, "
            "expected N×2 and N"
        )
    # The outermost points would stretch the walk over empty places.
    ends = np.quantile(codes.numpy(), [0.01, 0.99], axis=0)
    x, y = (
        [float(f"{value:.3g}") for value in np.linspace(low, high, STEPS)] for low, high in ends.T
    )
    grid = torch.cartesian_prod(torch.tensor(x), torch.tensor(y))
    with torch.no_grad():
        images = decoder(grid)[:, 0].cpu().numpy()
    near = labels[torch.cdist(grid, codes).topk(NEAREST, largest=False).indices]
    votes = torch.nn.functional.one_hot(near, len(class_names)).sum(1)

    def build_it(figure):
        move = build(figure, codes[:POINTS], labels[:POINTS], class_names)

        def move_to(cx, cy):
            place = x.index(cx) * STEPS + y.index(cy)
            word = class_names[int(votes[place].argmax())]
            return move(cx, cy, images[place], word, int(votes[place].max()))

        return move_to

    middle = STEPS // 2
    return Widget(
        "A walk through the code",
        Kept(build_it),
        size=(7.6, 3.6),
        cx=Slider("Code 1", x, value=x[middle]),
        cy=Slider("Code 2", y, value=y[middle]),
    )


def build(figure, codes, labels, class_names):
    """Draw the points and return ``move(cx, cy, image, word, votes)``, which returns the caption."""
    plane, drawn = figure.subplots(1, 2, width_ratios=[1.9, 1])
    for label, name in enumerate(class_names):
        points = codes[labels == label]
        plane.plot(points[:, 0], points[:, 1], ".", color=f"C{label}", ms=3, label=name)
    (left, bottom), (right, top) = np.quantile(codes.numpy(), [0.005, 0.995], axis=0)
    wide, tall = 0.04 * (right - left), 0.04 * (top - bottom)
    plane.set(xlim=(left - wide, right + wide), ylim=(bottom - tall, top + tall))
    plane.set(xlabel="Code 1", ylabel="Code 2")
    plane.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8, markerscale=3)
    moves = {"color": "black", "animated": True}
    across = plane.axhline(0, linewidth=0.8, linestyle=":", **moves)
    up = plane.axvline(0, linewidth=0.8, linestyle=":", **moves)
    (mark,) = plane.plot([0], [0], "D", ms=9, mec="white", **moves)
    picture = drawn.imshow(np.zeros((28, 28)), cmap="gray", vmin=0, vmax=1, animated=True)
    title = drawn.set_title("\n", fontsize=9.5, animated=True)
    drawn.set_axis_off()

    def move(cx, cy, image, word, votes):
        across.set_ydata([cy, cy])
        up.set_xdata([cx, cx])
        mark.set_data([cx], [cy])
        picture.set_data(image)
        title.set_text(f"decoded\n{votes} of {NEAREST} nearest: {word}")
        return (
            f"At the code ({cx:g}, {cy:g}), of the {NEAREST} nearest images {votes} are of the "
            f"class {word}. The decoder draws the image on the right."
        )

    return move
