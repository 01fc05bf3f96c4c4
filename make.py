"""Set up the project and run its tasks, on any system: ``python make.py TASK`` (or ``make TASK``).

The tasks are printed when no task is named. The first run makes ``.venv`` and installs into it what
requirements.txt lists and the package itself; later runs do so again only when requirements.txt
or pyproject.toml changed. Only Python's standard library is used here.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent

TASKS = {
    "lab": "open JupyterLab on the lessons",
    "run": "execute every lesson and write it as a page to build/html",
    "test": "every check: style, unit tests, widgets in a browser, every notebook run afresh",
    "quick": "check style and run the fast tests: no notebooks, no browser, none marked slow",
    "save": "execute the lessons and save them with their outputs (LESSONS=01,03)",
    "claims": "check the lessons' claims over seeds (SEEDS=0-9 LESSONS=01,03 WITHOUT=labels)",
    "results": "run the heavy experiments that a lesson only shows (LESSONS=03)",
    "lint": "check style and formatting",
    "clean": "remove build/ and the caches; .venv stays",
}
SETTINGS = {
    "LESSONS": "01,03",
    "SEEDS": "0-9",
    "WITHOUT": "labels (or weights: the claims that need them must fail)",
    "LOWEST": "1 (an environment of its own, .venv-lowest, with the lowest packages allowed)",
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
        if name not in SETTINGS:
            sys.exit(f"{name} is not a setting; the settings are {', '.join(SETTINGS)}")
        os.environ[name] = value
    if (lowest := os.environ.get("LOWEST", "")) not in ("", "1"):
        sys.exit(f"LOWEST={lowest} means nothing; LOWEST=1 takes the lowest packages allowed")
    tasks = [word for word in arguments if "=" not in word]
    if len(tasks) != 1 or tasks[0] not in TASKS:
        lines = [f"  {name:8} {what}" for name, what in TASKS.items()]
        lines += ["Settings, behind the task:"]
        lines += [f"  {name}={example}" for name, example in SETTINGS.items()]
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
    two = ("-m", "pytest", "-n", "2", "--dist", "loadfile")
    if task == "quick":
        return lint() or python(*two, "-m", "not slow", "--ignore=tests/browser", "tests")
    if task == "test":
        return (
            lint()
            or python("-m", "tools.browser")
            or python(
                *(*two, "--nbval", "--nbval-current-env"),
                *(
                    "--nbval-sanitize-with",
                    "tests/nbval_sanitize.cfg",
                    "--nbval-cell-timeout",
                    "300",
                ),
                *("tests", "notebooks", "docs"),
            )
        )
    tool = {"run": "pages", "save": "save", "claims": "claims", "results": "results"}[task]
    return python("-m", f"tools.{tool}")


def set_up():
    """Make the environment and install into it, unless it already holds what the project asks for.

    One that another version of Python made, or that was made in another folder, is made anew.
    """
    folder = environment()
    asked = b"".join((ROOT / name).read_bytes() for name in ("requirements.txt", "pyproject.toml"))
    made = f"{ROOT}\n{sys.version_info[0]}.{sys.version_info[1]}\n"
    stamp, now = folder / "installed.txt", f"{made}{hashlib.sha256(asked).hexdigest()}\n"
    before = stamp.read_text("utf-8") if stamp.is_file() and interpreter().is_file() else ""
    if before == now:
        return
    print(f"Setting up {folder.name}; the first time this takes some minutes.", flush=True)
    if not before.startswith(made):
        try:
            venv.create(folder, with_pip=True, clear=True)
        except subprocess.CalledProcessError:
            shutil.rmtree(folder)
            sys.exit("Python's venv module is not complete; on Debian: apt install python3-venv")
    packages = ROOT / "requirements.txt"
    if os.environ.get("LOWEST"):
        text = lowest(packages.read_text("utf-8"))
        packages = folder / "lowest.txt"
        packages.write_text(text, "utf-8")
    pip = ("-m", "pip", "--disable-pip-version-check", "install")
    if python(*pip, "-r", packages, "-e", "."):
        sys.exit("The installation did not succeed; what pip says above names the reason.")
    stamp.write_text(now, "utf-8")


def environment():
    return ROOT / (".venv-lowest" if os.environ.get("LOWEST") else ".venv")


def interpreter():
    return environment() / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def lowest(requirements):
    """Return the text of requirements.txt with every lower bound, ``>=1.2,<2``, as ``==1.2``."""
    return re.sub(r">=([\w.]+)(,[^;#\s]+)?", r"==\1", requirements)


def lint():
    return python("-m", "ruff", "check", ".") or python("-m", "ruff", "format", "--check", ".")


def python(*arguments):
    """Run the environment's Python in the project's folder; return its exit code."""
    command = [str(interpreter()), *map(str, arguments)]
    try:
        return subprocess.call(command, cwd=ROOT)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
