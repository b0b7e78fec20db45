"""The page from its template, and the facts that it names."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import yaml

import intriguing
from intriguing.artifacts.dataset import DatasetFile
from intriguing.artifacts.files import read_table
from intriguing.artifacts.sample import TargetRule
from intriguing.experiment import catalogue
from intriguing.report import basis, claim_pictures
from intriguing.report.page import embed, findings, matrix, pictures, sources

PACKAGES = ("torch", "numpy")
"""Packages whose version the page names next to our own."""

TEMPLATE, STYLE, SCRIPT = "page.html.j2", "page.css", "page.js"
LIBRARY = "libraries/sortable.min.js"


@dataclass(frozen=True)
class Artifacts:
    """The files that a page shows.

    tables : mapping of str to path
        HTML tables by name, with their CSV and LaTeX files beside them.
    drawings : mapping of str to path
        SVG figures by name.
    claims : path
        Folder with a picture of each claim.
    examples : mapping of str to path
        Adversarial sets by the model that they were made for.
    paper_figures, filters, unit_images : mapping of str to path
        PNG figures by what they are called; there may be none.
    captions : mapping of str to path
        Text by the name of the table or figure.
    """

    tables: Mapping[str, str | Path]
    drawings: Mapping[str, str | Path]
    claims: str | Path
    examples: Mapping[str, str | Path]
    captions: Mapping[str, str | Path]
    paper_figures: Mapping[str, str | Path] = field(default_factory=dict)
    filters: Mapping[str, str | Path] = field(default_factory=dict)
    unit_images: Mapping[str, str | Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """What a page says of the experiment.

    data : artifacts.dataset.DatasetFile
    attack : mapping
        Settings of the attack that is shown.
    labels : mapping of str to str
        What the models are called.
    settings : mapping
        The whole experiment.
    commit : str
        As `checkout.commit_of` gives it.
    """

    data: DatasetFile
    attack: Mapping[str, Any]
    labels: Mapping[str, str]
    settings: Mapping[str, Any]
    commit: str = ""

    @property
    def versions(self) -> dict[str, str]:
        """Versions of this package and of `PACKAGES`."""
        others = {name: importlib.metadata.version(name) for name in PACKAGES}
        return {"intriguing": intriguing.__version__, **others}

    @property
    def targets(self) -> str:
        """The target rule in words."""
        return str(TargetRule.of(self.attack["targets"]))


def render(folder: str | Path, results: str | Path, artifacts: Artifacts, facts: Facts) -> str:
    """Fill in the template.

    Parameters
    ----------
    folder : path
        ``resources/page``: template, style, script and libraries.
    results : path
        Folder that the page lies in.
    artifacts : Artifacts
    facts : Facts

    Returns
    -------
    str
        HTML with everything inside.

    Raises
    ------
    OSError
        If a file is missing.
    ArtifactError
        If a table or an adversarial set cannot be read.
    jinja2.UndefinedError
        If the template shows something that is not given.
    """
    folder = Path(folder)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    tidy = {
        name: read_table(Path(path).with_suffix(".csv")) for name, path in artifacts.tables.items()
    }
    captions = {name: Caption.read(path) for name, path in artifacts.captions.items()}
    examples = {
        model: pictures.of_set(facts.data, path, facts.settings["report"]["gallery"])
        for model, path in artifacts.examples.items()
    }
    template = environment.from_string((folder / TEMPLATE).read_text(encoding="utf-8"))
    return template.render(
        facts=facts,
        style=(folder / STYLE).read_text(encoding="utf-8"),
        scripts=[(folder / name).read_text(encoding="utf-8") for name in (LIBRARY, SCRIPT)],
        tables={
            name: sources.table(Path(results), path) for name, path in artifacts.tables.items()
        },
        drawings={
            name: embed.drawing(path, name, captions[_caption_of(name)].first)
            for name, path in artifacts.drawings.items()
        },
        captions=captions,
        claims=_claims(tidy["claims"], artifacts.claims),
        counts=findings.counts(tidy["claims"]),
        findings=findings.findings(tidy),
        matrices={
            name: matrix.matrix(tidy[name], label)
            for name, label in (("table2", "made_for_label"), ("table4", "label"))
            if name in tidy
        },
        scale=matrix.scale(),
        examples=examples,
        hero=_hero(tidy["table1"], examples),
        warnings=basis.warnings(tidy["table1"]),
        settings=yaml.safe_dump(dict(facts.settings), allow_unicode=True, sort_keys=False),
        paper_figures=_embedded(artifacts.paper_figures),
        filters=_embedded(artifacts.filters),
        unit_images=_embedded(artifacts.unit_images),
    )


def _embedded(figures: Mapping[str, str | Path]) -> dict[str, str]:
    return {name: embed.address(path) for name, path in figures.items()}


def _claims(claims: Any, folder: str | Path) -> list[dict[str, Any]]:
    """Rows of the table of claims, each with its picture if there is one."""
    rows = []
    for row in claims.to_dict("records"):
        name = claim_pictures.file_name(row["claim"])
        path = Path(folder) / f"{name}.svg"
        description = f"{row['cases']} cases: {row['reason']}"
        picture = embed.drawing(path, name, description) if path.exists() else ""
        words = findings.words(row)
        colour = "untested" if words == findings.UNDECIDED else row["verdict"]
        rows.append({**row, "picture": picture, "words": words, "colour": colour})
    return rows


def _hero(table1: Any, examples: Mapping[str, Sequence[pictures.Example]]) -> str | None:
    """The model whose example begins the page: of those with one, that with the fewest errors."""
    errors = table1.set_index("model")["test_percent"]
    shown = [model for model, some in examples.items() if some]
    return min(shown, key=lambda model: errors.get(model, 100.0), default=None)


@dataclass(frozen=True)
class Caption:
    """What is said of a table or figure: the first sentence, and the rest."""

    first: str
    rest: str

    @classmethod
    def read(cls, path: str | Path) -> Caption:
        """A file of ``workflow/report``."""
        text = " ".join(Path(path).read_text(encoding="utf-8").split())
        text = text.replace(" %", "\N{NO-BREAK SPACE}%")
        first, stop, rest = text.partition(". ")
        return cls(first + stop.strip(), rest)


def _caption_of(drawing: str) -> str:
    """The name of the caption of a figure, from that of its files."""
    return next(name for name, entry in catalogue.FIGURES.items() if entry.file == drawing)
