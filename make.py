"""Set up the project and run its tasks, on any system: ``python make.py TASK`` (or ``make TASK``).

The tasks are printed when no task is named. The first run makes ``.venv`` and installs into it what
requirements.txt lists and the package itself; later runs do so again only when requirements.txt
or pyproject.toml changed. Only Python's standard library is used here.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")

TASKS = {
    "lab": "open JupyterLab on the lessons",
    "run": "execute every lesson and write it as a page to build/html",
    "test": "check style, run the unit tests and compare every notebook with a fresh run",
    "save": "execute the lessons and save them with their outputs (LESSONS=01,03)",
    "claims": "check the lessons' claims over seeds (SEEDS=0-9 LESSONS=01,03)",
    "results": "run the heavy experiments that a lesson only shows (LESSONS=03)",
    "lint": "check style and formatting",
    "clean": "remove build/ and the caches; .venv stays",
}


def main(arguments):
    if sys.version_info < (3, 11):  # noqa: UP036 (this file is run by whatever Python is there)
        sys.exit(
            f"This project needs Python 3.11 or newer; {sys.executable} is "
            f"{sys.version_info[0]}.{sys.version_info[1]}. Name another one: "
            "make PYTHON=python3.12 TASK, or python3.12 make.py TASK."
        )
    for setting in [word for word in arguments if "=" in word]:
        name, _, value = setting.partition("=")
        if name not in ("LESSONS", "SEEDS"):
            sys.exit(f"{name} is not a setting; the settings are LESSONS=… and SEEDS=…")
        os.environ[name] = value
    tasks = [word for word in arguments if "=" not in word]
    if len(tasks) != 1 or tasks[0] not in TASKS:
        lines = [f"  {name:8} {what}" for name, what in TASKS.items()]
        sys.exit("\n".join(["Name one task: python make.py TASK", *lines]))
    return run(tasks[0])


def run(task):
    if task == "clean":
        for name in ("build", ".pytest_cache", ".ruff_cache"):
            shutil.rmtree(ROOT / name, ignore_errors=True)
        return 0
    set_up()
    if task == "lab":
        root = ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
        return python(
            *("-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}"),
            "--LabApp.default_url=/lab/tree/notebooks",
            f"--LabApp.app_settings_dir={ROOT / 'tools' / 'lab'}",  # keeps the news pop-up away
            *root,  # in a container one often is, and Jupyter would refuse
        )
    if task == "lint":
        return lint()
    if task == "test":
        return lint() or python(
            *("-m", "pytest", "-n", "2", "--dist", "loadfile", "--nbval", "--nbval-current-env"),
            *("--nbval-sanitize-with", "tests/nbval_sanitize.cfg", "--nbval-cell-timeout", "300"),
            *("tests", "notebooks", "docs"),
        )
    tool = {"run": "pages", "save": "save", "claims": "claims", "results": "results"}[task]
    return python("-m", f"tools.{tool}")


def set_up():
    """Make .venv and install into it, unless it already holds what the project asks for."""
    asked = b"".join((ROOT / name).read_bytes() for name in ("requirements.txt", "pyproject.toml"))
    stamp, now = VENV / "installed.txt", f"{ROOT}\n{hashlib.sha256(asked).hexdigest()}\n"
    before = stamp.read_text("utf-8") if stamp.is_file() and PYTHON.is_file() else ""
    if before == now:
        return
    print("Setting up .venv; the first time this takes some minutes.", flush=True)
    if not before.startswith(f"{ROOT}\n"):  # new, half made, or of a folder that was moved
        try:
            venv.create(VENV, with_pip=True, clear=True)
        except subprocess.CalledProcessError:
            shutil.rmtree(VENV)
            sys.exit("Python's venv module is not complete; on Debian: apt install python3-venv")
    pip = ("-m", "pip", "--disable-pip-version-check", "install")
    if python(*pip, "-r", "requirements.txt", "-e", "."):
        sys.exit("The installation did not succeed; what pip says above names the reason.")
    stamp.write_text(now, "utf-8")


def lint():
    return python("-m", "ruff", "check", ".") or python("-m", "ruff", "format", "--check", ".")


def python(*arguments):
    """Run the environment's Python in the project's folder; return its exit code."""
    command = [str(PYTHON), *map(str, arguments)]
    try:
        return subprocess.call(command, cwd=ROOT)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
