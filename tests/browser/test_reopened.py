"""A widget's picture stays when its notebook was saved in JupyterLab and is opened anew."""

import io
import json
import time

import numpy as np
from PIL import Image

from . import lab

SOURCE = """
from tl_helpers.teaching.widgets import Slider, Widget

def draw(figure, power):
    axes = figure.add_subplot(xlabel="x", ylabel="y")
    axes.plot([0, 1, 2], [0, 1, 2**power])
    return f"A power of {power}."

Widget('A <b>"power"</b>', draw, power=Slider("Power", range(1, 6), value=2))
"""


def save(page, path):
    """Press Ctrl+S and wait until the file holds outputs."""
    page.locator(".jp-Notebook").click()
    page.keyboard.press("Control+s")
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if any(cell["outputs"] for cell in json.loads(path.read_text("utf-8"))["cells"]):
            return
        time.sleep(0.1)
    raise AssertionError("the notebook was not saved")


def contains(screen, picture, margin=12):
    """Whether the picture stands on the screen, up to ``margin`` pixels from the upper left."""
    height, width, _ = picture.shape
    for y in range(min(margin, screen.shape[0] - height + 1)):
        for x in range(min(margin, screen.shape[1] - width + 1)):
            part = screen[y : y + height, x : x + width].astype(int)
            if np.abs(part - picture).mean() < 1:  # levels of 255
                return True
    return False


def test_the_picture_stays_in_a_notebook_that_is_opened_without_its_widgets(
    opened, notebook, folder
):
    path = folder / notebook("reopened.ipynb", SOURCE)
    lab.SCREENS.mkdir(parents=True, exist_ok=True)
    with opened(path.name) as lesson:
        (widget,) = lesson.widgets()
        picture = widget.decoded()
        widget.root.locator(".noUi-handle").press("ArrowRight")
        assert widget.troubles() == []
        save(lesson.page, path)
    with opened(path.name, run=False) as lesson:
        error = lesson.page.get_by_text("Error displaying widget: model not found")
        error.wait_for(state="attached", timeout=60_000)  # JupyterLab has found no widget
        assert not error.is_visible()
        place = lesson.page.locator(".jp-Notebook .jp-OutputArea-output").last.bounding_box()
        shot = lesson.page.screenshot(path=lab.SCREENS / "reopened.png", clip=place)
        screen = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))
        assert contains(screen, picture)
        assert not contains(screen, picture[::-1])  # the comparison can fail
        lesson.complaints.clear()  # of the widget that was not found
        lesson.run_all()
        (widget,) = lesson.widgets()
        assert (widget.decoded() == picture).all()
        assert widget.troubles() == []
