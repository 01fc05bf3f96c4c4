import re
import subprocess
import sys
import time

import psutil
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools import notebooks
from tools.notebooks import ROOT, WIDGET_VIEW, canonical, execute, execute_all, read, write


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("plain\nlines\n", "plain\nlines\n"),
        ("\r 10 %\r 50 %\r100 %\n", "100 %\n"),
        ("\r 10 %\r        \r", ""),
        ("\r 10 %\r        \rdone\n", "done\n"),
        ("windows\r\n", "windows\n"),
    ],
)
def test_carriage_returns_leave_what_a_terminal_leaves(written, seen):
    assert notebooks.as_a_terminal_shows(written) == seen


def test_the_canonical_form_keeps_tags_and_pictures_and_nothing_of_the_machine():
    picture = {"image/png": "aGVsbG8=", "text/plain": "a slider", WIDGET_VIEW: {"model_id": "7"}}
    cell = new_code_cell(
        "print(1)\n",
        execution_count=1,
        metadata={"execution": {"shell.execute_reply": "now"}, "tags": ["results"]},
        outputs=[
            new_output("stream", text="one\n"),
            new_output("stream", text="\r50 %\r     \r"),
            new_output("stream", text="two\n"),
            new_output("display_data", picture),
        ],
    )
    metadata = {"widgets": {"state": {}}, "language_info": {"version": "3.11.7", "name": "python"}}
    nb = canonical(new_notebook(cells=[cell], metadata=metadata))
    assert nb.metadata == notebooks.METADATA
    assert nb.cells[0].metadata == {"tags": ["results"]}
    assert nb.cells[0].source == "print(1)"
    assert [output.get("text") for output in nb.cells[0].outputs] == ["one\ntwo\n", None]
    assert set(nb.cells[0].outputs[1].data) == {"image/png", "text/plain"}


def test_executed_twice_is_the_same_file_and_one_that_fails_stops_no_other(tmp_path, capsys):
    good, bad = tmp_path / "00_good.ipynb", tmp_path / "01_bad.ipynb"
    write(new_notebook(cells=[new_code_cell("for i in range(3):\n    print(i)")]), good)
    write(new_notebook(cells=[new_code_cell("1 / 0")]), bad)

    found = {path: (nb, problem) for path, nb, problem in execute_all([bad, good])}
    assert found[bad][0] is None and "ZeroDivisionError" in found[bad][1]
    assert found[good][1] is None and found[good][0].cells[0].outputs[0].text == "0\n1\n2\n"
    assert "01_bad.ipynb FAILED" in capsys.readouterr().out

    write(found[good][0], good)
    before = good.read_bytes()
    write(canonical(execute(read(good), tmp_path)), good)
    assert good.read_bytes() == before


def test_an_error_in_a_cell_is_raised(tmp_path):
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(new_notebook(cells=[new_code_cell("1 / 0")]), tmp_path)


def test_lessons_are_chosen_by_number(tmp_path, monkeypatch):
    for name in ("01_b.ipynb", "00_a.ipynb", "notes.ipynb"):
        (tmp_path / name).touch()
    monkeypatch.setattr(notebooks, "LESSONS", tmp_path)
    assert [path.name for path in notebooks.lessons()] == ["00_a.ipynb", "01_b.ipynb"]
    assert [path.name for path in notebooks.lessons("01")] == ["01_b.ipynb"]
    with pytest.raises(SystemExit, match=re.escape("LESSONS names 07; there are 00, 01")):
        notebooks.lessons("00,07")


def test_a_kernel_that_died_at_its_start_is_started_again_and_no_other_error_is_hidden():
    died, tries = RuntimeError("Kernel died before replying to kernel_info"), []

    def start(fail, with_error):
        tries.append(fail)
        if len(tries) <= fail:
            raise with_error
        return "started"

    assert notebooks.start_twice(start, fail=1, with_error=died) == "started"
    for fail, error in ((2, died), (1, RuntimeError("no such kernel"))):
        tries.clear()
        with pytest.raises(RuntimeError, match=str(error)):
            notebooks.start_twice(start, fail=fail, with_error=error)
        assert len(tries) == fail


def test_a_worker_ends_with_the_process_that_made_it():
    code = (
        "import os, time\nfrom tools.notebooks import pool\n"
        "if __name__ == '__main__':\n"
        "    workers = pool()\n"
        "    print(workers.submit(os.getpid).result(), flush=True)\n"
        "    workers.submit(time.sleep, 60)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    end = time.monotonic() + 20
    while lives(worker) and time.monotonic() < end:
        time.sleep(0.1)
    assert not lives(worker)


def lives(process):
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
