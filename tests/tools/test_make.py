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


@pytest.fixture(autouse=True)
def no_settings(monkeypatch):
    """What make.main sets is put back; `make test LOWEST=1` runs these tests too."""
    for name in make.SETTINGS:
        monkeypatch.setenv(name, "")


def test_the_makefile_hands_on_every_setting():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert set(re.search(r"^export (.*)$", makefile, re.M)[1].split()) == set(make.SETTINGS)


@pytest.mark.parametrize("value", ["0", "yes", "torch"])
def test_a_wrong_value_of_lowest_is_refused(value, monkeypatch):
    with pytest.raises(SystemExit, match=f"LOWEST={value} means nothing; LOWEST=1"):
        make.main(["test", f"LOWEST={value}"])
    monkeypatch.setenv("LOWEST", value)  # as make hands it on
    with pytest.raises(SystemExit, match=f"LOWEST={value} means nothing"):
        make.main(["test"])


def test_lower_bounds_become_the_versions():
    text = (
        "# numbers\nnumpy>=2.1,<3\nruff>=0.17,<0.18  # narrow\na-model\ntorch>=2.14,!=2.15;x<'3'\n"
    )
    assert make.lowest(text) == (
        "# numbers\nnumpy==2.1\nruff==0.17  # narrow\na-model\ntorch==2.14;x<'3'\n"
    )
    listed = (ROOT / "requirements.txt").read_text("utf-8")
    assert make.lowest(listed).count("==") == listed.count(">=") > 20
    assert not re.search(r"^[^#]*[<>]", make.lowest(listed), re.M)


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
    project = SimpleNamespace(calls=[], commands=[], status=0, folder=tmp_path / "ä project")
    project.folder.mkdir()

    def create(folder, **options):
        project.calls.append("venv")
        for name in ("bin/python", "Scripts/python.exe"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()

    def call(command, **options):
        project.calls.append("install")
        project.commands.append(command)
        return project.status

    monkeypatch.setattr(make.venv, "create", create)
    monkeypatch.setattr(make.subprocess, "call", call)
    monkeypatch.setattr(make, "ROOT", project.folder)
    for name in ("requirements.txt", "pyproject.toml"):
        (project.folder / name).write_text("torch>=2,<3")
    return project


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
    moved = tmp_path / "moved"
    project.folder.rename(moved)
    monkeypatch.setattr(make, "ROOT", moved)
    assert calls_of(project) == ["venv", "install"]


def test_another_version_of_python_gets_a_new_environment(project, monkeypatch):
    make.set_up()
    monkeypatch.setattr(sys, "version_info", (3, sys.version_info[1], 99))
    assert calls_of(project) == []
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    assert calls_of(project) == ["venv", "install"]
    assert calls_of(project) == []


def test_lowest_has_an_environment_of_its_own(project, monkeypatch):
    make.set_up()
    monkeypatch.setenv("LOWEST", "1")
    assert calls_of(project) == ["venv", "install"]
    place = project.folder / ".venv-lowest"
    assert project.commands[-1][0].startswith(str(place))
    listed = place / "lowest.txt"
    assert project.commands[-1][-4:] == ["-r", str(listed), "-e", "."]
    assert listed.read_text("utf-8") == "torch==2"
    assert calls_of(project) == []
    monkeypatch.setenv("LOWEST", "")
    assert calls_of(project) == []


@pytest.mark.parametrize("task, browser", [("test", True), ("quick", False)])
def test_the_browser_is_set_up_for_the_tests_that_need_it(monkeypatch, task, browser):
    calls = []
    monkeypatch.setattr(make, "set_up", lambda: None)
    monkeypatch.setattr(make, "python", lambda *arguments: calls.append(arguments) or 0)
    assert make.run(task) == 0
    assert (("-m", "tools.browser") in calls[:-1]) == browser
    assert "pytest" in calls[-1] and ("notebooks" in calls[-1]) == browser
    assert ("--ignore=tests/browser" in calls[-1]) != browser


@pytest.mark.parametrize("user, asked", [(0, True), (1000, False)])
def test_the_lab_opens_for_root_too_as_in_a_container(monkeypatch, user, asked):
    calls = []
    monkeypatch.setattr(make, "set_up", lambda: None)
    monkeypatch.setattr(make, "python", lambda *arguments: calls.append(arguments) or 0)
    monkeypatch.setattr(make.os, "geteuid", lambda: user, raising=False)
    assert make.run("lab") == 0 and ("--allow-root" in calls[0]) == asked
