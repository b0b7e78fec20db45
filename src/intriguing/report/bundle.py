"""A bundle for a paper: figures, tables, captions, and a LaTeX document that shows all of them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from intriguing.artifacts.files import replacing
from intriguing.report import formats

FIGURE_FORMATS, TABLE_FORMATS = ("pdf", "png"), ("csv", "tex")

# what pdflatex does not print by itself
_SYMBOLS = {
    "−": "-",
    "→": r"\rightarrow",
    "√": r"\surd",
    "‖": r"\|",
    "≤": r"\le",
    "≥": r"\ge",
    "≈": r"\approx",
    "Σ": r"\Sigma",
    "Δ": r"\Delta",
    "ε": r"\varepsilon",
    "γ": r"\gamma",
    "λ": r"\lambda",
    "σ": r"\sigma",
    "′": "'",
    "∞": r"\infty",
    "²": "^2",
}
# and what it does: up to the end of Latin Extended-A, and some punctuation
_LATIN, _PUNCTUATION = 0x17F, "–—‘’“”„…•†‡‰€™"

_DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[margin=0.8in]{geometry}
\usepackage{array,booktabs,caption,graphicx}
@CHARACTERS@
\title{@TITLE@}
\author{}
\date{}
\begin{document}
\maketitle

@FIGURES@

@TABLES@
\end{document}
"""

_FIGURE = r"""\begin{figure}[p]
\centering
\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{\includegraphics{@FILE@}}
\caption{@CAPTION@}
\label{@LABEL@}
\end{figure}"""

# no float: a table may be longer than a page
_TABLE = r"""\captionof{table}{@CAPTION@}
\label{@LABEL@}
\medskip\noindent
\input{@FILE@}"""

_README = """Tables and figures of the experiment: @TITLE@

paper.tex          shows everything; compile it twice: pdflatex paper.tex
figures/           PDF for a paper, PNG for slides; 3.3 inches wide for one column, 6.9 for two
tables/*.tex       for \\input: needs the packages array and booktabs
tables/*.csv       the numbers behind a table, one observation per row
captions/*.txt     what each table and figure shows
"""


@dataclass(frozen=True)
class Contents:
    """What a bundle shows, in this order.

    title : str
        Of the experiment.
    captions : mapping of str to str
        Of every table and figure, by name.
    tables : mapping of str to path
        By name, without ending: there is a ``.tex`` and a ``.csv``.
    figures : mapping of str to sequence of tuple
        By name; of each file what it shows if there are several, and its path without ending: there
        are files in `FIGURE_FORMATS`.
    """

    title: str
    captions: Mapping[str, str]
    tables: Mapping[str, str | Path]
    figures: Mapping[str, Sequence[tuple[str, str | Path]]]


def read_caption(path: str | Path) -> str:
    """The caption in a file of ``workflow/report``, in one line."""
    return " ".join(Path(path).read_text(encoding="utf-8").split())


def write(contents: Contents, path: str | Path) -> None:
    """Write the bundle as ZIP, the same bytes for the same contents.

    Parameters
    ----------
    contents : Contents
    path : path

    Raises
    ------
    ArtifactError
        If the file cannot be written.
    OSError
        If a table or figure is missing.
    """
    files = dict(_files(contents))
    with replacing(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name in sorted(files):
            # the earliest date that the format has, and the rights of a file on any system
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr, entry.create_system = 0o644 << 16, 3
            # what is compressed already stays as it is, so that no version of zlib matters there
            entry.compress_type = zipfile.ZIP_STORED
            archive.writestr(entry, files[name])


def _files(contents: Contents) -> Iterator[tuple[str, bytes]]:
    """Names in the bundle and what the files hold."""
    floats: dict[str, list[str]] = {}
    printed = ""
    for kind, shown in (("figure", _figures(contents)), ("table", _tables(contents))):
        floats[kind] = []
        for words, files in shown:
            floats[kind].append(words)
            printed += "".join(c.decode() for name, c in files.items() if name.endswith(".tex"))
            yield from files.items()
    for name in (*contents.tables, *contents.figures):
        yield f"captions/{name}.txt", f"{contents.captions[name]}\n".encode()
    document = _filled(
        _DOCUMENT,
        TITLE=formats.latex_text(contents.title),
        # LaTeX cannot hold back that many floats by itself
        FIGURES="\n\\clearpage\n".join(floats["figure"]),
        TABLES="\n\\clearpage\n".join(floats["table"]),
    )
    symbols = declared_characters(document + printed)
    yield "paper.tex", _filled(document, CHARACTERS=symbols).encode()
    yield "README.txt", _filled(_README, TITLE=contents.title).encode()


def _figures(contents: Contents) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Each figure in LaTeX, and its files."""
    for name, several in contents.figures.items():
        for number, (shown, stem) in enumerate(several):
            caption = formats.latex_text(contents.captions[name])
            words = f"As Figure~\\ref{{figure:{name}}}." if number else caption
            words += f" Shown: {formats.latex_text(shown)}." if shown else ""
            # as in the results
            place = f"figures/{Path(stem).as_posix().rpartition('/figures/')[2]}"
            files = {
                f"{place}.{form}": Path(f"{stem}.{form}").read_bytes() for form in FIGURE_FORMATS
            }
            label = f"figure:{name}-{number + 1}" if number else f"figure:{name}"
            yield _filled(_FIGURE, FILE=f"{place}.pdf", CAPTION=words, LABEL=label), files


def _tables(contents: Contents) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Each table in LaTeX, and its files."""
    for name, stem in contents.tables.items():
        place = f"tables/{name}.tex"
        files = {
            f"tables/{name}.{form}": Path(f"{stem}.{form}").read_bytes() for form in TABLE_FORMATS
        }
        caption = formats.latex_text(contents.captions[name])
        yield _filled(_TABLE, FILE=place, CAPTION=caption, LABEL=f"table:{name}"), files


def _filled(template: str, **values: str) -> str:
    for key, value in values.items():
        template = template.replace(f"@{key}@", value)
    return template


def declared_characters(text: str) -> str:
    """Declarations of all characters of a text that pdflatex does not print by itself."""
    foreign = sorted(c for c in set(text) if ord(c) > _LATIN and c not in _PUNCTUATION)
    return "\n".join(f"\\DeclareUnicodeCharacter{{{ord(c):04X}}}{{{_symbol(c)}}}" for c in foreign)


def _symbol(character: str) -> str:
    if character in _SYMBOLS:
        return f"\\ensuremath{{{_SYMBOLS[character]}}}"
    return f"\\texttt{{U+{ord(character):04X}}}"
