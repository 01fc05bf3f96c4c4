"""Every saved notebook of the project against the checks of its form."""

import json

import pytest

from tests.notebooks import checks
from tools import results
from tools.notebooks import LESSONS, ROOT, SOLUTIONS, TEMPLATE, lessons, read, solutions

each_lesson = pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)


def test_lessons_are_numbered_without_a_gap():
    numbers = [path.name[:2] for path in lessons()]
    assert numbers and numbers == [f"{number:02}" for number in range(len(numbers))]
    strangers = {path.name for path in LESSONS.glob("*.ipynb")} - {p.name for p in lessons()}
    assert not strangers, "a lesson is named NN_words.ipynb"


@pytest.mark.parametrize(
    "path", [*lessons(), *solutions(), TEMPLATE], ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_notebook_is_saved_as_it_must_be(path):
    assert checks.problems_of(read(path), path.parent) == []


@pytest.mark.parametrize("path", [*lessons(), TEMPLATE], ids=lambda path: path.stem)
def test_a_lesson_has_its_anatomy(path):
    assert checks.anatomy(read(path)) == []


@each_lesson
def test_a_lesson_is_read_in_25_minutes(path):
    words, code = checks.length(read(path))
    assert words <= checks.MAX_WORDS and code <= checks.MAX_CODE, (words, code)


@each_lesson
def test_the_readme_tells_of_a_lesson(path):
    readme = (ROOT / "README.md").read_text("utf-8")
    assert checks.in_readme(read(path), path, readme) == []


@each_lesson
def test_a_lesson_has_solutions(path):
    assert (SOLUTIONS / path.name).is_file()


def test_a_solution_belongs_to_a_lesson():
    assert {path.name for path in solutions()} <= {path.name for path in lessons()}


@each_lesson
def test_shipped_results_come_from_the_code_in_the_lesson(path):
    code = results.tagged_code(read(path))
    file = results.RESULTS / f"{path.stem}.json"
    assert file.is_file() == bool(code), "cells tagged `results` and data/results go together"
    if code:
        shipped = json.loads(file.read_text("utf-8"))
        assert shipped["code"] == results.digest(code), f"run make results LESSONS={path.name[:2]}"
        assert results.missing(shipped, code) == []


def test_no_results_without_a_lesson():
    stems = {path.stem for path in lessons()}
    assert {path.stem for path in results.RESULTS.glob("*.json")} <= stems
