"""What a saved notebook must be, as functions that return a list of problems (none: all is well).

nbval compares what a notebook prints with a fresh run. It does not look at pictures, passes a
notebook that was saved without outputs, and says nothing about the form; that is seen here.
"""

import re
from pathlib import Path

from tools.notebooks import METADATA, ROOT, WIDGET_VIEW

MAX_CELL_LINES = 25
MAX_SETUP_LINES = 3
MAX_IGNORED_OUTPUTS = 2
MAX_SECONDS = 60
MAX_WORDS = 2600  # of text: a class reads them in 25 minutes
MAX_CODE = 450  # lines, as `length` counts them
TAGS = {"nbval-ignore-output", "raises-exception", "results"}

# Folders of somebody's machine, on any system, and addresses in memory.
_MACHINE = re.compile(r"(?<![\w.])/(home|root|tmp|Users|usr|opt|work|content)/\w|[A-Z]:\\+Users")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}")
_ABOUT = re.compile(r"≈ ?(-?\d[\d.,]*(?:e[-+]\d+)?)(?: ?(%|[A-Za-z]+))?")
_SPREAD = re.compile(r"± ?(\d[\d.,]*(?:e[-+]\d+)?)")


def code_cells(nb):
    return [cell for cell in nb.cells if cell.cell_type == "code"]


def markdown(nb) -> str:
    return "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")


def printed(cell) -> str:
    """Return what a code cell wrote to its output as plain text, without reprs of figures."""
    return "".join(
        output.text
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stdout"
    )


def output_texts(cell):
    """Return every text that stands in the outputs of a code cell."""
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            texts.append(output.text)
        elif output.output_type == "error":
            texts += [output.evalue, *output.traceback]
        else:
            texts += [str(text) for kind, text in output.data.items() if "image/" not in kind]
    return texts


def saved_executed(nb) -> list[str]:
    """Every code cell was run, in order, in a fresh kernel."""
    counts = [cell.execution_count for cell in code_cells(nb)]
    wanted = list(range(1, len(counts) + 1))
    return [] if counts == wanted else [f"execution counts are {counts}, not 1, 2, 3, … in order"]


def figures_are_told(nb) -> list[str]:
    """What a picture shows is also printed or claimed, there or in the next code cell."""
    problems, cells = [], code_cells(nb)
    for number, cell in enumerate(cells):
        pictured = any("image/png" in output.get("data", {}) for output in cell.outputs)
        if pictured and not any(printed(near).strip() for near in cells[number : number + 2]):
            problems.append(f"code cell {number} shows a picture, and nothing printed says what")
    return problems


def small_cells(nb) -> list[str]:
    return [
        f"code cell {number} has {len(cell.source.splitlines())} lines, more than {MAX_CELL_LINES}"
        for number, cell in enumerate(code_cells(nb))
        if len(cell.source.splitlines()) > MAX_CELL_LINES
    ]


def length(nb) -> tuple[int, int]:
    """Return the words of text and the lines of code: not the empty ones, nor a claim's needs.

    What a claim needs is a mark for a tool; without this, marking them would ask for shorter lessons.
    """
    code = "\n".join(cell.source for cell in code_cells(nb))
    lines = [line.strip() for line in code.splitlines()]
    return len(markdown(nb).split()), sum(not line.startswith("needs=") for line in lines if line)


def canonical_form(nb) -> list[str]:
    """No widget state, timing, machine path, address or error is saved: `make save` was run."""
    problems = []
    if nb.metadata != METADATA:
        problems.append(f"the metadata of the notebook is not {METADATA}")
    for number, cell in enumerate(nb.cells):
        if set(cell.metadata) - {"tags"}:
            problems.append(f"cell {number} has metadata {sorted(set(cell.metadata) - {'tags'})}")
        if unknown := set(cell.metadata.get("tags", [])) - TAGS:
            problems.append(f"cell {number} has tags {sorted(unknown)}; known are {sorted(TAGS)}")
        texts = [cell.source]
        if cell.cell_type == "code":
            texts += output_texts(cell)
            for output in cell.outputs:
                problems += [f"cell {number}: {problem}" for problem in _output_form(output, cell)]
        for text in texts:
            if _MACHINE.search(text) or str(ROOT) in text:
                problems.append(f"cell {number} holds a path of a machine")
            if _ADDRESS.search(text):
                problems.append(f"cell {number} holds an address in memory")
    return problems


def _output_form(output, cell):
    if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", []):
        yield f"saved with an error: {output.ename}: {output.evalue}"
    if output.get("name") == "stderr":
        yield f"saved with a warning: {output.text.strip()[:80]}"
    if WIDGET_VIEW in output.get("data", {}):
        yield "saved with a widget that needs a kernel, not its picture"


def few_ignored_outputs(nb) -> list[str]:
    ignored = sum("nbval-ignore-output" in c.metadata.get("tags", []) for c in code_cells(nb))
    marks = sum("NBVAL_" in cell.source.upper() for cell in code_cells(nb))
    problems = [] if not marks else ["nbval is told by comments; use the tag nbval-ignore-output"]
    if ignored > MAX_IGNORED_OUTPUTS:
        problems.append(f"{ignored} outputs are ignored, more than {MAX_IGNORED_OUTPUTS}")
    return problems


def quoted_numbers(nb) -> list[str]:
    """Every ``≈ 64 %`` in the text is a number of the saved outputs, rounded to the digits quoted.

    Of a difference, in points, the text may say the sign in words.
    """
    texts = "\n".join(text for cell in code_cells(nb) for text in output_texts(cell))
    outputs = [(_number(number), unit) for number, unit in _ABOUT.findall(texts)]
    outputs += [(_number(number), "±") for number in _SPREAD.findall(texts)]
    units = {unit for _, unit in outputs if unit}  # a table has its units in the heading
    problems = []
    for quoted, unit in _ABOUT.findall(markdown(nb)):
        value, signs = _number(quoted), (1, -1) if unit == "points" else (1,)
        last_digit = 10.0 ** -len(quoted.rstrip(".,").partition(".")[2])
        near = [
            number
            for number, its_unit in outputs
            if (unit not in units or its_unit in (unit, ""))
            and any(abs(sign * number - value) <= last_digit / 2 + 1e-9 for sign in signs)
        ]
        if not near:
            problems.append(f"the text says ≈ {quoted} {unit}, and no saved output does")
    return problems


def _number(text: str) -> float:
    return float(text.rstrip(".,").replace(",", ""))


def arxiv_numbers(nb) -> list[str]:
    """Every mention of arXiv is followed by a number that arXiv can have given."""
    text, problems = markdown(nb), []
    for mention in re.finditer(r"arxiv", text, re.IGNORECASE):
        rest = text[mention.end() : mention.end() + 40]
        found = re.match(r"(?:\.org/(?:abs|pdf)/|:)((\d\d)(\d\d)\.\d{4,5})(?!\d)", rest)
        old = re.match(r"(?:\.org/(?:abs|pdf)/|:)[a-z-]+(?:\.[A-Z]{2})?/\d{7}(?!\d)", rest)
        if not old and not (found and int(found[2]) >= 7 and 1 <= int(found[3]) <= 12):
            problems.append(f"not an arXiv number: {text[mention.start() : mention.end() + 20]!r}")
    return problems


def links(nb, folder: Path) -> list[str]:
    """Every link to a file leads to one, and every image has a text in its place."""
    problems, text = [], markdown(nb)
    for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)", text):
        if not alt.strip():
            problems.append(f"the image {target} has no alt text")
    for target in re.findall(r"\]\(([^)\s]+)", text):
        file = target.partition("#")[0]
        if re.match(r"[a-z]+:", target) or not file:
            continue
        if not (folder / file).exists():
            problems.append(f"the link {target} leads nowhere")
    return problems


def anatomy(nb) -> list[str]:
    """The parts of a lesson are there, in their order (docs/lesson_template.ipynb shows them)."""
    problems, text, first = [], markdown(nb), nb.cells[0].source
    head = [part.strip() for part in first.split("\n\n")]
    if not re.match(r"# \S", first):
        problems.append("the first cell does not begin with the title: # …")
    if len(head) < 2 or re.match(r"[#*\-|]", head[1]):
        problems.append("no sentence of promise under the title")
    if not re.search(r"\*\*You will be able to\*\*\n\n(- .+\n){3,5}\n", first):
        problems.append("no **You will be able to** with three to five lines in the first cell")
    times = reading_and_running(nb)
    if not times:
        problems.append("the first cell does not say **Reading** N min · **Running** N s")
    elif times[1] > MAX_SECONDS:
        problems.append(f"**Running** is {times[1]} s, more than {MAX_SECONDS} s")
    if "**Before**" not in first:
        problems.append("the first cell does not say what to know **Before**")

    setup = code_cells(nb)[0].source
    lines = [line for line in setup.splitlines() if line.strip()]
    if "tl.start(" not in setup or len(lines) > MAX_SETUP_LINES:
        problems.append(f"the first code cell is not tl.start() in {MAX_SETUP_LINES} lines or less")

    parts = ["Play", "Claims", "Exercises", "Summary", "References"]
    found = re.findall(rf"^## ({'|'.join(parts)})\s*$", text, re.MULTILINE)
    if found != parts:
        problems.append(f"the sections are {found}, not {parts} in this order")
    if not 2 <= len(re.findall(r"^### Exercise", text, re.MULTILINE)) <= 3:
        problems.append("not two or three exercises (### Exercise …)")
    if "tl.claim(" not in "".join(cell.source for cell in code_cells(nb)):
        problems.append("no claim")
    for word, step in (("Predict", 1), ("Notice", -1)):
        where = [n for n, c in enumerate(nb.cells) if f"**{word}**" in c.source]
        if not where:
            problems.append(f"no **{word}**")
        for number in where:
            beside = nb.cells[number + step] if 0 <= number + step < len(nb.cells) else None
            if beside is None or beside.cell_type != "code":
                side = "followed" if step == 1 else "preceded"
                problems.append(f"**{word}** in cell {number} is not {side} by code")
    if not re.search(r"\*\*Next\*\* .*\]\(", nb.cells[-1].source):
        problems.append("the last cell does not lead to the **Next** lesson")
    return problems


def reading_and_running(nb) -> tuple[int, int] | None:
    """Return (minutes to read, seconds to run) as the first cell says."""
    found = re.search(r"\*\*Reading\*\* (\d+) min · \*\*Running\*\* (\d+) s", nb.cells[0].source)
    return (int(found[1]), int(found[2])) if found else None


def in_readme(nb, path: Path, readme: str) -> list[str]:
    """The README's table has a row with the lesson, its reading and its running time."""
    rows = [line for line in readme.splitlines() if f"](notebooks/{path.name})" in line]
    if len(rows) != 1:
        return [f"README.md has {len(rows)} rows with {path.name}, not one"]
    times = reading_and_running(nb)
    wanted = [f"{times[0]} min", f"{times[1]} s"] if times else []
    return [
        f"README.md does not say {t} for {path.name}" for t in wanted if f" {t} " not in rows[0]
    ]


def problems_of(nb, folder: Path) -> list[str]:
    """Return what is wrong with any saved notebook."""
    return [
        *saved_executed(nb),
        *figures_are_told(nb),
        *small_cells(nb),
        *canonical_form(nb),
        *few_ignored_outputs(nb),
        *quoted_numbers(nb),
        *arxiv_numbers(nb),
        *links(nb, folder),
    ]
