"""``make results``: run the heavy experiments that lessons show from data/results/LESSON.json.

The code of such an experiment stands in the lesson, in cells with the tag ``results``: they
define ``configurations()``, a list of dictionaries, and ``measure(**configuration)``, which
returns a dictionary of numbers. This builder executes only those cells, measures what is missing,
two at a time, and writes the file after each, so an interrupted run goes on where it stopped.
When the code of ``measure`` or what it calls in the tagged cells changes, all is measured again.
"""

import ast
import hashlib
import json
import os
import platform
import sys
from concurrent.futures import as_completed
from datetime import date
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from tl_helpers.say import say
from tools.notebooks import HEADLESS, ROOT, lessons, pool, read

RESULTS = ROOT / "data" / "results"


def tagged_code(nb) -> str:
    """Return the code of the cells with the tag ``results``; empty when there is none."""
    return "\n".join(
        cell.source
        for cell in nb.cells
        if cell.cell_type == "code" and "results" in cell.metadata.get("tags", [])
    )


def digest(code: str) -> str:
    """Return a hash of what the code does: comments, layout and ``configurations`` do not count."""
    tree = ast.parse(code)
    tree.body = [node for node in tree.body if getattr(node, "name", "") != "configurations"]
    return hashlib.sha256(repr(_plain(tree)).encode()).hexdigest()[:16]


def _plain(node):
    """Return a syntax tree as tuples: its kinds and what it says, the same in every Python.

    Fields that are empty are left out, so that one which a later version adds does not count.
    """
    if isinstance(node, ast.Constant):
        return "Constant", repr(node.value)
    if isinstance(node, ast.AST):
        fields = [(name, _plain(value)) for name, value in ast.iter_fields(node)]
        return type(node).__name__, *[pair for pair in fields if pair[1] not in (None, ())]
    return tuple(map(_plain, node)) if isinstance(node, list) else node


def namespace(code: str) -> dict:
    """Execute the tagged cells; return their names. Raises SystemExit when one of the two lacks."""
    names = {"__name__": "results"}
    exec(compile(code, "<cells tagged results>", "exec"), names)
    for wanted in ("configurations", "measure"):
        if not callable(names.get(wanted)):
            raise SystemExit(f"the cells tagged `results` must define {wanted}()")
    return names


def load(path: Path, code: str) -> dict:
    """Return the file's content with the runs that still count; a new one when there is none."""
    content = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    asked = namespace(code)["configurations"]()
    same = content.get("code") == digest(code)
    runs = [run for run in content.get("runs", []) if same and run["configuration"] in asked]
    return {**_header(code), "runs": runs}


def missing(content: dict, code: str) -> list[dict]:
    """Return the configurations that have no run yet."""
    done = [run["configuration"] for run in content["runs"]]
    return [asked for asked in namespace(code)["configurations"]() if asked not in done]


def _header(code: str) -> dict:
    names = ("torch", "torchvision", "timm", "transformers", "numpy", "scikit-learn")
    return {
        "made": date.today().isoformat(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in names},
        "code": digest(code),
    }


def write(content: dict, path: Path, order: list[dict]) -> None:
    content["runs"].sort(key=lambda run: order.index(run["configuration"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    part.replace(path)


_names = {}  # of a worker process


def _prepare(code: str) -> None:
    _names.update(namespace(code))


def _measure(configuration: dict) -> tuple[dict, float]:
    begin = perf_counter()
    measured = {
        name: float(f"{float(value):.6g}")
        for name, value in _names["measure"](**configuration).items()
    }
    return measured, perf_counter() - begin


def build(lesson: Path, folder: Path = RESULTS) -> None:
    """Measure what is missing in the results of one lesson; do nothing when it has none."""
    code = tagged_code(read(lesson))
    if not code:
        return
    path = folder / f"{lesson.stem}.json"
    content, order = load(path, code), namespace(code)["configurations"]()
    todo = missing(content, code)
    say(f"{lesson.stem}: {len(order) - len(todo)} of {len(order)} are there")
    with pool(initializer=_prepare, initargs=(code,)) as workers:
        jobs = {workers.submit(_measure, configuration): configuration for configuration in todo}
        try:
            for done, job in enumerate(as_completed(jobs), 1):
                measured, seconds = job.result()
                run = {"configuration": jobs[job], "measured": measured}
                content["runs"].append({**run, "seconds": round(seconds, 2)})
                write(content, path, order)
                say(f"[{done}/{len(todo)}] {jobs[job]} {measured} {seconds:.1f} s")
        except KeyboardInterrupt:
            workers.shutdown(wait=False, cancel_futures=True)
            raise SystemExit(
                "Interrupted; what is done is kept, the same command goes on."
            ) from None
    if not todo and path.is_file():
        before = json.loads(path.read_text("utf-8"))["runs"]
        if len(before) > len(content["runs"]):  # some are no longer asked for
            write(content, path, order)


def main() -> int:
    os.environ.update(HEADLESS)
    for lesson in lessons(os.environ.get("LESSONS", "")):
        build(lesson)
    return 0


if __name__ == "__main__":
    sys.exit(main())
