"""Experiment files: YAML, checked against the schema, completed with its defaults.

Every mistake is one sentence that names the file, the key and the remedy.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from intriguing.errors import ExperimentError
from intriguing.experiment import references, schema
from intriguing.experiment.definition import Experiment

# targets of the Makefile that an experiment cannot be called
MAKE_TARGETS = ("test", "check", "verify", "lint", "docs", "format", "clean", "help", "benchmark")


def read(path: str | Path, schema_path: str | Path) -> Experiment:
    """Read one experiment file.

    Parameters
    ----------
    path, schema_path : path
        The YAML file, and the JSON schema (as YAML).

    Returns
    -------
    Experiment

    Raises
    ------
    ExperimentError
    """
    path = Path(path)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", path.stem):
        raise ExperimentError(
            f"{path}: the name of an experiment starts with a small letter and has only small"
            " letters, digits and _: rename the file"
        )
    if path.stem in MAKE_TARGETS:
        raise ExperimentError(
            f"{path}: make {path.stem} already means something else: rename the file"
        )
    try:
        settings = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError as error:
        raise ExperimentError(f"{path} does not exist: create it or name another") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path} cannot be read ({error}): check the file") from error
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f"line {where.line + 1}: " if where else ""
        problem = getattr(error, "problem", None) or "syntax error"
        raise ExperimentError(
            f"{path} is not valid YAML ({line}{problem}): fix that line"
        ) from error
    if settings is None:
        raise ExperimentError(f"{path} is empty: copy another experiment into it")
    try:
        schema.validate(settings, _schema(Path(schema_path)))
        references.check(settings)
    except ExperimentError as error:
        raise ExperimentError(f"{path}: {error}") from None
    return Experiment(path.stem, settings)


@cache
def _schema(path: Path) -> dict[str, Any]:
    """The JSON schema, parsed once for all experiments."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: 1e-4 is a number (YAML 1.2), a repeated key is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key_node.value!r} is given twice", key_node.start_mark
                )
            if key_node.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"the key {key_node.value!r} is not text, put it in quotes",
                    key_node.start_mark,
                )
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)
