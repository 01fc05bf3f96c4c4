from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.pages import page


def test_a_page_holds_text_code_and_output_and_leads_to_other_pages():
    cells = [
        new_markdown_cell("# Title\n\n**Next** [Freezing](03_freezing.ipynb#top), [data](x.csv)"),
        new_code_cell("print(7)", outputs=[new_output("stream", text="seven\n")]),
    ]
    html = page(new_notebook(cells=cells))
    assert 'href="03_freezing.html#top"' in html and 'href="x.csv"' in html
    assert "Title" in html and "seven" in html


def test_a_page_needs_no_network():
    text = "With $p_c$ the loss is\n\n$$L = -\\log p_c$$\n\nand `cost = $5` and $6 stay words."
    html = page(new_notebook(cells=[new_markdown_cell(text)]))
    assert html.count("<math") == 2 and 'display="block"' in html
    assert "cost = $5" in html and "$6 stay" in html
    assert "<script src" not in html and "//cdnjs" not in html
