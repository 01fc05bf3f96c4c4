"""Lesson on classical baselines: what is left of an image in its first principal components."""

import numpy as np
import torch
from matplotlib.colors import to_rgb
from matplotlib.ticker import FuncFormatter, NullLocator, PercentFormatter

from tl_helpers.teaching import plots
from tl_helpers.teaching.widgets import Choice, Kept, Slider, Widget

NEIGHBOURS = 8
COLUMNS = 4  # of neighbours; the image and what is rebuilt of it stand above the first two
FRAME, GAP, WORDS = 3, 5, 21  # pixels around, between and under the images


def classical_baselines(
    dimensions, items, queries, coordinates, rebuilt, accuracies, class_names
) -> Widget:
    """Return the widget of a slider over the number of principal components.

    dimensions: the K numbers of components, rising. items, queries: Splits of uint8 images
    N×3×H×W and Q×3×H×W, the queries with names; neighbours are looked for among the items.
    coordinates: {representation: (N×F, Q×F) floats by falling variance}. rebuilt:
    {representation: uint8 K×Q×3×H×W}, for those from which there is a way back to images.
    accuracies: {representation: fractions, seeds × K}.

    Raises ValueError when there are fewer than 8 items, the numbers do not rise, or an array does
    not fit the others.
    """
    dimensions = [int(k) for k in dimensions]
    if dimensions != sorted(set(dimensions)) or len(dimensions) < 2:
        raise ValueError(f"dimensions is {dimensions}, expected at least two rising numbers")
    if len(items) < NEIGHBOURS:
        raise ValueError(f"items holds {len(items)} images, expected at least {NEIGHBOURS}")
    accuracies = {name: np.atleast_2d(values) for name, values in accuracies.items()}
    if list(accuracies) != list(coordinates):
        raise ValueError(f"accuracies is of {list(accuracies)}, expected {list(coordinates)}")
    for name, (of_items, of_queries) in coordinates.items():
        found = (len(of_items), len(of_queries), accuracies[name].shape[1])
        wanted = (len(items), len(queries), len(dimensions))
        if found != wanted:
            raise ValueError(
                f"{name!r} comes with {found} items, queries and accuracies, expected {wanted}"
            )
    nearest = {name: _nearest(dimensions, *pair) for name, pair in coordinates.items()}
    shown = _Shown(dimensions, items, queries, nearest, rebuilt, accuracies, class_names)
    middle = dimensions[len(dimensions) // 2]
    return Widget(
        "Principal components",
        Kept(lambda figure: build(figure, shown)),
        size=(7.6, 3.9),
        k=Slider("Components", dimensions, value=middle),
        given=Choice("Representation", list(coordinates), value=list(coordinates)[0]),
        image=Choice("Image", queries.names, value=queries.names[0]),
    )


class _Shown:
    """What ``move`` looks up; nothing is computed while a control moves."""

    def __init__(self, dimensions, items, queries, nearest, rebuilt, accuracies, class_names):
        self.dimensions, self.items, self.queries = dimensions, items, queries
        self.nearest, self.rebuilt, self.accuracies = nearest, rebuilt, accuracies
        self.class_names = class_names


def _nearest(dimensions, items, queries):
    """Return the numbers of the nearest items, by the first k coordinates: K×Q×NEIGHBOURS."""
    items, queries = torch.as_tensor(items), torch.as_tensor(queries)
    found = [
        torch.cdist(queries[:, :k], items[:, :k]).topk(NEIGHBOURS, largest=False).indices
        for k in dimensions
    ]
    return torch.stack(found).numpy()


def build(figure, shown):
    """Draw into ``figure`` what stays, and return ``move(k, given, image)``."""
    pictures, curves = figure.subplots(1, 2, width_ratios=(1.25, 1))
    move_pictures = _build_pictures(pictures, shown)
    move_curves = _build_curves(curves, shown)

    def move(k, given, image):
        row, query = shown.dimensions.index(k), shown.queries.names.index(image)
        same = move_pictures(row, given, query)
        mean = move_curves(row, given)
        group = shown.class_names[shown.queries.labels[query]]
        return (
            f"{image} in the first {k} components of {given}: {same} of its {NEIGHBOURS} nearest "
            f"training images are of its group, {group}. With so many components, logistic "
            f"regression is right in {mean:.0f} % of the test."
        )

    return move


def _build_pictures(axes, shown):
    height, width = shown.items.inputs.shape[-2:]
    across, down = width + 2 * FRAME + GAP, height + 2 * FRAME + WORDS
    blank = np.full((3 * down, COLUMNS * across, 3), 255, np.uint8)
    drawn = axes.imshow(blank, interpolation="nearest", animated=True)
    axes.set_axis_off()
    axes.set_title(f"The image, and its {NEIGHBOURS} nearest training images", fontsize=10)
    look = {"ha": "center", "va": "top", "fontsize": 9, "animated": True}

    def words(place, text=""):
        row, column = divmod(place, COLUMNS)
        middle = column * across + FRAME + width / 2
        return axes.text(middle, row * down + height + 2 * FRAME + 1, text, **look)

    words(0, "the image")
    back = words(1)
    groups = [words(COLUMNS + place) for place in range(NEIGHBOURS)]

    def move(row, given, query):
        canvas = blank.copy()

        def put(place, image, frame):
            top, left = place // COLUMNS * down, place % COLUMNS * across
            canvas[top : top + height + 2 * FRAME, left : left + width + 2 * FRAME] = frame
            inner = image.permute(1, 2, 0).numpy()
            canvas[top + FRAME :, left + FRAME :][:height, :width] = inner

        put(0, shown.queries.inputs[query], _WHITE)
        if given in shown.rebuilt:
            put(1, shown.rebuilt[given][row, query], _WHITE)
        back.set_text("rebuilt" if given in shown.rebuilt else "(no way back)")
        label, same = shown.queries.labels[query], 0
        for place, number in enumerate(shown.nearest[given][row, query]):
            right = bool(shown.items.labels[number] == label)
            same += right
            put(COLUMNS + place, shown.items.inputs[number], _FRAMES[right])
            group = shown.class_names[shown.items.labels[number]]
            groups[place].set(
                text=f"{'✓' if right else '✗'} {group}",
                color=plots.RIGHT if right else plots.WRONG,
            )
        drawn.set_data(canvas)
        return same

    return move


_WHITE = np.uint8(255)
_FRAMES = {
    right: (255 * np.array(to_rgb(colour))).round().astype(np.uint8)
    for right, colour in ((True, plots.RIGHT), (False, plots.WRONG))
}


def _build_curves(axes, shown):
    colour = plots.colours(shown.accuracies)
    for name, values in shown.accuracies.items():
        look = {"color": colour[name], "alpha": 0.15, "linewidth": 0}
        axes.fill_between(shown.dimensions, values.min(0), values.max(0), **look)
        axes.plot(shown.dimensions, values.mean(0), color=colour[name], marker="o", ms=4)
        axes.annotate(
            name,
            (shown.dimensions[-1], values.mean(0)[-1]),
            xytext=(0, -14),
            textcoords="offset points",
            ha="right",
            color=colour[name],
        )
    (mark,) = axes.plot([1], [0], "D", ms=9, mec="white", animated=True)
    title = axes.set_title(" ", fontsize=10, animated=True)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    axes.set(xlabel="Principal components", ylabel="Balanced accuracy (%)", ylim=(0, None))

    def move(row, given):
        mean = shown.accuracies[given][:, row].mean()
        mark.set_data([shown.dimensions[row]], [mean])
        mark.set_color(colour[given])
        parts = f"{shown.dimensions[row]} components of {given}"
        title.set_text(f"{parts}: {100 * mean:.0f} % right")
        return 100 * mean

    return move
