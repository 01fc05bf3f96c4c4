"""``make run``: execute every lesson and write each as a page to build/html."""

import os
import re
import sys

from nbconvert import HTMLExporter

from tools.notebooks import ROOT, execute_all, lessons

PAGES = ROOT / "build" / "html"


def page(nb) -> str:
    """Return the notebook as one HTML page, its links to other lessons turned to their pages."""
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\((\d\d_\w+)\.ipynb", r"](\1.html", cell.source)
    return HTMLExporter().from_notebook_node(nb)[0]


def main() -> int:
    PAGES.mkdir(parents=True, exist_ok=True)
    failed = 0
    for path, nb, problem in execute_all(lessons(os.environ.get("LESSONS", ""))):
        if problem:
            failed += 1
        else:
            (PAGES / f"{path.stem}.html").write_text(page(nb), "utf-8")
    print(f"The pages stand in {PAGES.relative_to(ROOT)}/; {failed} lessons failed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
