"""The papers at the front: what they link to is there."""

import re

import pytest

from tools.notebooks import ROOT

PAPERS = ["README.md", "CONTRIBUTING.md", "data/README.md", "benchmarks/README.md"]


@pytest.mark.parametrize("name", PAPERS)
def test_links_to_files_lead_somewhere(name):
    paper = ROOT / name
    targets = re.findall(r"\]\(([^)\s#]+)", paper.read_text("utf-8"))
    files = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [file for file in files if not (paper.parent / file).exists()] == []


def test_contributing_tells_every_task():
    import make

    told = re.findall(r"^\| `make (\w+)", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.M)
    assert set(told) == set(make.TASKS)
