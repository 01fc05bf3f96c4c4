"""The browser of the browser tests: find one that starts, or install one. A step of `make test`.

The first that starts is taken: a Chromium of the system, Playwright's own, Playwright's own once it
is installed, the system's packages (where one may install them). Whether it starts is tried: one
whose libraries are missing is there and does not.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
NONE = "There is no browser for the browser tests"  # the first words wherever that is said
PLAYWRIGHT = [sys.executable, "-m", "playwright", "install", "chromium"]
APT = [
    ["apt-get", "update"],
    ["apt-get", "install", "-y", "--no-install-recommends", "chromium"],
]
SECONDS = 600  # for one installer


def find():
    """Return the path of a Chromium that starts: on PATH, or Playwright's own. None without one."""
    for path in filter(None, map(shutil.which, NAMES)):
        if starts(path):
            return path
    with ThreadPoolExecutor() as pool:  # one thread holds one Playwright, and ours may have one
        own = pool.submit(_of_playwright).result()
    return own if Path(own).is_file() and starts(own) else None


def _of_playwright():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def starts(path):
    """Whether this Chromium can show an empty page."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:  # not the user's own
        page = ("--headless", f"--user-data-dir={profile}", "--dump-dom", "about:blank")
        try:
            shown = subprocess.run([path, *FLAGS, *page], capture_output=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired):
            return False
    return b"<html" in shown.stdout


def install():
    """Install a Chromium by the first way that gives one that starts; say each way in a line."""
    print("No Chromium is found; Playwright installs one for the browser tests.", flush=True)
    call(PLAYWRIGHT)
    if find():
        return
    if shutil.which("apt-get") and is_root():
        print("So apt-get installs the system's chromium.", flush=True)
        for command in APT:
            call(command)


def call(command):
    """Run an installer without its many words; where it fails, print why in a line."""
    env = {
        **os.environ,
        "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000",  # ms, for a host that does not answer
        "DEBIAN_FRONTEND": "noninteractive",
    }
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    try:
        ran = subprocess.run(command, env=env, timeout=SECONDS, **pipes)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"  It failed: {error}", flush=True)
        return
    if ran.returncode:
        lines = ran.stdout.decode(errors="replace").splitlines() or ["it does not say why"]
        reasons = [line for line in lines if line.startswith(("Error", "E: "))]
        print(f"  It failed: {(reasons or lines)[0]}", flush=True)


def is_root():
    return getattr(os, "geteuid", lambda: 1)() == 0  # Windows has no such user


def missing():
    """Return what to say where no browser can be had, with the one command that mends it."""
    if shutil.which("apt-get"):
        sudo = [] if is_root() else ["sudo"]
        commands = [sudo + command for command in APT]
    else:
        commands = [PLAYWRIGHT]
    return f"{NONE}. This mends it: {' && '.join(map(subprocess.list2cmdline, commands))}"


if __name__ == "__main__":
    if not find():
        install()
        print(f"The browser is {found}." if (found := find()) else missing(), flush=True)
