import json

import pytest

import tl_helpers as tl
from tl_helpers.files import FileProblem
from tl_helpers.teaching import results as module


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DATA", tmp_path)
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


def test_a_run_is_its_configuration_and_its_numbers(folder):
    run = {"configuration": {"labels": 5}, "measured": {"accuracy": 0.5}, "seconds": 1.5}
    (folder / "02_x.json").write_text(json.dumps({"runs": [run]}))
    assert tl.results("02_x") == [{"labels": 5, "accuracy": 0.5, "seconds": 1.5}]


def test_a_missing_file_says_how_to_build_it(folder):
    with pytest.raises(FileProblem, match=r"02_x.json is missing.*make results LESSONS=02"):
        tl.results("02_x")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"runs": [{}]}'])
def test_a_damaged_file_is_named(folder, text):
    (folder / "02_x.json").write_text(text)
    with pytest.raises(FileProblem, match="02_x.json is damaged"):
        tl.results("02_x")
