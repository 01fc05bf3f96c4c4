"""A widget in a saved notebook: one picture with words, no state, and the strict comparison holds."""

import subprocess
import sys

import nbformat

from tools.notebooks import ROOT, canonical, execute
from tools.pages import page

# The comparison needs a plain function; the example's own module is not on a kernel's path.
SOURCE = """
from tl_helpers.teaching.widgets import Slider, Widget

def draw(figure, power):
    figure.add_subplot().plot([0, 1, 2], [0, 1, 2**power])
    return f"A power of {power}."

Widget("A power", draw, power=Slider("Power", range(1, 6), value=2))
"""


def compare(path):
    nbval = ("--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *nbval, path]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_a_saved_widget_is_a_picture_that_passes_the_strict_comparison(tmp_path):
    cell = nbformat.v4.new_code_cell(SOURCE.strip())
    saved = canonical(execute(nbformat.v4.new_notebook(cells=[cell]), tmp_path))
    (output,) = saved.cells[0].outputs
    assert set(output.data) == {"text/plain", "image/png"}
    assert output.data["text/plain"] == "Widget: A power"
    assert "widgets" not in saved.metadata

    html = page(saved)
    assert html.count("<img") == 1 and 'alt="A power: A power of 2."' in html

    path = tmp_path / "widget.ipynb"
    nbformat.write(saved, path)
    same = compare(path)
    assert same.returncode == 0 and "1 passed" in same.stdout, same.stdout
    output.data["text/plain"] = "Widget: another"
    nbformat.write(saved, path)
    assert compare(path).returncode == 1
