"""``make run``: execute every lesson and write each as a page to build/html."""

import os
import re
import sys

from jinja2 import DictLoader
from nbconvert import HTMLExporter

from tools.notebooks import ROOT, execute_all, lessons

PAGES = ROOT / "build" / "html"
# The usual page, and each picture with the words that its plot or widget says of itself.
TEMPLATE = """{% extends 'lab/index.html.j2' %}
{% block data_png scoped %}
{%- set words = output | get_metadata('alt', 'image/png') -%}
{%- set alt = '<img alt="' ~ (words | escape_html) ~ '"' if words else '<img' -%}
{{ super() | replace('<img', alt, 1) }}
{%- endblock %}
"""


def page(nb) -> str:
    """Return the notebook as one HTML page, its links to other lessons turned to their pages."""
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\((\d\d_\w+)\.ipynb", r"](\1.html", cell.source)
    words = DictLoader({"words.html.j2": TEMPLATE})
    exporter = HTMLExporter(extra_loaders=[words], template_file="words.html.j2")
    return exporter.from_notebook_node(nb)[0]


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
