"""A browser is found, or installed in one of two ways, or its lack is told; with stand-ins."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import sync_playwright

from tools import browser
from tools.notebooks import ROOT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-ins are shell scripts")

STARTS = "echo '<html></html>'"
FAILS = "echo 'error while loading shared libraries: libnss3.so' >&2; exit 127"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without a browser: ``machine(name, script)`` puts a program on its PATH."""
    programs = tmp_path / "programs"
    programs.mkdir()
    shells = os.pathsep.join({os.path.dirname(shutil.which(name)) for name in ("sh", "mkdir")})

    def program(name, script, place=programs):
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(f"#!/bin/sh\nPATH='{shells}'\n{script}\n")
        (place / name).chmod(0o755)
        return str(place / name)

    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "playwright"))
    monkeypatch.setattr(browser, "is_root", lambda: True)
    monkeypatch.setattr(browser, "PLAYWRIGHT", [program("playwright", FAILS)])
    return program


def own(tmp_path):
    """Where Playwright keeps its Chromium: the folder and the name."""
    code = (
        "from playwright.sync_api import sync_playwright as start\n"
        "with start() as playwright: print(playwright.chromium.executable_path)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert str(tmp_path) in ran.stdout, ran.stderr
    return os.path.split(ran.stdout.strip())


def creates(folder, name, script):
    """A shell script that makes a program."""
    path = f"'{folder}/{name}'"
    lines = f"'#!/bin/sh' \"{script}\""
    return f"mkdir -p '{folder}'; printf '%s\\n' {lines} > {path}; chmod +x {path}"


def test_the_first_on_path_that_starts_is_taken(machine):
    machine("chromium", FAILS)
    assert browser.find() is None
    path = machine("google-chrome", STARTS)
    assert browser.find() == path


def test_it_is_found_beside_a_playwright_that_runs(machine):
    path = machine("google-chrome", FAILS)

    def beside():
        with sync_playwright():
            found = [browser.find()]
            machine("google-chrome", STARTS)
            return [*found, browser.find()]

    with ThreadPoolExecutor() as pool:  # in this thread the browser tests may have one, too
        assert pool.submit(beside).result() == [None, path]


def test_what_is_no_program_does_not_start(tmp_path):
    assert not browser.starts(str(tmp_path / "nothing"))
    (tmp_path / "text").write_text("text")
    (tmp_path / "text").chmod(0o755)
    assert not browser.starts(str(tmp_path / "text"))


def test_playwrights_own_comes_first(machine, tmp_path, capsys):
    folder, name = own(tmp_path)
    machine("playwright", creates(folder, name, "echo '<html>'"))
    machine("apt-get", "echo never >&2; exit 1")
    browser.install()
    assert browser.find() == os.path.join(folder, name)
    assert capsys.readouterr().out.splitlines() == [
        "No Chromium is found; Playwright installs one for the browser tests."
    ]


@pytest.mark.parametrize("theirs", ["cannot be had", "does not start"])
def test_then_the_systems_packages(machine, tmp_path, capsys, theirs):
    if theirs == "does not start":
        machine("playwright", creates(*own(tmp_path), "exit 127"))
    else:
        machine("playwright", "echo Downloading; echo 'Error: ENOTFOUND a.host'; exit 1")
    programs, log = tmp_path / "programs", tmp_path / "log"
    made = creates(programs, "chromium", "echo '<html>'")
    machine("apt-get", f"echo \"$@\" >> '{log}'\nif [ $1 = install ]; then {made}; fi")
    browser.install()
    assert browser.find() == str(programs / "chromium")
    wanted = "update\ninstall -y --no-install-recommends chromium\n"
    assert log.read_text() == wanted
    said = capsys.readouterr().out.splitlines()
    failed = ["  It failed: Error: ENOTFOUND a.host"] if theirs == "cannot be had" else []
    assert said[1:] == [*failed, "So apt-get installs the system's chromium."]


def test_only_root_installs_packages(machine, tmp_path, monkeypatch):
    monkeypatch.setattr(browser, "is_root", lambda: False)
    machine("apt-get", f"touch '{tmp_path}/called'")
    browser.install()
    assert browser.find() is None and not (tmp_path / "called").exists()
    assert browser.missing() == (
        "There is no browser for the browser tests. This mends it: sudo apt-get update && "
        "sudo apt-get install -y --no-install-recommends chromium"
    )


def test_without_apt_playwright_is_named(machine):
    assert browser.missing().endswith(f"This mends it: {browser.PLAYWRIGHT[0]}")


def test_an_installer_that_hangs_is_left(machine, monkeypatch, capsys):
    monkeypatch.setattr(browser, "SECONDS", 0.2)
    browser.call([machine("slow", "sleep 20")])
    assert "It failed" in capsys.readouterr().out


@pytest.mark.parametrize("ci", ["", "true"])
def test_without_a_browser_its_tests_are_left_out_loudly_and_fail_in_ci(machine, ci):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/browser"]
    ran = subprocess.run(
        [*command, "-k", "saved or drifts"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"CI": ci},
    )
    assert ran.returncode == (1 if ci else 0), ran.stdout + ran.stderr
    last = ran.stdout.splitlines()[-3:]
    assert "NOT TESTED IN A BROWSER" in last[0]
    assert last[1].startswith("2 tests did not run. There is no browser for the browser tests.")
    assert "This mends it: " in last[1] and last[1].endswith("chromium")
