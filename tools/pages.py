"""``make run``: execute every lesson and write each as a page to build/html."""

import os
import re
import sys

from jinja2 import DictLoader
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from tools.notebooks import ROOT, execute_all, lessons

PAGES = ROOT / "build" / "html"
# The usual page without the scripts that it would fetch from a network, and each picture with the
# words that its plot or widget says of itself.
TEMPLATE = """{% extends 'lab/index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block data_png scoped %}
{%- set words = output | get_metadata('alt', 'image/png') -%}
{%- set alt = '<img alt="' ~ (words | escape_html) ~ '"' if words else '<img' -%}
{{ super() | replace('<img', alt, 1) }}
{%- endblock %}
"""


class _Text(IPythonRenderer):
    """Markdown in which formulas become MathML, which browsers draw without a script."""

    def block_math(self, body):
        return convert(body, display="block")

    def inline_math(self, body):
        return convert(body)


def _markdown2html(source: str) -> str:
    return MarkdownWithMath(renderer=_Text(escape=False)).render(source)


def page(nb) -> str:
    """Return the notebook as one HTML page, its links to other lessons turned to their pages."""
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\((\d\d_\w+)\.ipynb", r"](\1.html", cell.source)
    words = DictLoader({"words.html.j2": TEMPLATE})
    exporter = HTMLExporter(
        extra_loaders=[words],
        template_file="words.html.j2",
        filters={"markdown2html": _markdown2html},
    )
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
