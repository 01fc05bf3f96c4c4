"""The lesson on VAEs: walk over the plane of a two-dimensional code, and see what is decoded."""

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Circle

from tl_helpers.teaching import plots
from tl_helpers.teaching.widgets import Choice, Kept, Slider, Widget

COLUMNS = 5  # of the mosaic of all classes
FRAME = 1  # pixels around an image of the mosaic
_CLASS, _MARK = plots.COLOURS["probe"], plots.COLOURS["full"]


def variational_autoencoder(steps, decoded, codes, images, labels, class_names) -> Widget:
    """Return the widget of a walk through the codes of a class-conditional VAE.

    steps: the G values that a code takes in each of its two dimensions, rising. decoded: the image
    of each class at each code, floats in [0, 1], C×G×G×H×W (the second axis is the first
    dimension of the code). codes, images, labels: the mean code N×2, the image N×H×W and the class
    of N training images. class_names: C words.

    Raises ValueError when the steps do not rise, or arrays do not fit each other.
    """
    steps = [round(float(step), 6) for step in steps]
    if len(steps) < 2 or any(low >= high for low, high in zip(steps, steps[1:], strict=False)):
        raise ValueError(f"steps is {steps}, expected at least two rising numbers")
    decoded, codes, images, labels = map(_array, (decoded, codes, images, labels))
    wanted = (len(class_names), len(steps), len(steps), *images.shape[1:])
    if decoded.shape != wanted:
        raise ValueError(f"decoded has shape {decoded.shape}, expected {wanted}")
    if codes.shape != (len(labels), 2) or len(images) != len(labels):
        raise ValueError(
            f"codes has shape {codes.shape} and there are {len(images)} images, expected "
            f"({len(labels)}, 2) and {len(labels)}"
        )
    if missing := set(range(len(class_names))) - set(labels.tolist()):
        raise ValueError(f"labels hold no image of {class_names[min(missing)]!r}")
    middle = steps[len(steps) // 2]
    return Widget(
        "A walk through the codes",
        Kept(lambda figure: build(figure, steps, decoded, codes, images, labels, class_names)),
        size=(8.2, 3.3),
        word=Choice("Class", class_names, value=class_names[0]),
        first=Slider("First code", steps, value=middle),
        second=Slider("Second code", steps, value=middle),
    )


def build(figure, steps, decoded, codes, images, labels, class_names):
    """Draw what stays, and return ``move(word, first, second)``, which returns the caption."""
    plane, pair, mosaic = figure.subplots(1, 3, width_ratios=(1.15, 1.25, 1.2))
    move_plane = _build_plane(plane, steps, codes)
    move_pair = _build_pair(pair, images.shape[1:])
    move_mosaic = _build_mosaic(mosaic, decoded.shape)
    of_class = {word: np.flatnonzero(labels == k) for k, word in enumerate(class_names)}

    def move(word, first, second):
        place = steps.index(first), steps.index(second)
        row, near = list(class_names).index(word), of_class[word]
        distances = np.linalg.norm(codes[near] - (first, second), axis=1)
        nearest = near[distances.argmin()]
        move_plane(word, codes[near], (first, second), codes[nearest])
        move_pair(decoded[row][place], images[nearest])
        move_mosaic(decoded[:, place[0], place[1]], row)
        return (
            f"Class {word} at the code ({first:g}, {second:g}): of {len(near)} training images of "
            f"this class, {(distances < 0.5).sum()} have a code within 0.5, and the nearest is "
            f"{distances.min():.2f} away."
        )

    return move


def _build_plane(axes, steps, codes):
    axes.plot(*codes.T, "o", ms=2, color="#CCCCCC", zorder=1)
    for radius in (1, 2):
        axes.add_patch(Circle((0, 0), radius, fill=False, ec="#777777", ls=":", zorder=1.5))
    moves = {"animated": True}
    (dots,) = axes.plot([], [], "o", ms=3.5, color=_CLASS, zorder=2, **moves)
    (ring,) = axes.plot([], [], "o", ms=10, mfc="none", mec="black", mew=1.5, zorder=3, **moves)
    (mark,) = axes.plot([], [], "D", ms=9, color=_MARK, mec="white", zorder=4, **moves)
    title = axes.set_title(" ", fontsize=10, **moves)
    edge = max(-steps[0], steps[-1]) * 1.08
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal")
    axes.set(xlabel="First code", ylabel="Second code")

    def move(word, of_class, place, nearest):
        dots.set_data(*of_class.T)
        mark.set_data([place[0]], [place[1]])
        ring.set_data([nearest[0]], [nearest[1]])
        title.set_text(f"Codes of class {word}; ◆: here")

    return move


def _build_pair(axes, size):
    height, width = size
    gap = max(1, width // 7)
    blank = np.ones((height, 2 * width + gap))
    drawn = _image(axes, blank)
    look = {"ha": "center", "va": "bottom", "fontsize": 10}
    axes.text((width - 1) / 2, -1, "decoded here", color=_MARK, **look)
    axes.text(width + gap + (width - 1) / 2, -1, "nearest real", **look)

    def move(new, real):
        canvas = blank.copy()
        canvas[:, :width], canvas[:, width + gap :] = new, real
        drawn.set_data(canvas)

    return move


def _build_mosaic(axes, shape):
    count, height, width = shape[0], *shape[3:]
    rows = -(-count // COLUMNS)
    down, across = height + 2 * FRAME, width + 2 * FRAME
    drawn = _image(axes, np.ones((rows * down, min(COLUMNS, count) * across, 3)))
    axes.set_title("This code in every class", fontsize=10)
    frame = to_rgb(_MARK)

    def move(of_classes, row):
        canvas = np.ones((rows * down, min(COLUMNS, count) * across, 3))
        for number, image in enumerate(of_classes):
            top, left = number // COLUMNS * down, number % COLUMNS * across
            if number == row:
                canvas[top : top + down, left : left + across] = frame
            inside = (
                slice(top + FRAME, top + FRAME + height),
                slice(left + FRAME, left + across - FRAME),
            )
            canvas[inside] = image[..., None]
        drawn.set_data(canvas)

    return move


def _image(axes, blank):
    axes.set_axis_off()
    return axes.imshow(blank, cmap="gray", vmin=0, vmax=1, interpolation="nearest", animated=True)


def _array(values):
    return values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
