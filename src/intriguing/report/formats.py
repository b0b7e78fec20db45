"""A table in every format: tidy CSV, and its layouts as Markdown, LaTeX and HTML."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Protocol

import pandas

from intriguing.artifacts.files import write_table, write_text


class Paths(Protocol):
    """Where the formats of a table go, such as the output of its rule."""

    csv: str
    md: str
    tex: str
    html: str


def write(
    table: pandas.DataFrame, layouts: Sequence[pandas.DataFrame], caption: str, paths: Paths
) -> None:
    """Write a table as tidy CSV, and its layouts below each other as md, tex and html.

    Parameters
    ----------
    table : DataFrame
    layouts : sequence of DataFrame
        Those without lines are left out.
    caption : str
        Put below the layouts.
    paths : Paths

    Raises
    ------
    ArtifactError
        If a file cannot be written.
    """
    layouts = [layout for layout in layouts if len(layout)]
    paragraph = f"<p>{html.escape(caption)}</p>\n"
    write_table(paths.csv, table)
    write_text(paths.md, "\n".join([*map(markdown, layouts), caption + "\n"]))
    write_text(paths.tex, "\n".join([*map(latex, layouts), latex_text(caption) + "\n"]))
    write_text(paths.html, "\n".join([*map(html_table, layouts), paragraph]))


def markdown(layout: pandas.DataFrame) -> str:
    """GitHub Markdown."""
    return layout.to_markdown(index=False, disable_numparse=True) + "\n"


def latex(layout: pandas.DataFrame) -> str:
    """LaTeX with booktabs."""
    return layout.to_latex(
        index=False, escape=True, column_format="ll" + "r" * (layout.shape[1] - 2)
    )


def latex_text(text: str) -> str:
    """A sentence in LaTeX: what has a meaning there is escaped."""
    return text.translate(_ESCAPED)


_ESCAPED = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{character: f"\\{character}" for character in "%&_#${}"},
    }
)


def html_table(layout: pandas.DataFrame) -> str:
    """An HTML table without styles of its own."""
    return layout.to_html(index=False, border=0, escape=True) + "\n"
