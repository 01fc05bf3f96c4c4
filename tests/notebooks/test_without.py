"""A claim must fail when what it needs is taken away."""

import pytest

from tl_helpers.teaching.claims import NEEDS
from tools.claims import record
from tools.notebooks import lessons, read


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "without"), [*(("00", need) for need in NEEDS), ("05", "weights")]
)
def test_the_claims_of_a_lesson_fail_without_what_they_need(number, without):
    [path] = lessons(number)
    found = record(read(path), path.parent, seed=0, without=without)
    needing = [claim for claim in found["claims"] if without in claim["needs"]]
    assert found["errors"] == [] and needing
    assert [claim["statement"] for claim in needing if claim["holds"]] == []
