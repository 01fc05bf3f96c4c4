"""One JupyterLab and one browser for a session."""

import os

import pytest
from nbformat import v4, write

from tools.browser import find, missing

from . import lab

KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The folder that is served."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="session")
def started(folder):
    path = find()
    if path is None:  # tests/conftest.py repeats it in the last lines
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing())
    with lab.browser(path) as browser, lab.jupyterlab(folder) as address:
        yield browser, address


@pytest.fixture(scope="session")
def opened(started):
    """``opened(name)``: a context in which a notebook of the folder is open and has run."""
    browser, address = started
    return lambda name, **options: lab.opened(browser, address, name, **options)


@pytest.fixture(scope="session")
def notebook(folder):
    """``notebook(name, *sources)``: a notebook of these code cells in the folder; its name."""

    def make(name, *sources):
        cells = [v4.new_code_cell(source) for source in sources]
        write(v4.new_notebook(cells=cells, metadata=KERNEL), folder / name)
        return name

    return make
