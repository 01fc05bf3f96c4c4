import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import results
from tools.notebooks import write

SETUP = "import math"
CONFIGURATIONS = "def configurations():\n    return [{'x': x} for x in (4.0, 9.0)]"
MEASURE = "def measure(x):\n    return {'root': math.sqrt(x)}"


@pytest.fixture
def here(monkeypatch):
    """Measure in this process: starting others takes seconds."""
    monkeypatch.setattr(results, "pool", lambda **options: ThreadPoolExecutor(1, **options))


def tagged(source):
    return new_code_cell(source, metadata={"tags": ["results"]})


@pytest.fixture
def lesson(tmp_path):
    def save(*sources):
        path = tmp_path / "04_x.ipynb"
        cells = [new_code_cell("1 / 0"), *map(tagged, sources)]
        write(new_notebook(cells=cells), path)
        return path

    return save


def roots(folder):
    content = json.loads((folder / "04_x.json").read_text("utf-8"))
    return {run["configuration"]["x"]: run["measured"]["root"] for run in content["runs"]}


def test_only_what_is_missing_is_measured(here, lesson, tmp_path, capsys):
    path = lesson(SETUP, CONFIGURATIONS, MEASURE)
    results.build(path, tmp_path)
    assert roots(tmp_path) == {4.0: 2.0, 9.0: 3.0}
    file = tmp_path / "04_x.json"
    content = json.loads(file.read_text("utf-8"))
    assert content["versions"]["torch"] and content["made"] and content["code"]

    # What is there is taken as it stands: a changed number stays, a removed run is measured again.
    content["runs"][0]["measured"]["root"] = 7.0
    del content["runs"][1]
    file.write_text(json.dumps(content), "utf-8")
    more = CONFIGURATIONS.replace("9.0", "9.0, 16.0")
    results.build(lesson(SETUP, more, MEASURE + "  # a comment"), tmp_path)
    assert roots(tmp_path) == {4.0: 7.0, 9.0: 3.0, 16.0: 4.0}
    assert "1 of 3 are there" in capsys.readouterr().out

    before = file.read_bytes()
    results.build(lesson(SETUP, more, MEASURE), tmp_path)
    assert file.read_bytes() == before, "nothing to do writes nothing"
    results.build(lesson(SETUP, CONFIGURATIONS, MEASURE), tmp_path)
    assert roots(tmp_path) == {4.0: 7.0, 9.0: 3.0}, "what is no longer asked for goes"


def test_all_is_measured_again_when_the_code_changes(here, lesson, tmp_path):
    results.build(lesson(SETUP, CONFIGURATIONS, MEASURE), tmp_path)
    results.build(
        lesson(SETUP, CONFIGURATIONS, MEASURE.replace("sqrt(x)", "sqrt(x) + 1")), tmp_path
    )
    assert roots(tmp_path) == {4.0: 3.0, 9.0: 4.0}


def test_two_processes_measure(lesson, tmp_path):
    where = SETUP + "\nimport os"
    measure = MEASURE.replace("math.sqrt(x)", "os.getpid()")
    results.build(lesson(where, CONFIGURATIONS, measure), tmp_path)
    assert os.getpid() not in roots(tmp_path).values()


def test_a_lesson_without_tagged_cells_is_left_alone(lesson, tmp_path):
    results.build(lesson(), tmp_path)
    assert not (tmp_path / "04_x.json").exists()


def test_the_two_functions_must_be_there(lesson, tmp_path):
    with pytest.raises(SystemExit, match=r"must define measure\(\)"):
        results.build(lesson(SETUP, CONFIGURATIONS), tmp_path)


def test_runs_done_before_an_error_are_kept(here, lesson, tmp_path):
    bad = CONFIGURATIONS.replace("9.0", "9.0, -1.0")
    with pytest.raises(ValueError, match="domain|nonnegative"):
        results.build(lesson(SETUP, bad, MEASURE), tmp_path)
    assert roots(tmp_path)


def test_the_digest_is_that_of_the_code_in_every_python():
    """A literal: what it is in one version it has to be in all (3.13 prints trees otherwise)."""
    code = (
        "import math  # a comment\n"
        "def configurations():\n    return []\n"
        "def measure(x, *, y: float = 1.5, **more):\n"
        "    'Text.'\n"
        "    with open(f'{x!r:>4}{y}') as file, file:\n"
        "        found = [i for i in (1, None, b'2', ...) if not i]\n"
        "    return {'a': lambda: found[1:], **more}\n"
        "class Net(dict):\n    pass\n"
    )
    assert results.digest(code) == "c8a98954a28ebbd8"
    assert results.digest(code.replace("  # a comment", "")) == results.digest(code)
    assert results.digest(code.replace("return []", "return [1]")) == results.digest(code)
    for change in ("1.5", "None", "'Text.'", "!r", "1:"):
        assert results.digest(code.replace(change, "3")) != results.digest(code)
