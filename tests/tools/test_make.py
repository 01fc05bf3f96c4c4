import re
import sys
from types import SimpleNamespace

import pytest

import make
from tools.notebooks import ROOT


def test_the_makefile_and_the_script_know_the_same_tasks():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert set(re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split()) == set(make.TASKS)


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["lint", "test"]])
def test_the_tasks_are_told_when_none_is_named(arguments):
    with pytest.raises(SystemExit, match="(?s)Name one task.*lab .*clean"):
        make.main(arguments)


def test_an_unknown_setting_is_refused():
    with pytest.raises(SystemExit, match="LESSON is not a setting"):
        make.main(["test", "LESSON=1"])


def test_an_old_python_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9))
    with pytest.raises(SystemExit, match=r"needs Python 3.11 or newer.*is 3.9.*make PYTHON="):
        make.main(["test"])


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of its own in which making .venv and installing are only noted."""
    project = SimpleNamespace(calls=[], status=0, folder=tmp_path)

    def create(folder, **options):
        project.calls.append("venv")
        folder.mkdir(exist_ok=True)
        (folder / "python").touch()

    def python(*arguments):
        project.calls.append("install")
        return project.status

    monkeypatch.setattr(make.venv, "create", create)
    monkeypatch.setattr(make, "python", python)
    stand_in(tmp_path, monkeypatch)
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_text("torch")
    return project


def stand_in(folder, monkeypatch):
    monkeypatch.setattr(make, "ROOT", folder)
    monkeypatch.setattr(make, "VENV", folder / ".venv")
    monkeypatch.setattr(make, "PYTHON", folder / ".venv" / "python")


def calls_of(project):
    project.calls.clear()
    make.set_up()
    return list(project.calls)


def test_set_up_installs_once_and_again_when_the_requirements_change(project):
    assert calls_of(project) == ["venv", "install"]
    assert calls_of(project) == []
    (project.folder / "requirements.txt").write_text("torch\nnumpy")
    assert calls_of(project) == ["install"]
    assert calls_of(project) == []


def test_an_installation_that_failed_is_tried_again(project):
    project.status = 1
    for _ in range(2):
        with pytest.raises(SystemExit, match="did not succeed"):
            make.set_up()
    project.status = 0
    assert calls_of(project)[-1] == "install"
    assert calls_of(project) == []


def test_a_folder_that_was_moved_gets_a_new_environment(project, monkeypatch, tmp_path):
    make.set_up()
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    tmp_path.rename(moved)
    stand_in(moved, monkeypatch)
    assert calls_of(project) == ["venv", "install"]


@pytest.mark.parametrize("user, asked", [(0, True), (1000, False)])
def test_the_lab_opens_for_root_too_as_in_a_container(monkeypatch, user, asked):
    calls = []
    monkeypatch.setattr(make, "set_up", lambda: None)
    monkeypatch.setattr(make, "python", lambda *arguments: calls.append(arguments) or 0)
    monkeypatch.setattr(make.os, "geteuid", lambda: user, raising=False)
    assert make.run("lab") == 0 and ("--allow-root" in calls[0]) == asked
