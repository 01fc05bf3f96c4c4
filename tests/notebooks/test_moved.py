"""A lesson's widget that fails in some state fails the comparison of its notebook."""

import subprocess
import sys

import nbformat

from tools.notebooks import ROOT, canonical, execute

SOURCE = """
from tl_helpers.teaching.widgets import Slider, Widget

shown = {1: 1, 2: 2, 3: 3}  # and nothing for 4 and 5

def draw(figure, power):
    figure.add_subplot().plot([0, 1, shown[power]])
    return f"A power of {power}."

Widget("A power", draw, power=Slider("Power", range(1, 6), value=2))
"""


def test_a_state_that_cannot_be_drawn_is_found(tmp_path):
    cell = nbformat.v4.new_code_cell(SOURCE.strip())
    path = tmp_path / "widget.ipynb"
    saved = execute(nbformat.v4.new_notebook(cells=[cell]), tmp_path)
    nbformat.write(canonical(saved), path)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval"]
    command += ["--nbval-current-env", "-p", "conftest", path]  # the project's, for a file outside
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 1, ran.stdout
    assert "This state could not be drawn (KeyError" in ran.stdout
