"""Seconds and peak memory of each notebook, as a reader's laptop sees them.

    python benchmarks/notebooks.py [LESSONS, such as 01,03]

Each notebook is executed alone in a fresh kernel, with as many threads as there are cores. Memory
is the resident memory of the kernel and its children, looked at ten times a second.
"""

import sys
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from time import perf_counter

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.notebooks import HEADLESS, execute, lessons, read  # noqa: E402 (after the path is set)

MAX_SECONDS, MAX_CELL_SECONDS, MAX_GB = 60, 10, 2.0
LIKE_A_READER = {name: value for name, value in HEADLESS.items() if "THREADS" not in name}


def memory_of_children() -> int:
    """Return the bytes that all processes below this one hold."""
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def watch(stop: Event, peak: list) -> None:
    while not stop.wait(0.1):
        peak[0] = max(peak[0], memory_of_children())


def slowest_cell(nb) -> float:
    """Return the seconds of the slowest cell, of a notebook executed with its timing recorded."""
    spans = [cell.metadata.get("execution") for cell in nb.cells if cell.cell_type == "code"]
    times = [
        datetime.fromisoformat(span["iopub.status.idle"])
        - datetime.fromisoformat(span["iopub.status.busy"])
        for span in spans
        if span
    ]
    return max(time.total_seconds() for time in times)


def measure(path: Path) -> tuple[float, float, float]:
    """Execute a notebook; return its seconds, the seconds of its slowest cell, its peak in GB."""
    stop, peak = Event(), [0]
    watcher = Thread(target=watch, args=(stop, peak), daemon=True)
    watcher.start()
    begin = perf_counter()
    nb = execute(read(path), path.parent, LIKE_A_READER, record_timing=True)
    seconds = perf_counter() - begin
    stop.set()
    watcher.join()
    return seconds, slowest_cell(nb), peak[0] / 1e9


def main(chosen: str) -> int:
    print("| notebook | seconds | slowest cell, s | peak memory, GB | |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    too_much = 0
    for path in lessons(chosen):
        seconds, cell, peak = measure(path)
        good = seconds <= MAX_SECONDS and cell <= MAX_CELL_SECONDS and peak <= MAX_GB
        too_much += not good
        verdict = "✔" if good else "✘"
        print(f"| {path.stem} | {seconds:.1f} | {cell:.1f} | {peak:.2f} | {verdict} |", flush=True)
    print(f"\nAllowed: {MAX_SECONDS} s, {MAX_CELL_SECONDS} s a cell, {MAX_GB} GB.")
    return 1 if too_much else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or [""]))
