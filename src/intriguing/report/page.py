"""The page of an experiment: one HTML file with every table and figure, readable without a network.

What the page says is in its template, ``resources/page.html.j2``; this module gathers what the
template shows.
"""

from __future__ import annotations

import base64
import importlib.metadata
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

import intriguing
from intriguing.artifacts.dataset import DatasetFile
from intriguing.artifacts.sample import TargetRule

TABLES = ("claims", "table1", "table2", "table5", "mistakes", "distortion", "certificates")
FIGURES = ("heatmap", "mistakes_figure", "layers_figure", "instability")
"""Names of the tables and figures that the template shows by name."""

PACKAGES = ("torch", "numpy")
"""Packages whose version the page names next to our own."""


@dataclass(frozen=True)
class Artifacts:
    """The files that a page shows.

    tables : mapping of str to path
        HTML tables by name: `TABLES`, and ``table3``, ``table4`` and ``cures`` where there are
        such.
    figures : mapping of str to path
        PNG figures by name: `FIGURES`.
    galleries : mapping of str to path
        PNG figures by the label of their model.
    paper_figures : mapping of str to path
        PNG figures of the paper by name, such as ``figure5``; there may be none.
    filters : mapping of str to path
        PNG figures by the label of their model; there may be none.
    unit_figures : mapping of str to path
        PNG figures ``units`` and ``rotation``; empty where no units are compared.
    unit_images : mapping of str to path
        PNG figures by the label of their model and layer; there may be none.
    """

    tables: Mapping[str, str | Path]
    figures: Mapping[str, str | Path]
    galleries: Mapping[str, str | Path] = field(default_factory=dict)
    paper_figures: Mapping[str, str | Path] = field(default_factory=dict)
    filters: Mapping[str, str | Path] = field(default_factory=dict)
    unit_figures: Mapping[str, str | Path] = field(default_factory=dict)
    unit_images: Mapping[str, str | Path] = field(default_factory=dict)


def render(template: str | Path, title: str, artifacts: Artifacts, facts: Mapping[str, Any]) -> str:
    """Fill in the template.

    Parameters
    ----------
    template : path
        Jinja2 template that shows ``title``, the fields of `Artifacts` (tables as HTML, figures as
        ``data:`` addresses) and the entries of ``facts``.
    title : str
    artifacts : Artifacts
    facts : mapping
        As `facts_of` gives it.

    Returns
    -------
    str
        HTML with the figures inside.

    Raises
    ------
    OSError
        If a file is missing.
    jinja2.UndefinedError
        If the template shows something that is not given.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    source = Path(template).read_text(encoding="utf-8")
    return environment.from_string(source).render(
        title=title,
        tables={
            name: Path(path).read_text(encoding="utf-8") for name, path in artifacts.tables.items()
        },
        figures=_embedded(artifacts.figures),
        galleries=_embedded(artifacts.galleries),
        paper_figures=_embedded(artifacts.paper_figures),
        filters=_embedded(artifacts.filters),
        unit_figures=_embedded(artifacts.unit_figures),
        unit_images=_embedded(artifacts.unit_images),
        **facts,
    )


def _embedded(figures: Mapping[str, str | Path]) -> dict[str, str]:
    return {
        name: f"data:image/png;base64,{base64.b64encode(Path(path).read_bytes()).decode()}"
        for name, path in figures.items()
    }


def facts_of(data: DatasetFile, attack: Mapping[str, Any], commit: str = "") -> dict[str, Any]:
    """What a page rests on.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    attack : mapping
        Settings of the attack that is shown.
    commit : str
        As `commit_of` gives it.

    Returns
    -------
    dict
        ``data``: settings of the data set; ``attack``: settings of the attack, with ``targets`` as
        words; ``commit``; ``versions``: of this package and of `PACKAGES`, by name.
    """
    return {
        "data": data.settings,
        "attack": {**attack, "targets": str(TargetRule.of(attack["targets"]))},
        "commit": commit,
        "versions": {
            "intriguing": intriguing.__version__,
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
    }


def commit_of(folder: str | Path) -> str:
    """The git commit of a checkout, ``-dirty`` with uncommitted changes; empty without one."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        ran = subprocess.run([*command, "--exclude=*"], capture_output=True, text=True)
    except OSError:  # git is not installed
        return ""
    return ran.stdout.strip()
