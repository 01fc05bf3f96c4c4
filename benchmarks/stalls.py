"""How dependable is running a notebook that holds widgets, without a browser?

    python benchmarks/stalls.py [--runs 100] [--limit 60]

Executes one notebook again and again, each time in a fresh kernel: it makes every widget of the
lessons from small inputs (the examples of their tests), shows it and moves it. Prints the number of
runs that stalled: were not done within the limit, in seconds, or lost their kernel.
"""

import argparse
import sys
import time
from pathlib import Path

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import v4

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import tools.notebooks  # noqa: E402
from tl_helpers.lessons import rooms  # noqa: E402

LESSONS = rooms("widget")


def notebook():
    """A notebook with two cells a widget: it is shown, and moved while its view is out."""
    cells = [v4.new_code_cell("import numpy as np")]
    for lesson in LESSONS:
        cells += [
            v4.new_code_cell(
                f"from tests.lessons.{lesson}.test_widget import example\nw = example()"
            ),
            v4.new_code_cell("w"),
            v4.new_code_cell(
                "rng = np.random.default_rng(0)\n"
                "for control in list(w.controls.values()) * 3:\n"
                "    control.set(control.any(rng))\n"
                "assert not w.error"
            ),
        ]
    return v4.new_notebook(cells=cells)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--limit", type=int, default=60, help="seconds a cell may take")
    options = parser.parse_args()
    tools.notebooks.CELL_SECONDS = options.limit
    stalls, begun = 0, time.perf_counter()
    for number in range(1, options.runs + 1):
        try:
            tools.notebooks.execute(notebook(), ROOT)
        except (CellTimeoutError, DeadKernelError) as problem:
            stalls += 1
            print(f"run {number}: {type(problem).__name__}", flush=True)
        if number % 10 == 0:
            seconds = time.perf_counter() - begun
            print(f"{number} runs, {stalls} stalls, {seconds / number:.1f} s a run", flush=True)
    print(f"{stalls} stalls in {options.runs} runs of {len(LESSONS)} widgets: {', '.join(LESSONS)}")
    return 1 if stalls else 0


if __name__ == "__main__":
    sys.exit(main())
