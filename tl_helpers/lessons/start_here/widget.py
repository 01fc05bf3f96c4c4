"""Lesson 00: training pictures of every data set, class by class."""

import numpy as np
import torch

from tl_helpers.teaching.widgets import Choice, Kept, Slider, Widget

COLUMNS, ROWS = 8, 3
GAP = 0.05  # between two pictures, as a share of their width


def start_here(tasks) -> Widget:
    """Return the widget that shows training pictures of a data set, class by class.

    tasks: {name: Task} of uint8 images with classes. "Sample" draws other items; of tasks that
    hold the same items in the same order (the two drawings of emoji) it draws the same ones.

    Raises ValueError for no task, or one without images or without classes.
    """
    if not tasks:
        raise ValueError("tasks is empty, expected {name: Task} with at least one.")
    for name, task in tasks.items():
        if not task.class_names or task.train.inputs.dtype != torch.uint8:
            raise ValueError(f"tasks[{name!r}] is not a task of uint8 images in classes.")
    data_set = Choice("Data set", tasks, value=next(iter(tasks)))

    return Widget(
        "Gallery",
        Kept(lambda figure: build(figure, tasks)),
        size=(6.6, 2.9),
        data_set=data_set,
        of_class=_ClassOf(data_set, tasks),
        sample=Slider("Sample", range(1, 11), value=1),
    )


class _ClassOf(Choice):
    """A class of the data set that is chosen: another data set brings its own classes along."""

    def __init__(self, data_set, tasks):
        names = tasks[data_set.get()].class_names
        super().__init__("Class", names, value=names[0])

        def follow(change):
            offered = list(tasks[change.new].class_names)
            if offered != self.values:  # the drawings share theirs: the class stays, to compare
                self.values = self._control.options = offered

        data_set._control.observe(follow, "value")


def build(figure, tasks):
    """Return ``move(data_set, of_class, sample)``, which returns the caption.

    It draws up to 24 training pictures of ``of_class``, the ones that number ``sample`` brings.
    """
    axes = figure.add_subplot(animated=True)
    axes.set_axis_off()
    blank = np.zeros((1, 1, 3), np.uint8)
    drawn = axes.imshow(blank, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    title = axes.set_title(" ")

    def move(data_set, of_class, sample):
        task = tasks[data_set]
        of_this = np.flatnonzero(task.train.labels.numpy() == task.class_names.index(of_class))
        chosen = np.random.default_rng(sample).permutation(of_this)[: COLUMNS * ROWS]
        items = task.train.take(chosen)
        mosaic = _mosaic(items.inputs.numpy())
        drawn.set_data(mosaic)
        drawn.set_extent((0, mosaic.shape[1], mosaic.shape[0], 0))
        title.set_text(f"{data_set}: {of_class}")
        told = "" if items.names is None else f", among them {', '.join(items.names[:3])}"
        shown = f"{len(items)} of {len(of_this):,} training pictures"
        return f"{shown} of class {of_class} in {data_set}{told}."

    return move


def _mosaic(images):
    """Put uint8 images N×C×H×W side by side on white: one array for one call of imshow."""
    _, channels, height, width = images.shape
    gap = round(GAP * width)
    mosaic = np.full(
        (ROWS * (height + gap) - gap, COLUMNS * (width + gap) - gap, channels), 255, np.uint8
    )
    for number, image in enumerate(images):
        top, left = number // COLUMNS * (height + gap), number % COLUMNS * (width + gap)
        mosaic[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return mosaic
