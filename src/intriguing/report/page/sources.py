"""Where the numbers of the page come from: files beside it, with their digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from intriguing.artifacts import digests
from intriguing.report.page.embed import address


@dataclass(frozen=True)
class Source:
    """A file that numbers of the page were read from.

    name : str
        Path relative to the page.
    digest : str
        SHA-256.
    record : str
        Path of what the workflow noted of it: the files that it was made of, with their digests.
    """

    name: str
    digest: str
    record: str


@dataclass(frozen=True)
class Table:
    """A table in the page.

    html : str
        As `formats.write` writes it.
    downloads : mapping of str to str
        Files inside the page, ``data:`` addresses by the name that they are saved under.
    source : Source
        Its CSV file.
    """

    html: str
    downloads: Mapping[str, str]
    source: Source


def table(results: Path, path: str | Path) -> Table:
    """A table of which the page needs everything.

    Parameters
    ----------
    results : Path
        Folder that holds the page.
    path : path
        Its HTML file, beside which the CSV and the LaTeX file lie.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    path = Path(path)
    files = [path.with_suffix(suffix) for suffix in (".csv", ".tex")]
    return Table(
        html=path.read_text(encoding="utf-8"),
        downloads={file.name: address(file) for file in files},
        source=source(results, files[0]),
    )


def source(results: Path, path: str | Path) -> Source:
    """A file in the folder of the page.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    name = Path(path).relative_to(results).as_posix()
    digest = digests.sums(results, [path]).split()[0]
    return Source(name, digest, f"{digests.FOLDER}/{name}.sha256")
