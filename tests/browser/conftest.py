"""One JupyterLab and one browser for a session, on a copy of the notebooks."""

import shutil

import pytest
from nbformat import v4, write

from . import lab

KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The folder that is served: a copy of the lessons."""
    place = tmp_path_factory.mktemp("served")
    for lesson in lab.lessons_with_widgets():
        shutil.copy(lesson, place)
    return place


@pytest.fixture(scope="session")
def started(folder):
    with lab.browser() as browser, lab.jupyterlab(folder) as address:
        yield browser, address


@pytest.fixture
def opened(started):
    """``opened(name)``: a context in which a notebook of the folder is open and has run."""
    browser, address = started
    return lambda name, **options: lab.opened(browser, address, name, **options)


@pytest.fixture
def notebook(folder):
    """``notebook(name, *sources)``: a notebook of these code cells in the folder; its name."""

    def make(name, *sources):
        cells = [v4.new_code_cell(source) for source in sources]
        write(v4.new_notebook(cells=cells, metadata=KERNEL), folder / name)
        return name

    return make
