"""Cells and layouts of the tables as Markdown, LaTeX and HTML, and numbers as text."""

import math
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from intriguing.report import cells, formats, published


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.0398, 0.0381, 0.0415, "0.0398 [0.0381, 0.0415]"),
        (0.001, 0.0004, 0.0016, "0.0010 [0.0004, 0.0016]"),
        (3.84e-10, 3.5e-10, 4.04e-10, "3.8 [3.5, 4.0] ×10⁻¹⁰"),
        (2.31e-7, math.nan, math.nan, "2.3×10⁻⁷"),
        (0.25, math.nan, math.nan, "0.2500"),
        # of very few images Student's interval reaches below what a distance can be
        (0.0685, -0.2672, 0.4041, "0.0685 [0, 0.4041]"),
        (0.0, math.nan, math.nan, "0"),
        (math.nan, math.nan, math.nan, ""),
    ],
)
def test_distortions_as_text(value, low, high, text):
    assert cells.distortion_text(value, low, high) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (192360495600.0, "1.924×10¹¹"),
        (7.66e-4, "7.660×10⁻⁴"),
        (126911.14, "126911"),
        (15.1234, "15.12"),
        (-0.25, "-0.25"),
        (0.0, "0"),
        (math.inf, "∞"),
        (math.nan, ""),
    ],
)
def test_numbers_as_text(value, text):
    assert cells.significant(value) == text


@pytest.mark.parametrize(
    ("percent", "low", "high", "text"),
    [
        (7.448, 6.95, 7.98, "7.4 [7.0, 8.0]"),
        (0.83, 0.32, 2.1, "0.83 [0.32, 2.10]"),
        (0.0, 0.0, 0.42, "0.00 [0.00, 0.42]"),
        (100.0, 99.6, 100.0, "100.0 [99.6, 100.0]"),
        # neither none nor all
        (1 / 3000, 0.00006, 0.0019, "0.0003 [0.0001, 0.0019]"),
        (99.98, 99.9, 99.996, "99.98 [99.90, 100.00]"),
        (2.4, math.nan, math.nan, "2.4"),
        (math.nan, math.nan, math.nan, ""),
    ],
)
def test_rates_as_text(percent, low, high, text):
    row = SimpleNamespace(e_percent=percent, e_low=low, e_high=high)
    assert cells.percent_text(row, "e") == text


def test_published_values_are_as_printed():
    row = SimpleNamespace(paper_x_percent=6.25, paper_x_low=3.87, paper_x_high=9.94)
    row.paper_x_percent_is = "lower"
    cell = published.cell(row, "paper_x_percent")
    assert (cell, cell.sort, cell.kind) == (
        "6.25 [3.9, 9.9] lower",
        6.25,
        "number published lower",
    )
    assert published.cell(row, "paper_x_percent", marked=False) == "6.25 [3.9, 9.9]"
    # as a CSV file gives what is empty
    row.paper_x_percent_is = math.nan
    assert published.cell(row, "paper_x_percent").kind == "number published"


LAYOUT = cells.lines(
    [
        {
            "model": "A & <co> | 50%",
            "error %": cells.number("7.4 [7.0, 8.0]", 7.448),
            "error %, published": cells.Cell("6.7 higher", 6.7, "number published higher"),
            "because": cells.sentence("It is so, for every x_1 → ∞."),
        },
        {"model": "B", "error %": cells.number("no constant ¹", math.inf)},
    ]
)


def test_html_says_what_cells_are_and_what_to_sort_by():
    table = ElementTree.fromstring(formats.html_table(LAYOUT))
    assert table.get("class") == "sortable n-last"
    headings = table.findall("thead/tr/th")
    assert [cell.text for cell in headings] == list(LAYOUT)
    assert [cell.get("class") for cell in headings] == [None, "number", "number", None]
    assert {cell.get("scope") for cell in headings} == {"col"}
    first, second = table.findall("tbody/tr")
    assert (first[0].tag, first[0].get("scope"), first[0].text) == ("th", "row", "A & <co> | 50%")
    assert [cell.tag for cell in first[1:]] == ["td"] * 3
    assert [cell.get("data-sort") for cell in first] == [None, "7.448", "6.7", None]
    kinds = [cell.get("class") for cell in first]
    assert kinds == [None, "number", "number published higher", "sentence"]
    # as JavaScript writes it; what is empty has none and is last
    assert [cell.get("data-sort") for cell in second] == [None, "Infinity", None, None]


def test_markdown_aligns_numbers_and_keeps_columns():
    lines = formats.markdown(LAYOUT).splitlines()
    assert lines[1].count(":|") == 2 and lines[1].startswith("|:-")
    assert r"A & <co> \| 50%" in lines[2]
    assert {line.replace(r"\|", "").count("|") for line in lines} == {5}


def test_latex_escapes_what_has_a_meaning():
    assert formats.latex_text("50 % & a_1 #{x} ~ ^ \\ $") == (
        r"50 \% \& a\_1 \#\{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} \$"
    )
    # a path may be broken
    assert formats.latex_text("a/b") == r"a\slash{}b"
    assert formats.latex_text("3×10⁻¹¹ ≥ ±1 → ∞ ¹") == (
        r"3$\times$10$^{-11}$ $\ge$ $\pm$1 $\to$ $\infty$ $^{1}$"
    )
    assert formats.latex(LAYOUT).isascii()


def wide(columns, rows):
    names = ["first", "second"] * (rows // 2)
    return cells.lines(
        [
            {"model": name, "values": "ours"}
            | {f"m{n}": cells.number("97.3 [96.0, 98.2]", 97.3) for n in range(columns)}
            for name in names
        ]
    )


def test_latex_divides_what_is_too_large_for_a_page():
    small = formats.latex(wide(3, 4))
    assert small.count("tabular}{") == 1 and small.count("97.3 [96.0, 98.2]") == 3 * 4
    large = formats.latex(wide(9, 120))
    assert large.count("97.3 [96.0, 98.2]") == 9 * 120
    tables = large.split("\\begin{tabular}")[1:]
    # four columns a table after the two that name a row, and at most 50 rows
    assert [part.split("\n")[0] for part in tables] == ["{llrrrr}"] * 6 + ["{llr}"] * 3
    assert max(part.count("first") for part in tables) <= 25
    # ours and the published value are not parted
    pair = {"error %": "1" * 30, "error %, published": "2" * 30}
    parted = formats.latex(cells.lines([{"model": "A", "other": "3" * 30} | pair]))
    other, both = parted.split("\\begin{tabular}")[1:]
    assert "1" * 30 in both and "2" * 30 in both and "3" * 30 in other


def test_latex_gives_sentences_several_lines():
    rows = [{"claim": cells.sentence(f"{n} " + "word " * 40), "n": "3"} for n in range(20)]
    text = formats.latex(cells.lines(rows))
    # 202 characters are eight lines of 28
    assert "{p{0.30\\linewidth}l}" in text and text.count("tabular}{") == 4
