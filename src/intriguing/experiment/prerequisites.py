"""What an experiment needs besides its file: images, code and weights, looked at before any job.

Nothing is imported and no image read, so that it takes milliseconds. What cannot be known in this
way is left to the jobs, which have sentences of their own.
"""

from __future__ import annotations

import ast
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from intriguing.datasets import inventory
from intriguing.datasets.inventory import Inventory
from intriguing.datasets.root import OWN, ROOT_VARIABLE, image_folder
from intriguing.errors import ExperimentError, quoted, shortened
from intriguing.experiment.definition import Entry, Experiment
from intriguing.experiment.schema import suggest
from intriguing.networks.weight_sources import AS_BUILT, PUBLISHED
from intriguing.provenance import factory_source

# with these a module may define names while it runs
_DYNAMIC = {"exec", "globals", "locals", "vars", "setattr", "__dict__", "sys.modules"}


def check(experiment: Experiment) -> None:
    """Raise `ExperimentError` on the first thing that is missing or too small.

    The folder of the images, enough images for each ``count``, the classes that are named, the
    modules, functions and options of factories, and weights files.
    """
    data = experiment.data
    if data["name"] == OWN:
        _check_folder(data)
    known = _inventory(data)
    if known is not None:
        _check_classes(experiment, known)
        _check_counts(experiment, known)
    for name, model in experiment.every_model.items():
        if "factory" in model:
            _check_factory(f"models.{name}", model["factory"], model["options"])
        _check_weights(f"models.{name}.weights", model.get("weights", AS_BUILT))
    for name, network in experiment.lipschitz["networks"].items():
        _check_weights(f"lipschitz.networks.{name}.weights", network["weights"])


def _fail(key: str, problem: str) -> NoReturn:
    raise ExperimentError(f"{shortened(key)}: {problem}")


def _check_folder(data: Entry) -> None:
    root, folder = data.get("root"), data["folder"]
    path = image_folder(root, folder)
    if path.is_dir():
        return
    wrong = "data.folder or data.root"
    if Path(folder).expanduser().is_absolute():
        wrong = "data.folder"
    elif not root and os.environ.get(ROOT_VARIABLE):
        wrong = f"data.folder or the environment variable {ROOT_VARIABLE}, or set data.root"
    _fail("data.folder", f"{path} does not exist: correct {wrong}, or put the images there")


def _inventory(data: Entry) -> Inventory | None:
    if data["name"] == OWN:
        folder = image_folder(data.get("root"), data["folder"])
        return inventory.of_folder(folder, data["test_fraction"])
    return inventory.published(data["name"], data["test_fraction"])


def _check_classes(experiment: Experiment, known: Inventory) -> None:
    named = {
        f"models.{name}.positive": model["positive"]
        for name, model in experiment.every_model.items()
        if "positive" in model
    }
    for name, attack in experiment.attacks.items():
        if not isinstance(attack["targets"], str):
            named[f"attacks.{name}.targets.class"] = attack["targets"]["class"]
    for key, name in named.items():
        if _composed(name) not in known.class_names:
            advice = suggest(name, known.class_names)
            _fail(key, f"the data have no class {quoted(name)}; {advice}")


def _composed(class_name: str) -> str:
    return unicodedata.normalize("NFC", class_name)


def _check_counts(experiment: Experiment, known: Inventory) -> None:
    data = experiment.data
    sizes = {split: sum(numbers) for split, numbers in known.splits.items()}
    for split, size in sizes.items():
        wanted = data.get(f"{split}_count", size)
        if wanted > size:
            _fail(
                f"data.{split}_count",
                f"{wanted} is more than the {size} images of the {split} set: lower it, or leave"
                " the key out to use all",
            )
        sizes[split] = wanted
    if not sizes:
        return
    parts = data["parts"]
    sizes |= dict.fromkeys(parts, sizes["train"] // max(1, len(parts)))
    for name, attack in experiment.attacks.items():
        size, kind = sizes[attack["split"]], "images"
        if not isinstance(attack["targets"], str):
            target = attack["targets"]["class"]
            size -= _surely(known, data, attack["split"], target)
            kind = f"images that are not of class {quoted(target)}"
        if attack["count"] > size:
            _fail(
                f"attacks.{name}.count",
                f"{attack['count']} is more than the {size} {kind} of split"
                f" {quoted(attack['split'])}: lower it",
            )


def _surely(known: Inventory, data: Entry, split: str, class_name: str) -> int:
    """How many images of a class a split has; 0 where a random subset decides."""
    if split in data["parts"] or f"{split}_count" in data:
        return 0
    return known.splits[split][known.class_names.index(_composed(class_name))]


def _check_weights(key: str, weights: str) -> None:
    if weights not in (AS_BUILT, PUBLISHED) and not Path(weights).is_file():
        _fail(
            key,
            f"there is no file {shortened(weights)}: correct the path, which is relative to the"
            " folder in which snakemake runs, or put the file there",
        )


def _check_factory(key: str, factory: str, options: Iterable[str]) -> None:
    module, _, function = factory.partition(":")
    path = factory_source(factory)
    if path is None:
        _fail(
            f"{key}.factory",
            f"unknown module {shortened(module)}: correct the name, install its package, or run"
            " snakemake in the folder that holds it",
        )
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):  # the job that imports it shows the line
        return
    names = defined_names(tree)
    if names is None:
        return
    if function in names:
        known = accepted_options(tree, function)
        unknown = [option for option in options if known is not None and option not in known]
        if unknown:
            advice = suggest(unknown[0], known) if known else "remove it"
            _fail(f"{key}.options", f"{function} takes no option {quoted(unknown[0])}; {advice}")
        return
    callables = [node.name for node in tree.body if isinstance(node, _DEFINITIONS)]
    advice = suggest(function, callables) if callables else "define it there"
    _fail(f"{key}.factory", f"{path.name} has no function {quoted(function)}; {advice}")


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def defined_names(tree: ast.Module) -> set[str] | None:
    """Names that a module defines when it is imported, from its source.

    Returns
    -------
    set of str or None
        None if that cannot be known: it takes all names of another module, answers for names
        that it does not define, or writes into its own dictionary.
    """
    if any(_is_dynamic(node) for node in ast.walk(tree)):
        return None
    names: set[str] = set()
    for node in _run_by_import(tree.body):
        if isinstance(node, _DEFINITIONS):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
            names.add(node.name)
    return None if names & {"*", "__getattr__"} else names


def accepted_options(tree: ast.Module, function: str) -> list[str] | None:
    """Names of a function's options, those of its arguments that follow the first two.

    Returns
    -------
    list of str or None
        None if the module does more than define it once, or if it takes any.
    """
    bound = [
        node
        for node in _run_by_import(tree.body)
        if function in (getattr(node, key, None) for key in ("name", "asname", "id"))
        and not isinstance(getattr(node, "ctx", None), ast.Load)
    ]
    if len(bound) != 1 or not isinstance(bound[0], ast.FunctionDef) or bound[0].decorator_list:
        return None
    arguments = bound[0].args
    named = [*arguments.posonlyargs, *arguments.args][2:]
    options = [one for one in [*named, *arguments.kwonlyargs] if one not in arguments.posonlyargs]
    return None if arguments.kwarg else [one.arg for one in options]


def _is_dynamic(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in _DYNAMIC or ast.unparse(node) in _DYNAMIC
    return isinstance(node, ast.Global) or (isinstance(node, ast.Name) and node.id in _DYNAMIC)


def _run_by_import(nodes: Iterable[ast.AST]) -> Iterable[ast.AST]:
    """Nodes without those inside functions and classes."""
    for node in nodes:
        yield node
        if not isinstance(node, _DEFINITIONS):
            yield from _run_by_import(ast.iter_child_nodes(node))
