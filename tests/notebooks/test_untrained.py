"""A claim about a pretrained model must fail when the model is not pretrained."""

from nbformat.v4 import new_code_cell

from tools.claims import record
from tools.notebooks import lessons, read

# Put before a lesson's first cell: every builder of a model forgets its weights.
UNTRAINED = """
import functools, inspect
import tl_helpers as tl

def untrained(build):
    @functools.wraps(build)
    def wrapper(*args, **kwargs):
        bound = inspect.signature(build).bind(*args, **kwargs)
        bound.arguments["pretrained"] = False
        if bound.arguments["num_classes"] is None:  # asks for the pretrained head
            bound.arguments["num_classes"] = 1000
        return build(*bound.args, **bound.kwargs)
    return wrapper

for name, build in list(vars(tl.models).items()):
    if inspect.isfunction(build) and "pretrained" in inspect.signature(build).parameters:
        setattr(tl.models, name, untrained(build))
"""


def test_the_claims_of_a_lesson_fail_without_its_pretrained_weights():
    [path] = lessons("05")
    nb = read(path)
    nb.cells.insert(0, new_code_cell(UNTRAINED))
    found = record(nb, path.parent, seed=0)
    verdicts = {claim["statement"]: claim["holds"] for claim in found["claims"]}
    failed = [statement for statement, holds in verdicts.items() if not holds]
    assert found["errors"] == []
    assert len(failed) > len(verdicts) / 2, verdicts
