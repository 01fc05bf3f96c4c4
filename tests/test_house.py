"""The arrows between the rooms of the package run downward only, and no files import each other."""

import ast
import graphlib
from pathlib import Path

import pytest

import tl_helpers

PACKAGE = Path(tl_helpers.__file__).parent
BELOW_LESSONS = {"data", "models", "training", "transfer", "pretraining", "teaching"}
MAY_IMPORT = {
    "files": set(),
    "seeds": set(),
    "arguments": set(),
    "progress": set(),
    "say": set(),
    "data": set(),
    "models": set(),
    "training": {"data"},
    "transfer": {"data", "models", "training"},
    "pretraining": {"data", "models", "training"},
    "teaching": {"data", "models", "training", "transfer", "pretraining"},
    "lessons": BELOW_LESSONS,
    "widgets": {"lessons"},  # tl.widgets and tl.exercises, the public names of what lessons hold
    "exercises": {"lessons", "teaching"},
    "doctor": {"models"},
    "__main__": {"doctor"},
    "": set(),  # tl_helpers/__init__.py, which finds its names when they are first used
}
FOR_ALL = {"files", "seeds", "arguments", "progress", "say"}  # files that any room may use


def sources() -> dict[str, str]:
    """Return {dotted name of a module of the package: its code}."""
    found = {}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = file.read_text("utf-8")
    return found


def imported(name: str, code: dict[str, str], folders: set[str]) -> set[str]:
    """Return the modules of the package that a module imports, inside functions too.

    Taking a module out of a package (``from tl_helpers.training import loop``) is an import of that
    module; taking anything else is one of the package's own file.
    """
    found = set()
    for node in ast.walk(ast.parse(code[name])):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = node.level - (name in folders)
                parts = name.split(".")
                base = ".".join([*parts[: len(parts) - up], *([base] if base else [])])
            for one in node.names:
                inner = f"{base}.{one.name}"
                if one.name != "__version__":  # a word, and no room
                    found.add(inner if inner in code or inner in folders else base)
    return {one for one in found if one.split(".")[0] == "tl_helpers"} - {name}


def problems(code: dict[str, str]) -> list[str]:
    """Return what breaks the plan of the house, in words."""
    folders = {one.rpartition(".")[0] for one in code}
    graph = {name: imported(name, code, folders) for name in code}
    found = []
    for name, targets in sorted(graph.items()):
        here = room(name)
        if here not in MAY_IMPORT:
            found.append(f"{name} stands in no room")
            continue
        for target in sorted(targets):
            there = room(target)
            if there not in {here, *FOR_ALL, *MAY_IMPORT[here]}:
                found.append(f"{name} imports {target}")
            lesson = target.split(".")[2:3] if here == there == "lessons" else []
            if lesson and lesson != name.split(".")[2:3]:
                found.append(f"{name} imports another lesson's {target}")
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        found.append(f"in a circle: {' → '.join(error.args[1])}")
    return found


def room(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def test_the_arrows_run_downward_and_no_files_import_each_other():
    assert problems(sources()) == []


@pytest.mark.parametrize(
    ("name", "line", "problem"),
    [
        ("data.task", "from tl_helpers import models", "data.task imports tl_helpers.models"),
        ("data.task", "from ..models import mlp", "data.task imports tl_helpers.models"),
        (
            "models.small",
            "import tl_helpers.data.task",
            "models.small imports tl_helpers.data.task",
        ),
        (
            "training.loop",
            "from ..transfer import freezing",
            "imports tl_helpers.transfer.freezing",
        ),
        ("transfer.freezing", "from ..teaching import plots", "imports tl_helpers.teaching.plots"),
        (
            "transfer.freezing",
            "from ..pretraining import vae",
            "imports tl_helpers.pretraining.vae",
        ),
        ("teaching.plots", "from tl_helpers.lessons import rooms", "imports tl_helpers.lessons"),
        ("teaching.plots", "from tl_helpers import widgets", "imports tl_helpers.widgets"),
        ("teaching.plots", "from tl_helpers import fit", "teaching.plots imports tl_helpers"),
        ("lessons.gan.checks", "from ..losses import widget", "another lesson's"),
        ("attic", "", "tl_helpers.attic stands in no room"),
        ("models.base", "from .small import mlp", "in a circle: tl_helpers.models"),
    ],
)
def test_a_wrong_import_is_found_also_inside_a_function(name, line, problem):
    code = sources()
    code[f"tl_helpers.{name}"] = (
        code.get(f"tl_helpers.{name}", "") + f"\ndef planted():\n    {line or 'pass'}\n"
    )
    found = problems(code)
    assert any(problem in one for one in found), found
