"""The checks see damage: each notebook here is damaged on purpose and must be found out."""

import copy
import re
import subprocess
import sys

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.notebooks import checks
from tools.notebooks import ROOT, TEMPLATE, WIDGET_VIEW, canonical, execute, read, write


@pytest.fixture
def lesson():
    """The lesson template: a whole notebook, to be damaged."""
    return read(TEMPLATE)


def find(nb, words):
    return next(cell for cell in nb.cells if words in cell.source)


def replace(nb, old, new):
    cell = find(nb, old)
    cell.source = cell.source.replace(old, new)


def code_with_a_picture(nb):
    return next(
        cell
        for cell in checks.code_cells(nb)
        if any("image/png" in output.get("data", {}) for output in cell.outputs)
    )


def test_the_whole_lesson_has_no_problem(lesson):
    assert checks.problems_of(lesson, TEMPLATE.parent) == []
    assert checks.anatomy(lesson) == []


def strip_outputs(nb):
    for cell in checks.code_cells(nb):
        cell.outputs, cell.execution_count = [], None


def run_out_of_order(nb):
    checks.code_cells(nb)[1].execution_count = 7


def hide_what_the_picture_says(nb):
    cells = checks.code_cells(nb)
    number = cells.index(code_with_a_picture(nb))
    for cell in cells[number : number + 2]:
        cell.outputs = [output for output in cell.outputs if output.output_type != "stream"]


def grow_a_cell(nb):
    checks.code_cells(nb)[1].source += "\npass" * 25


def keep_widget_state(nb):
    nb.metadata["widgets"] = {"state": {}}


def keep_timing(nb):
    checks.code_cells(nb)[0].metadata["execution"] = {"iopub.status.busy": "2026-01-01"}


def print_text(text, name="stdout"):
    def damage(nb):
        checks.code_cells(nb)[0].outputs.append(new_output("stream", name=name, text=text))

    return damage


def save_an_error(nb):
    error = new_output("error", ename="ValueError", evalue="no", traceback=[])
    checks.code_cells(nb)[0].outputs.append(error)


def save_a_live_widget(nb):
    for output in code_with_a_picture(nb).outputs:
        output.setdefault("data", {})[WIDGET_VIEW] = {"model_id": "0"}


def ignore_outputs(nb):
    for cell in checks.code_cells(nb)[:3]:
        cell.metadata["tags"] = ["nbval-ignore-output"]


def ignore_by_comment(nb):
    checks.code_cells(nb)[1].source += "\n# NBVAL_SKIP"


def skip_by_tag(nb):
    checks.code_cells(nb)[1].metadata["tags"] = ["nbval-skip"]


def quote(text):
    def damage(nb):
        find(nb, "**Notice**").source += f" {text}"

    return damage


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (strip_outputs, "execution counts"),
        (run_out_of_order, "execution counts"),
        (hide_what_the_picture_says, "nothing printed says what"),
        (grow_a_cell, "more than 25"),
        (keep_widget_state, "metadata of the notebook"),
        (keep_timing, "has metadata"),
        (print_text("/home/me/lessons"), "path of a machine"),
        (print_text(r"C:\Users\me"), "path of a machine"),
        (print_text("<object at 0x7f3a2c1b>"), "address in memory"),
        (print_text("UserWarning: old", "stderr"), "saved with a warning"),
        (save_an_error, "saved with an error"),
        (save_a_live_widget, "needs a kernel"),
        (ignore_outputs, "outputs are ignored"),
        (ignore_by_comment, "use the tag"),
        (skip_by_tag, "has tags"),
        (quote("It is ≈ 12.3 %."), "the text says ≈ 12.3 %"),
        (quote("See arXiv:14111792."), "not an arXiv number"),
        (quote("See https://arxiv.org/abs/1413.1792."), "not an arXiv number"),
        (quote("See [there](99_nowhere.ipynb)."), "leads nowhere"),
        (quote("![](../README.md)"), "no alt text"),
    ],
)
def test_a_damaged_notebook_is_found_out(lesson, damage, problem):
    damage(lesson)
    found = checks.problems_of(lesson, TEMPLATE.parent)
    assert any(problem in line for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("# NN ", "", "title"),
        ("One sentence of promise", "- One", "promise"),
        ("**You will be able to**", "You will:", "You will be able to"),
        ("- say what a word of the field means\n", "", "three to five"),
        ("15 min", "long", "Reading"),
        ("**Running** 10 s", "**Running** 90 s", "more than 60 s"),
        ("**Before**", "before", "Before"),
        ("tl.start(seed=0)", "tl.start(\n    seed=0\n)", "first code cell"),
        ("## Play", "## Game", "sections"),
        ("## Claims", "## Summary", "sections"),
        ("### Exercise NN.2", "### More", "exercises"),
        ("tl.claim(", "print(", "no claim"),
        ("**Predict**", "Predict", "no **Predict**"),
        ("**Notice**", "Notice", "no **Notice**"),
        ("## Play", "## Play\n\n**Notice**", "preceded by code"),
        ("## References", "## References\n\n**Predict**", "followed by code"),
        ("**Next**", "Next", "Next"),
    ],
)
def test_a_missing_part_of_a_lesson_is_found_out(lesson, old, new, problem):
    replace(lesson, old, new)
    found = checks.anatomy(lesson)
    assert any(problem in line for line in found), found


def test_the_length_counts_words_and_lines_that_are_not_empty():
    cells = [new_markdown_cell("## Two\n\nand more"), new_code_cell("a = 1\n\nb = 2")]
    assert checks.length(new_notebook(cells=cells)) == (4, 2)


def test_the_readme_must_have_the_row_and_the_times(lesson):
    path = ROOT / "notebooks" / "07_x.ipynb"
    row = "| [07 X](notebooks/07_x.ipynb) | what | 15 min | 10 s |"
    assert checks.in_readme(lesson, path, row) == []
    assert checks.in_readme(lesson, path, "") != []
    assert checks.in_readme(lesson, path, row.replace("15 min", "20 min")) != []


def test_a_quoted_number_fits_within_its_last_digit_and_its_unit():
    cell = new_code_cell(
        outputs=[
            new_output("stream", text="a: ≈ 64.3 % ± 2.1 (5 seeds)\nb: ≈ 9 s\nc: ≈ -5.1 points")
        ]
    )

    def problems(text):
        return checks.quoted_numbers(new_notebook(cells=[cell, new_markdown_cell(text)]))

    assert problems("≈ 64 % with ± 2; ≈ 64.3 % in ≈ 9 s; ≈ 64, ≈ 2.1; behind by ≈ 5.1 points") == []
    for wrong in ("≈ 65 %", "≈ 64.2 %", "≈ 9 %", "≈ 2.1 %", "≈ 64 s", "≈ 5.0 points"):
        assert len(problems(wrong)) == 1
    cell.outputs[0].text += "\nprobe  ≈ 71.5 ± 3.3"  # of a table, whose heading has the unit
    assert problems("≈ 71.5 %") == [] and len(problems("≈ 3.3 %")) == 1


WIDGET = """from tl_helpers.teaching.widgets import Slider, Widget

def draw(figure, level):
    figure.add_subplot().axhline(level)
    return f"A line at {level}."

Widget("A level", draw, level=Slider("Level", range(5), value=2))"""


@pytest.fixture(scope="module")
def nbval(tmp_path_factory):
    """Run nbval as `make test` does over a whole and a damaged notebook; return what failed."""
    folder = tmp_path_factory.mktemp("notebooks")
    whole = new_notebook(
        cells=[
            new_code_cell("import tl_helpers as tl\n\ntl.start()"),
            new_code_cell("print(len('four'), 'classes')"),
            new_code_cell("tl.measured('accuracy', [0.5, 0.6])"),
            new_code_cell("holds = True"),
            new_code_cell("tl.claim('the probe wins', holds)"),
            new_code_cell("print('still here')"),
            new_code_cell(WIDGET),
        ]
    )
    canonical(execute(whole, folder))
    write(whole, folder / "whole.ipynb")
    assert set(whole.cells[6].outputs[0].data) == {"text/plain", "image/png"}
    damaged = copy.deepcopy(whole)
    damaged.cells[0].outputs[0].text = "tl_helpers 9.9 · another machine\n"
    damaged.cells[1].outputs[0].text = "5 classes\n"
    damaged.cells[2].outputs[0].text = "accuracy: ≈ 99.9 % ± 1.0 (2 seeds)\n"
    damaged.cells[3].source = "holds = False"
    damaged.cells[5].outputs = []
    write(damaged, folder / "damaged.ipynb")
    config = ["--nbval-sanitize-with", ROOT / "tests" / "nbval_sanitize.cfg"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", *config]
        + ["-p", "no:cacheprovider", "-p", "no:xdist", "-rA", "--color=no", folder],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
    )
    verdicts = re.findall(
        r"^(PASSED|FAILED) .*?(whole|damaged)\.ipynb::Cell (\d)", done.stdout, re.M
    )
    assert len(verdicts) == 14, done.stdout
    return done.returncode, {(name, int(cell)): verdict for verdict, name, cell in verdicts}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "cell", "verdict", "why"),
    [
        *[("whole", cell, "PASSED", "nothing is wrong with it") for cell in range(7)],
        ("damaged", 0, "PASSED", "the line of versions is masked"),
        ("damaged", 1, "FAILED", "a count is a fact"),
        ("damaged", 2, "PASSED", "measured values are masked"),
        ("damaged", 4, "FAILED", "the claim does not hold"),
        ("damaged", 5, "FAILED", "its output was stripped"),
    ],
)
def test_nbval_sees_what_it_must_see(nbval, name, cell, verdict, why):
    status, verdicts = nbval
    assert verdicts[name, cell] == verdict, why
    assert status != 0
