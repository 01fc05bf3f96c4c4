"""Results of heavy experiments that ship with the project, so that a lesson can show them."""

import json

from ..files import DATA, FileProblem


def results(lesson: str) -> list[dict]:
    """Return the shipped runs of a lesson: one dictionary a run, its configuration and numbers.

    ``lesson`` is the lesson's file name without its ending, such as
    ``"03_freezing_strategies"``. Beside what was configured and measured, each run holds its
    ``seconds`` on the machine that ran it. Raises FileProblem when there are none.
    """
    if not isinstance(lesson, str):
        raise TypeError(f"lesson must be a lesson's file name, got {lesson!r}")
    path = DATA / "results" / f"{lesson}.json"
    remedy = f"Build it: make results LESSONS={lesson[:2]}"
    if not path.is_file():
        raise FileProblem(f"lesson {lesson!r} has no results: {path} is missing. {remedy}")
    try:
        runs = json.loads(path.read_text("utf-8"))["runs"]
        return [
            run["configuration"] | run["measured"] | {"seconds": run["seconds"]} for run in runs
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise FileProblem(
            f"{path} is damaged ({error!r}). Restore it from git, or {remedy}"
        ) from None
