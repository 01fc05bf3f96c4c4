"""The gallery: what is shown are training items of the class that was chosen."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from tl_helpers.data import Split, Task
from tl_helpers.lessons.start_here.widget import COLUMNS, ROWS, build, start_here

COLOURS = [40, 90, 140, 190, 240]  # of class 0 … 4: what a picture shows is its class


def pictures(channels, domain, classes=5, per_class=(30, 30, 10, 30, 30), size=20):
    """A task whose pictures have one colour a class; one pixel in the corner numbers the item."""
    splits = []
    for start in (0, 100, 200):
        labels = np.repeat(np.arange(classes), per_class[:classes])
        inputs = np.zeros((len(labels), channels, size, size), np.uint8)
        inputs[:] = np.array(COLOURS)[labels][:, None, None, None]
        inputs[:, 0, 0, 0], inputs[:, 0, 0, 1] = np.arange(len(labels)), start
        splits.append(Split(inputs, labels, [f"{domain} {i}" for i in range(len(labels))]))
    return Task(*splits, class_names=list("abcdefgh")[:classes], domain=domain)


TASKS = {
    "drawing one": pictures(3, "one"),
    "drawing two": pictures(3, "two"),
    "grey": pictures(1, "grey", classes=3),
    "few": pictures(1, "few", classes=2),
    "large": pictures(3, "large", size=40),
}


def example():
    return start_here(TASKS)


def drawn(name="drawing one", of_class="b", sample=1):
    figure = Figure(figsize=(6.6, 2.9))
    return figure, build(figure, TASKS)(name, of_class, sample)


def cells(figure):
    """The pictures in the mosaic, row by row, white ones (empty places) left out."""
    mosaic = np.asarray(figure.axes[0].images[0].get_array())
    step = 21
    found = [
        mosaic[row * step : row * step + 20, column * step : column * step + 20]
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]
    return [cell for cell in found if (cell != 255).any()]


def test_training_items_of_the_class_are_shown_and_each_once():
    figure, caption = drawn(of_class="b")
    shown = cells(figure)
    assert len(shown) == 24 and all((cell[1:] == COLOURS[1]).all() for cell in shown)
    numbers = {int(cell[0, 0, 0]) for cell in shown}
    assert len(numbers) == 24 and numbers <= set(range(30, 60))
    assert {int(cell[0, 1, 0]) for cell in shown} == {0}, "0 marks the training split"
    assert caption.startswith(
        "24 of 30 training pictures of class b in drawing one, among them one "
    )


def test_a_small_class_leaves_places_empty():
    figure, caption = drawn(of_class="c")
    assert len(cells(figure)) == 10 and caption.startswith("10 of 10 ")


def test_larger_pictures_are_shown_whole():
    image = drawn("large")[0].axes[0].images[0]
    assert tuple(image.get_extent()) == (0, 8 * 42 - 2, 3 * 42 - 2, 0)
    assert np.shape(image.get_array()) == (3 * 42 - 2, 8 * 42 - 2, 3)


def test_another_sample_shows_other_items():
    first, second = (
        {int(cell[0, 0, 0]) for cell in cells(drawn(sample=sample)[0])} for sample in (1, 2)
    )
    assert first != second


def test_the_two_drawings_show_the_same_items_in_the_same_places():
    one, two = (
        [int(cell[0, 0, 0]) for cell in cells(drawn(name, sample=4)[0])]
        for name in ("drawing one", "drawing two")
    )
    assert one == two


def test_another_data_set_brings_its_classes_and_reset_brings_the_first_back():
    widget = example()
    widget.set(of_class="e")
    widget.set(data_set="drawing two")
    assert widget.state["of_class"] == "e", "the drawings share their classes"
    widget.controls["data_set"].set("few")  # as a user does it
    assert widget.state == {"data_set": "few", "of_class": "a", "sample": 1}
    assert widget.caption.startswith("24 of 30 training pictures of class a in few")
    widget.controls["of_class"].set("b")
    assert "class b in few" in widget.caption and widget.error == ""
    widget.reset()
    assert widget.state["of_class"] == "a" and widget.png == widget.default_png


def test_what_cannot_be_shown_is_refused():
    ids = torch.arange(6).reshape(3, 2, 1)
    rating = Task(*(Split(part, torch.rand(2)) for part in ids))
    words = Task(*(Split(part, torch.arange(2)) for part in ids), class_names=["a", "b"])
    with pytest.raises(ValueError, match="tasks is empty"):
        start_here({})
    for task in (rating, words):
        with pytest.raises(ValueError, match="'mine'.*images in classes"):
            start_here({"mine": task})
