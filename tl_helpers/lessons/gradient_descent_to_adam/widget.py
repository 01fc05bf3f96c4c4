"""Lesson 03: paths of the methods over two-dimensional surfaces, at a learning rate and a step."""

import numpy as np
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from tl_helpers.teaching.plots import colours
from tl_helpers.teaching.widgets import Choice, Kept, Slider, Toggles, Widget

X, Y = (-2.2, 2.2), (-1.4, 1.9)  # the window, the same for every surface
LOWEST, HIGHEST = 1e-6, 1e4  # what is drawn of the height above the minimum
FAR = 1e3  # a path that has come so far has diverged
LEVELS = 10.0 ** np.arange(-2, 4.01, 0.5)  # of the contours, above the minimum
PIXELS = 300  # of the picture of a surface, each way: as many as it takes on the screen


def gradient_descent_to_adam(surfaces, paths, rates, shown=None) -> Widget:
    """Return the widget of paths over surfaces.

    surfaces: {name: (function of two arrays x and y, the points [(x, y), …] of its minima)}.
    paths: {surface: {method: array steps × rates × 2, the points from the start on}}, the same
    methods for each surface. rates: the learning rates, rising. shown: the methods that are
    switched on at first, all by default.

    Raises ValueError when a surface has no paths or an array does not fit the rates.
    """
    rates = [float(rate) for rate in rates]
    first = next(iter(paths.values()))
    arrays = {}
    for name in surfaces:
        if list(paths.get(name, ())) != list(first):
            raise ValueError(
                f"paths[{name!r}] has {list(paths.get(name, ()))}, expected {list(first)}"
            )
        arrays[name] = {method: np.asarray(points) for method, points in paths[name].items()}
        for method, points in arrays[name].items():
            if points.ndim != 3 or points.shape[1:] != (len(rates), 2):
                raise ValueError(
                    f"paths[{name!r}][{method!r}] has shape {points.shape}, "
                    f"expected steps × {len(rates)} × 2"
                )
    last = min(len(points) for found in arrays.values() for points in found.values()) - 1
    methods = list(first)

    def build_it(figure):
        return build(figure, surfaces, arrays, rates)

    return Widget(
        "Paths over a surface",
        Kept(build_it),
        size=(8.2, 3.6),
        surface=Choice("Surface", list(surfaces), value=next(iter(surfaces))),
        shown=Toggles("Methods", methods, value=shown),
        lr=Slider("Learning rate", rates, value=rates[len(rates) // 2]),
        steps=Slider("Steps", range(last + 1), value=last),
    )


def build(figure, surfaces, paths, rates):
    """Draw what stays, and return ``move(surface, shown, lr, steps)``, which shows a state."""
    plane, heights, key = figure.subplots(1, 3, width_ratios=(1.25, 1, 0.52))
    grounds = {name: _ground(*surfaces[name]) for name in surfaces}
    look = {"origin": "lower", "aspect": "auto", "interpolation": "nearest"}
    ground = plane.imshow(next(iter(grounds.values())), extent=(*X, *Y), **look)
    above = {name: _heights(*surfaces[name], paths[name]) for name in surfaces}
    methods = list(next(iter(paths.values())))
    lines = {
        method: _Lines(plane, heights, key, row, method, colour)
        for row, (method, colour) in enumerate(colours(methods).items())
    }
    look = {"zorder": 5, "animated": True}
    (start,) = plane.plot([0], [0], "o", color="black", markersize=7, **look)
    (ends,) = plane.plot([], [], "*", color="white", markersize=13, markeredgecolor="black")
    plane.set(xlim=X, ylim=Y, xlabel="w₁", ylabel="w₂", xticks=[-2, 0, 2], yticks=[-1, 0, 1])
    plane.set_title("From the start ● to a minimum ☆")
    plane.grid(False)
    heights.set(yscale="log", ylim=(LOWEST / 2, 2 * HIGHEST), xlabel="Steps")
    heights.xaxis.set_major_locator(MaxNLocator(2, integer=True))
    heights.set_xlim(0, max(len(points) for points in paths[next(iter(paths))].values()) - 1)
    heights.yaxis.set_major_locator(FixedLocator([1e-6, 1e-3, 1, 1e3]))
    heights.yaxis.set_major_formatter(FixedFormatter(["10⁻⁶", "10⁻³", "1", "10³"]))
    heights.yaxis.set_minor_locator(NullLocator())
    heights.set_title("Height above the minimum")
    key.set_axis_off()
    key.set(xlim=(0, 1), ylim=(0, 1))

    laid = [None]  # the surface that lies there

    def move(surface, shown, lr, steps):
        column, said = rates.index(lr), []
        if surface != laid[0]:
            laid[0] = surface
            ground.set_data(grounds[surface])
            ends.set_data(*np.transpose(surfaces[surface][1]))
        start.set_data(*paths[surface][methods[0]][0, :1].T)
        for method, drawn in lines.items():
            points = paths[surface][method][: steps + 1, column]
            line = above[surface][method][: steps + 1, column]
            diverged = not np.abs(points[-1]).max() < FAR
            height = "diverged" if diverged else f"at {line[-1]:.1g}"
            drawn.move(method in shown, points, line, height)
            if method in shown:
                said.append(f"{method} {height}")
        told = ", ".join(said) if said else "no method is switched on"
        return f"{surface}, learning rate {lr:.2g}, height after {steps} steps: {told}."

    return move


class _Lines:
    """What is drawn of one method: its path, its height against steps, its row in the key."""

    def __init__(self, plane, heights, key, row, method, colour):
        look = {"color": colour, "linewidth": 1.8, "marker": "osd^v*"[row % 6], "markersize": 4}
        look |= {"alpha": 0.9, "animated": True}
        (self.path,) = plane.plot([], [], markevery=10, **look)
        (self.end,) = plane.plot([], [], **look | {"markersize": 9, "markeredgecolor": "white"})
        (self.height,) = heights.plot([], [], markevery=20, **look)
        y = 0.95 - 0.2 * row
        (self.sample,) = key.plot([0, 0.09, 0.18], [y] * 3, markevery=[1], **look)
        look = {"va": "center", "fontsize": 9, "linespacing": 1.1, "animated": True}
        self.word = key.text(0.25, y, "", **look)
        self.name = method.replace(" ", "\n")

    def move(self, shown, points, line, height):
        for artist in (self.path, self.end, self.height, self.sample, self.word):
            artist.set_visible(shown)
        points = np.where(np.abs(points) < FAR, points, np.nan)
        self.path.set_data(*points.T)
        self.end.set_data(*points[-1:].T)
        self.height.set_data(range(len(line)), line)
        self.word.set_text(f"{self.name}\n{height}")


def _ground(function, minima):
    """Return a surface as a picture: grey levels, and lines where the height is a power of √10.

    A picture, because it is redrawn with every move, and contours of matplotlib take five times
    as long.
    """
    x, y = np.meshgrid(np.linspace(*X, 2 * PIXELS), np.linspace(*Y, 2 * PIXELS))
    level = np.digitize(np.asarray(function(x, y)) - _lowest(function, minima), LEVELS)
    shade = 0.66 + 0.34 * level / len(LEVELS)
    edge = (level != np.roll(level, 1, 0)) | (level != np.roll(level, 1, 1))
    edge[0] = edge[:, 0] = False  # there the roll compares with the opposite side
    shade[edge] -= 0.25
    shade = shade.reshape(PIXELS, 2, PIXELS, 2).mean((1, 3))  # smooth lines
    return (255 * shade[..., None]).astype(np.uint8).repeat(3, axis=2)


def _lowest(function, minima):
    return min(float(function(*point)) for point in minima)


def _heights(function, minima, paths):
    """Return {method: height above the minimum, steps × rates}, cut to what is drawn."""
    lowest, found = _lowest(function, minima), {}
    for method, points in paths.items():
        with np.errstate(all="ignore"):  # a path that diverged
            heights = np.asarray(function(points[..., 0], points[..., 1])) - lowest
        found[method] = np.clip(np.nan_to_num(heights, nan=HIGHEST), LOWEST, HIGHEST)
    return found
