"""A table in every format: tidy CSV, and its layouts as Markdown, LaTeX and HTML."""

from __future__ import annotations

import html
import itertools
import math
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas

from intriguing.artifacts.files import write_table, write_text

Layouts = Mapping[str, pandas.DataFrame]
"""Layouts by heading, which is empty where none is needed; cells may be `cells.Cell`."""

# what a page of LaTeX's article holds in \scriptsize: characters of a line, lines, and characters
# of a line in a column of sentences
_WIDTH, _LINES, _SENTENCE = 92, 50, 28
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "/": r"\slash{}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "→": r"$\to$",
    "∞": r"$\infty$",
    "≥": r"$\ge$",
    "≤": r"$\le$",
    "−": "$-$",
    "σ": r"$\sigma$",
    "√": r"$\surd$",
    "·": r"$\cdot$",
    "<": "$<$",
    ">": "$>$",
    "|": r"$\vert$",
    **{character: f"\\{character}" for character in "%&_#${}"},
}
_SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


class Paths(Protocol):
    """Where the formats of a table go, such as the output of its rule."""

    csv: str
    md: str
    tex: str
    html: str


def write(
    table: pandas.DataFrame,
    layouts: Layouts,
    caption: str,
    paths: Paths,
    *,
    notes: Sequence[str] = (),
    sortable: Layouts | None = None,
) -> None:
    """Write a table as tidy CSV, and its layouts below each other as md, tex and html.

    Parameters
    ----------
    table : DataFrame
    layouts : mapping of str to DataFrame
        Those without lines are left out.
    caption : str
        Put below the layouts.
    paths : Paths
    notes : sequence of str
        Sentences between layouts and caption, a paragraph each.
    sortable : mapping of str to DataFrame, optional
        What HTML has in place of layouts that suit paper alone.

    Raises
    ------
    ArtifactError
        If a file cannot be written.
    """
    write_table(paths.csv, table)
    write_text(paths.md, _MARKDOWN.rendered(layouts, notes, caption))
    write_text(paths.tex, _LATEX.rendered(layouts, notes, caption))
    write_text(paths.html, _HTML.rendered(sortable or layouts, notes, caption))


def markdown(layout: pandas.DataFrame) -> str:
    """GitHub Markdown, numbers aligned on the right."""
    escaped = layout.map(_markdown_text).rename(columns=_markdown_text)
    sides = ["right" if _is_numeric(layout[name]) else "left" for name in layout]
    return escaped.to_markdown(index=False, disable_numparse=True, colalign=sides) + "\n"


def _markdown_text(text: object) -> str:
    return str(text).replace("|", r"\|")


def latex(layout: pandas.DataFrame) -> str:
    r"""LaTeX with booktabs, several tables below each other where one is too large for a page.

    Each column of sentences is a paragraph. Further tables begin with what names a row: the first
    column, or the first two if rows have the same there.
    """
    keys = list(layout)[: 1 if layout.iloc[:, 0].is_unique else 2]
    tables = [
        _tabular(rows)
        for columns in _columns_of_pages(layout, keys)
        for rows in _rows_of_pages(layout[[*keys, *columns]])
    ]
    body = "\\par\\medskip\n".join(tables)
    return "{\\scriptsize\\setlength{\\tabcolsep}{3pt}\\setlength{\\parindent}{0pt}%\n" + (
        f"{body}\\par}}\n"
    )


def _tabular(layout: pandas.DataFrame) -> str:
    columns = "".join(
        f"p{{{_SENTENCE / _WIDTH:.2f}\\linewidth}}"
        if _is_sentences(layout[name])
        else ("r" if _is_numeric(layout[name]) else "l")
        for name in layout
    )
    escaped = layout.map(latex_text)
    escaped.columns = [_latex_heading(layout[name]) for name in layout]
    return escaped.to_latex(index=False, escape=False, column_format=columns)


def _latex_heading(column: pandas.Series) -> str:
    """A heading in as many lines as its column is narrower."""
    parts = r"\\".join(map(latex_text, _heading_lines(column)))
    side = "r" if _is_numeric(column) else "l"
    return rf"\shortstack[{side}]{{{parts}}}"


def _heading_lines(column: pandas.Series) -> list[str]:
    widest = _SENTENCE if _is_sentences(column) else max(len(str(cell)) for cell in column)
    longest = max(map(len, str(column.name).split()))
    return textwrap.wrap(str(column.name), max(widest, longest))


def _columns_of_pages(layout: pandas.DataFrame, keys: Sequence[str]) -> Iterator[list[str]]:
    """The columns after the first ones, as many at a time as a line has room for."""
    widths = {name: _width(layout[name]) for name in layout}
    room = _WIDTH - sum(widths[name] for name in keys)
    chosen: list[str] = []
    for columns in _together(list(layout)[len(keys) :]):
        if chosen and sum(widths[name] for name in [*chosen, *columns]) > room:
            yield chosen
            chosen = []
        chosen = [*chosen, *columns]
    yield chosen


def _together(columns: Sequence[str]) -> Iterator[list[str]]:
    """Ours with the published value next to it, which has the same heading and more."""
    groups: list[list[str]] = []
    for name in columns:
        if groups and name.startswith(f"{groups[-1][0]}, published"):
            groups[-1].append(name)
        else:
            groups.append([name])
    yield from groups


def _width(column: pandas.Series) -> float:
    """Characters of a column, and the space between two."""
    texts = [*_heading_lines(column), *map(str, column)]
    return 1.5 + (_SENTENCE if _is_sentences(column) else max(map(len, texts)))


def _rows_of_pages(layout: pandas.DataFrame) -> Iterator[pandas.DataFrame]:
    sentences = [name for name in layout if _is_sentences(layout[name])]
    heights = [
        max([1, *(math.ceil(len(text) / _SENTENCE) for text in row)])
        for row in layout[sentences].to_numpy()
    ]
    pages = [height // _LINES for height in itertools.accumulate(heights)]
    for _, rows in layout.groupby(pages, sort=False):
        yield rows


def latex_text(text: object) -> str:
    """A text in LaTeX: what has a meaning there is escaped, signs are mathematics."""
    signs = "".join(map(re.escape, _SPECIAL))
    return re.sub(rf"[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|[{signs}]", _latex_sign, str(text))


def _latex_sign(found: re.Match[str]) -> str:
    sign = found.group()
    return _SPECIAL.get(sign) or f"$^{{{sign.translate(_SUPERSCRIPTS)}}}$"


def html_table(layout: pandas.DataFrame) -> str:
    """An HTML table without styles of its own, ready for the script ``sortable-tablesort``.

    Cells have the classes of `cells.Cell` and, in ``data-sort``, the number to sort by. Empty cells
    are last.
    """
    headings = [
        f'<th scope="col"{_html_class("number" * _is_numeric(layout[name]))}>'
        f"{html.escape(str(name))}</th>"
        for name in layout
    ]
    rows = [_html_row(cells) for cells in layout.to_numpy()]
    return (
        '<table class="sortable n-last">\n<thead>\n'
        f"<tr>{''.join(headings)}</tr>\n</thead>\n<tbody>\n" + "\n".join(rows) + "\n"
        "</tbody>\n</table>\n"
    )


def _html_row(cells: Sequence[object]) -> str:
    first, *others = cells
    name = f'<th scope="row"{_html_class(_kind(first))}>{html.escape(str(first))}</th>'
    return f"<tr>{name}{''.join(map(_html_cell, others))}</tr>"


def _html_cell(cell: object) -> str:
    sort = getattr(cell, "sort", math.nan)
    key = "" if math.isnan(sort) or not str(cell) else f' data-sort="{_html_number(sort)}"'
    return f"<td{_html_class(_kind(cell))}{key}>{html.escape(str(cell))}</td>"


def _html_number(value: float) -> str:
    """As JavaScript reads it."""
    return f"{value:.10g}".replace("inf", "Infinity")


def _html_class(names: str) -> str:
    return f' class="{names}"' if names else ""


def _kind(cell: object) -> str:
    return getattr(cell, "kind", "")


def _is_numeric(column: pandas.Series) -> bool:
    return all("number" in _kind(cell).split() for cell in column if str(cell))


def _is_sentences(column: pandas.Series) -> bool:
    return any(_kind(cell) == "sentence" for cell in column)


@dataclass(frozen=True)
class _Format:
    """How a heading, a layout, a note and a caption are written."""

    heading: Callable[[str], str]
    layout: Callable[[pandas.DataFrame], str]
    note: Callable[[str], str]
    caption: Callable[[str], str]

    def rendered(self, layouts: Layouts, notes: Sequence[str], caption: str) -> str:
        parts = []
        for title, layout in layouts.items():
            if len(layout):
                parts += [self.heading(title)] if title else []
                parts.append(self.layout(layout))
        return "\n".join([*parts, *map(self.note, notes), self.caption(caption)])


def _markdown_paragraph(text: str) -> str:
    return text + "\n"


def _latex_paragraph(text: str) -> str:
    return f"{{\\footnotesize\\noindent {latex_text(text)}\\par}}\n"


_MARKDOWN = _Format("**{}**\n".format, markdown, _markdown_paragraph, _markdown_paragraph)
_LATEX = _Format(
    lambda title: f"\\noindent\\textbf{{{latex_text(title)}}}\\par\n",
    latex,
    _latex_paragraph,
    _latex_paragraph,
)
_HTML = _Format(
    lambda title: f"<h3>{html.escape(title)}</h3>\n",
    html_table,
    lambda note: f'<p class="note">{html.escape(note)}</p>\n',
    lambda caption: f'<p class="caption">{html.escape(caption)}</p>\n',
)
