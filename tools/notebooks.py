"""The lessons as files: find them, execute them, bring them into the one form that is committed."""

import os
import re
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from time import perf_counter

import nbformat

ROOT = Path(__file__).resolve().parent.parent
LESSONS = ROOT / "notebooks"
SOLUTIONS = LESSONS / "solutions"
TEMPLATE = ROOT / "docs" / "lesson_template.ipynb"

# How notebooks are executed when nobody watches. One thread a process: sums then come out the
# same everywhere, and two processes at once do not get into each other's way. No progress bars.
HEADLESS = {
    "OMP_NUM_THREADS": "1",
    "TQDM_DISABLE": "1",
    "TL_PROGRESS": "off",
    "TL_EXERCISES": "off",
}
WORKERS = 2
CELL_SECONDS = 300

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def lessons(chosen: str = "") -> list[Path]:
    """Return the lessons in reading order; ``chosen`` names some by number, as ``"01,03"``.

    Raises SystemExit with one sentence when a number has no lesson.
    """
    found = sorted(LESSONS.glob("[0-9][0-9]_*.ipynb"))
    numbers = [word for word in chosen.replace(",", " ").split() if word]
    unknown = set(numbers) - {path.name[:2] for path in found}
    if unknown:
        have = ", ".join(path.name[:2] for path in found)
        raise SystemExit(f"LESSONS names {', '.join(sorted(unknown))}; there are {have}")
    return [path for path in found if not numbers or path.name[:2] in numbers]


def solutions() -> list[Path]:
    return sorted(SOLUTIONS.glob("*.ipynb"))


def read(path: Path):
    return nbformat.read(path, as_version=4)


def write(nb, path: Path) -> None:
    nbformat.validate(nb)
    nbformat.write(nb, path)


def execute(nb, folder: Path, env: dict = HEADLESS, allow_errors=False, record_timing=False):
    """Execute a notebook in place, in ``folder``, in a fresh kernel with ``env`` added to it.

    Raises what nbclient raises: CellExecutionError for an error in a cell (unless
    ``allow_errors``), CellTimeoutError, DeadKernelError.
    """
    from nbclient import NotebookClient  # slow to import, and not all that execute code need it

    client = NotebookClient(
        nb,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        allow_errors=allow_errors,
        record_timing=record_timing,
        store_widget_state=False,
        shutdown_kernel="immediate",  # in peace it takes seconds, and a kernel has nothing to save
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # kernels warn of their transport
    )
    start_twice(client.execute, env={**os.environ, **env})
    return nb


def start_twice(start, **options):
    """Call ``start``, which starts a kernel; once more when the kernel died before its first word.

    Two kernels that start at once may be given the same port, and the second to come dies.
    """
    try:
        return start(**options)
    except RuntimeError as error:
        if "Kernel died before replying" not in str(error):
            raise
        return start(**options)


def canonical(nb):
    """Bring an executed notebook into its committed form, in place.

    Only tags remain of a cell's metadata; the notebook's metadata is the same for all. A widget
    that brings a picture is saved as that picture. Streams are joined and shown as a terminal
    would leave them, so that progress bars vanish.
    """
    nb.metadata = nbformat.from_dict(METADATA)
    nb.nbformat, nb.nbformat_minor = 4, 5
    for cell in nb.cells:
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        cell.source = cell.source.strip("\n")
        if cell.cell_type == "code":
            cell.outputs = _canonical_outputs(cell.outputs)
    return nb


def _canonical_outputs(outputs):
    kept = []
    for output in outputs:
        if output.output_type == "stream":
            if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                kept[-1].text += output.text
            else:
                kept.append(output)
            continue
        data = output.get("data", {})
        if "image/png" in data:
            data.pop(WIDGET_VIEW, None)
        kept.append(output)
    for output in kept:
        if output.output_type == "stream":
            output.text = as_a_terminal_shows(output.text)
    return [output for output in kept if output.output_type != "stream" or output.text.strip()]


def as_a_terminal_shows(text: str) -> str:
    """Return the text with each line as it stands after its carriage returns."""
    lines = [re.sub(r"^.*\r(?!$)", "", line).rstrip("\r") for line in text.split("\n")]
    return "\n".join(line.rstrip() if "\r" in text else line for line in lines)


def _execute_file(path: Path):
    begin = perf_counter()
    nb = read(path)
    try:
        execute(nb, path.parent)
    except Exception as error:  # whatever went wrong is reported for this one and the rest go on
        return path, None, f"{type(error).__name__}: {error}", perf_counter() - begin
    return path, canonical(nb), None, perf_counter() - begin


def execute_all(paths: list[Path]):
    """Execute notebooks, two at once; yield (path, canonical notebook, None) as each is done.

    A notebook that fails gives (path, None, what happened). Prints a line for each.
    """
    with pool() as workers:
        jobs = [workers.submit(_execute_file, path) for path in paths]
        for done, job in enumerate(as_completed(jobs), 1):
            path, nb, problem, seconds = job.result()
            state = "FAILED" if problem else "executed"
            print(f"[{done}/{len(jobs)}] {path.name} {state} in {seconds:.0f} s", flush=True)
            if problem:
                print(problem, flush=True)
            yield path, nb, problem


def pool(initializer=None, initargs=()) -> ProcessPoolExecutor:
    """Return two worker processes, started the same way on every system.

    A worker ends with the process that made it, also when that one was killed; the kernel of a
    notebook ends with its worker.
    """
    context = get_context("spawn")
    return ProcessPoolExecutor(
        WORKERS, context, initializer=_begin, initargs=(initializer, *initargs)
    )


def _begin(initializer, *arguments):
    def end_with_parent():
        parent_process().join()
        os._exit(1)

    Thread(target=end_with_parent, daemon=True).start()
    if initializer:
        initializer(*arguments)
