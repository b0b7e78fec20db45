"""Experiment files: YAML, checked against the schema, completed with its defaults.

Every mistake is one sentence that names the file, the key and the remedy.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from intriguing.errors import ExperimentError, quoted, shortened
from intriguing.experiment.definition import Experiment

try:
    import yaml

    from intriguing.experiment import references, schema
except ModuleNotFoundError as error:  # yaml, or jsonschema
    raise ExperimentError(
        f"{error.name} is not installed: pip install 'intriguing[workflow]'"
    ) from error

# an experiment has some hundred values, four levels deep
LARGEST, DEEPEST = 20_000, 30
# targets of the Makefile that an experiment cannot be called
MAKE_TARGETS = (
    "test",
    "check",
    "verify",
    "lint",
    "docs",
    "site",
    "format",
    "clean",
    "help",
    "benchmark",
    "slurm",
    "plan",
    "snapshot",
)
# how the file of an experiment may end
ENDINGS = (".yaml", ".yml")


def names(folder: Path) -> list[str]:
    """Names of the experiments in a folder, in alphabetical order."""
    return sorted({path.stem for ending in ENDINGS for path in folder.glob(f"*{ending}")})


def path_of(folder: Path, name: str) -> Path:
    """The file of an experiment; `ExperimentError` if there are two of that name."""
    paths = [folder / f"{name}{ending}" for ending in ENDINGS]
    present = [path for path in paths if path.exists()]
    if len(present) > 1:
        raise ExperimentError(
            f"{present[0]} and {present[1].name} have the same name: rename or delete one of them"
        )
    return (present or paths)[0]


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
        settings = _parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ExperimentError(f"{path} does not exist: create it or name another") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path} cannot be read ({error}): check the file") from error
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f"line {where.line + 1}: " if where else ""
        problem = shortened(getattr(error, "problem", None) or "syntax error")
        raise ExperimentError(
            f"{path} is not valid YAML ({line}{problem}): fix that line"
        ) from error
    except RecursionError as error:
        raise ExperimentError(f"{path} is nested too deeply: correct it") from error
    except ValueError as error:  # such as a date in month 13
        raise ExperimentError(
            f"{path} is not valid YAML ({shortened(str(error))}): put that value in quotes"
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


def _parsed(text: str) -> Any:
    """The values of a YAML text; what aliases repeat is written out."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, {}, 0)
        return _written_out(loader.construct_document(node))
    finally:
        loader.dispose()


def _check(node: yaml.Node, sizes: dict[int, int], depth: int) -> int:
    """Number of values below a node; aliases can make it exponential in the length of the file.

    A repeated key is a mistake, one that is merged (``<<``) as well is not.
    """
    if id(node) not in sizes:
        if depth > DEEPEST:
            _fail(node, "nested too deeply")
        sizes[id(node)] = LARGEST + 1  # an alias of itself, until all below it has been counted
        children: list[Any] = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            _check_keys([key for key, _ in children])
            children = [child for pair in children for child in pair]
        sizes[id(node)] = 1 + sum(_check(child, sizes, depth + 1) for child in children)
    if sizes[id(node)] > LARGEST:
        _fail(node, f"stands for more than {LARGEST} values")
    return sizes[id(node)]


def _check_keys(keys: list[yaml.Node]) -> None:
    seen = set()
    for key in keys:
        if key.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
            single = isinstance(key, yaml.ScalarNode)
            words = f"the key {quoted(key.value)}" if single else "a key of several values"
            _fail(key, f"{words} is not text, put it in quotes")
        if key.value in seen:
            _fail(key, f"the key {quoted(key.value)} is given twice")
        seen.add(key.value)


def _written_out(value: Any) -> Any:
    """The same without objects in several places: defaults are filled into each on its own."""
    if isinstance(value, dict):
        return {key: _written_out(inner) for key, inner in value.items()}
    return [_written_out(inner) for inner in value] if isinstance(value, list) else value


def _fail(node: yaml.Node, problem: str) -> NoReturn:
    raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: 1e-4 is a number (YAML 1.2)."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)
