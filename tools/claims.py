"""``make claims``: execute the lessons at many seeds and count which claims hold.

Each lesson is executed once for each seed (``TL_SEED``), two at a time, recording its claims
without stopping at one that does not hold. What is done is kept in build/claims under a hash of
the lesson's code, the package, the data and the versions, so an interrupted run goes on where it
stopped and only what changed is executed again.

With ``WITHOUT=labels`` or ``WITHOUT=weights`` the lessons are executed, at one seed unless SEEDS
names others, with shuffled labels or untrained networks: every claim that needs them must fail.
"""

import hashlib
import json
import os
import re
import sys
import tempfile
from collections import Counter
from concurrent.futures import as_completed
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from nbformat.v4 import new_code_cell

from tl_helpers.say import say
from tl_helpers.teaching.claims import NEEDS
from tools.notebooks import HEADLESS, ROOT, execute, lessons, pool, read

CACHE = ROOT / "build" / "claims"
SHARE_THAT_HOLDS = 0.95
FAILURES_OF_ONE_CLAIM = 1


def seeds(text: str) -> list[int]:
    """Return the seeds named by ``"0-9"``, ``"3"`` or ``"0-2,7"``."""
    found = set()
    for word in text.split(","):
        ends = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", word)
        if not ends or int(ends[2] or ends[1]) < int(ends[1]):
            raise SystemExit(f"SEEDS must be like 0-9 or 0,3,7, got {text!r}")
        found.update(range(int(ends[1]), int(ends[2] or ends[1]) + 1))
    return sorted(found)


def digest(nb) -> str:
    """Return a hash of all that decides what a lesson's claims see.

    Of the shipped results only those that the lesson names count.
    """
    code = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "code")
    parts = [code.encode()]
    parts += [f"{name} {version(name)}".encode() for name in ("torch", "torchvision", "numpy")]
    files = [*(ROOT / "tl_helpers").rglob("*.py"), *(ROOT / "data").rglob("*")]
    for path in sorted(path for path in files if path.is_file()):
        if "__pycache__" in path.parts or (path.parent.name == "results" and path.stem not in code):
            continue
        parts += [path.relative_to(ROOT).as_posix().encode(), path.read_bytes()]
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()[:16]


def record(nb, folder: Path, seed: int, without: str = "") -> dict:
    """Execute a lesson at one seed; return its claims and the errors of its cells.

    Returns ``{"claims": [{"statement", "holds", "measured", "kind", "needs"}, …], "errors": [text,
    …]}``. A cell that shows an error on purpose (tag ``raises-exception``) is left out: it claims
    nothing. ``without``: a function of tools/without.py that is called first.
    """
    cells = [cell for cell in nb.cells if cell.cell_type == "code"]
    nb.cells = [c for c in cells if "raises-exception" not in c.metadata.get("tags", [])]
    if without:
        first = f"import sys\nsys.path.append({str(ROOT)!r})\nfrom tools import without"
        nb.cells.insert(0, new_code_cell(f"{first}\nwithout.{without}()"))
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "claims.jsonl"
        file.touch()
        errors = []
        try:
            recording = {"TL_SEED": str(seed), "TL_CLAIMS_FILE": str(file)}
            execute(nb, folder, {**HEADLESS, **recording}, allow_errors=True)
        except Exception as error:  # a cell over its time, a kernel that died
            errors.append(f"{type(error).__name__}: {error}")
        claims = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    errors += [
        f"{output.ename}: {output.evalue}"
        for cell in nb.cells
        for output in cell.outputs
        if output.output_type == "error"
    ]
    return {"claims": claims, "errors": errors}


def _record_file(path: Path, seed: int, cached: Path | None, without: str) -> tuple[dict, float]:
    begin = perf_counter()
    result = record(read(path), path.parent, seed, without)
    if cached and not result["errors"]:  # a killed kernel, say, is tried again by the next call
        cached.parent.mkdir(parents=True, exist_ok=True)
        part = cached.with_suffix(".part")
        part.write_text(json.dumps(result, ensure_ascii=False), "utf-8")
        part.replace(cached)
    return result, perf_counter() - begin


def gather(paths: list[Path], wanted: list[int], without: str = "") -> dict[str, dict[int, dict]]:
    """Return ``{lesson: {seed: record}}``, from the cache where it is there.

    Runs ``without`` something are not kept: they are few.
    """
    found, missing = {path.stem: {} for path in paths}, []
    folders = {path: CACHE / digest(read(path)) for path in paths}
    for seed in wanted:
        for path in paths:
            cached = None if without else folders[path] / f"{path.stem}-{seed}.json"
            if cached and cached.is_file():
                found[path.stem][seed] = json.loads(cached.read_text("utf-8"))
            else:
                missing.append((path, seed, cached, without))
    with pool() as workers:
        jobs = {workers.submit(_record_file, *job): job for job in missing}
        try:
            for done, job in enumerate(as_completed(jobs), 1):
                path, seed, *_ = jobs[job]
                found[path.stem][seed], seconds = job.result()
                bad = sum(not claim["holds"] for claim in found[path.stem][seed]["claims"])
                say(
                    f"[{done}/{len(jobs)}] {path.stem} seed {seed}: {seconds:.0f} s, "
                    f"{bad} claims failed, {len(found[path.stem][seed]['errors'])} errors"
                )
        except KeyboardInterrupt:
            workers.shutdown(wait=False, cancel_futures=True)
            raise SystemExit(
                "Interrupted; what is done is kept, the same command goes on."
            ) from None
    return found


def table(records: dict[int, dict]) -> dict[str, dict[int, bool]]:
    """Return ``{statement: {seed: holds}}`` of one lesson.

    A claim that one seed makes and another does not reach has failed at the other; a claim made
    more than once at a seed holds when it held each time.
    """
    statements = dict.fromkeys(
        claim["statement"] for seed in sorted(records) for claim in records[seed]["claims"]
    )
    return {
        statement: {
            seed: bool(
                (made := [c for c in records[seed]["claims"] if c["statement"] == statement])
                and all(claim["holds"] for claim in made)
            )
            for seed in sorted(records)
        }
        for statement in statements
    }


def report(found: dict[str, dict[int, dict]]) -> int:
    """Print the table of claims over seeds; return 0 when the claims stand, else 1."""
    cells, unstable, problems = [], [], []
    for lesson, records in sorted(found.items()):
        rows = table(records)
        say(f"\n{lesson}\n  " + " ".join(f"{seed:>2}" for seed in sorted(records)) + "  seed")
        if not rows:
            problems.append(f"{lesson} makes no claim")
        for statement, row in rows.items():
            say(
                "  "
                + " ".join(" ✔" if holds else " ✘" for holds in row.values())
                + f"  {statement}"
            )
            cells += row.values()
            if list(row.values()).count(False) > FAILURES_OF_ONE_CLAIM:
                unstable.append(f"{lesson}: {statement}")
        for seed, result in sorted(records.items()):
            for claim in result["claims"]:
                if not claim["holds"]:
                    say(f"  seed {seed} ✘ {claim['statement']} — measured {claim['measured']}")
            problems += [f"{lesson}, seed {seed}: {error}" for error in result["errors"]]
    share = sum(cells) / len(cells) if cells else 0.0
    say(f"\n{sum(cells)} of {len(cells)} hold ({share:.1%}); {_kinds(found)}")
    for line in unstable:
        say(f"fails on two seeds or more: {line}")
    for line in problems:
        say(f"error: {line}")
    return 0 if share >= SHARE_THAT_HOLDS and not unstable and not problems else 1


def _kinds(found: dict[str, dict[int, dict]]) -> str:
    """Return how many claims there are of each kind, in words."""
    kinds = {
        (lesson, claim["statement"]): claim["kind"]
        for lesson, records in found.items()
        for result in records.values()
        for claim in result["claims"]
    }
    return ", ".join(f"{count} {kind}" for kind, count in Counter(kinds.values()).items())


def report_without(found: dict[str, dict[int, dict]], without: str) -> int:
    """Print which claims that need what was taken away fail; return 0 when all of them do.

    Of the others, those that fail are named, too: perhaps their ``needs`` was forgotten.
    """
    needing, problems = [], []
    for lesson, records in sorted(found.items()):
        say(f"\n{lesson} without {without}")
        for seed, result in sorted(records.items()):
            problems += [f"{lesson}, seed {seed}: {error}" for error in result["errors"]]
            for claim in result["claims"]:
                if without in claim["needs"]:
                    needing.append(not claim["holds"])
                    verdict = "✘ holds all the same" if claim["holds"] else "✔ fails"
                    say(f"  seed {seed} {verdict}: {claim['statement']}")
                elif not claim["holds"]:
                    say(f"  seed {seed} · fails, without needs={without!r}: {claim['statement']}")
    say(f"\n{sum(needing)} of {len(needing)} claims that need {without} fail without them")
    for line in problems:
        say(f"error: {line}")
    return 0 if needing and all(needing) and not problems else 1


def main() -> int:
    paths = lessons(os.environ.get("LESSONS", ""))
    without = os.environ.get("WITHOUT", "")
    if without not in ("", *NEEDS):
        raise SystemExit(f"WITHOUT must be {' or '.join(NEEDS)}, got {without!r}")
    wanted = seeds(os.environ.get("SEEDS") or ("0" if without else "0-9"))
    found = gather(paths, wanted, without)
    return report_without(found, without) if without else report(found)


if __name__ == "__main__":
    sys.exit(main())
