"""The house rules: names agree wherever they are written, packages are what they claim to be."""

import ast
import dataclasses
import importlib
import inspect
import re

import pytest
import yaml
from repository import ROOT

from intriguing import registry
from intriguing.attacks import boundary, penalty_path
from intriguing.attacks.minimum import minimum_distortion
from intriguing.attacks.options import Options
from intriguing.attacks.penalty_method import lbfgs
from intriguing.datasets import digits, folder, load
from intriguing.experiment import loader, references
from intriguing.networks import alexnet, alexnet_style, dense, quocnet
from intriguing.training import minimisers, reconstruction, sparse_code

SOURCE = ROOT / "src" / "intriguing"
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/experiment.schema.yaml").read_text())
PROPERTIES = SCHEMA["properties"]
MODEL = PROPERTIES["models"]["additionalProperties"]["properties"]
ATTACK = PROPERTIES["attacks"]["additionalProperties"]["properties"]
NETWORK = PROPERTIES["lipschitz"]["properties"]["networks"]["additionalProperties"]["properties"]
PACKAGES = sorted(path.parent for path in SOURCE.glob("*/__init__.py"))
FACADES = [path for path in PACKAGES if (path / "__init__.pyi").is_file()]
MODULES = sorted(SOURCE.rglob("*.py"))


def test_the_schema_offers_what_the_registry_has():
    assert PROPERTIES["data"]["properties"]["name"]["enum"] == list(registry.table("datasets"))
    assert MODEL["architecture"]["enum"] == list(registry.table("architectures"))
    assert ATTACK["method"]["enum"] == list(registry.table("attacks"))
    assert set(NETWORK["architecture"]["enum"]) <= set(registry.table("architectures"))
    assert set(registry.table("unsupervised")) <= set(MODEL)
    assert set(registry.table("sources")) <= set(MODEL)


@pytest.mark.parametrize(
    "kind", ["architectures", "datasets", "attacks", "unsupervised", "sources"]
)
def test_every_reference_of_the_registry_leads_somewhere(kind):
    assert all(callable(registry.resolve(name)) for name in registry.table(kind).values())


def defaults_of(target):
    """Defaults by name, of a function's arguments or a dataclass's fields."""
    if dataclasses.is_dataclass(target):
        fields = dataclasses.fields(target)
        return {f.name: f.default for f in fields if f.default is not dataclasses.MISSING}
    parameters = inspect.signature(target).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def training(name):
    return SCHEMA["$defs"]["training"]["properties"][name]["properties"]


# where a key of the schema is an argument or a field of ours: one default, written twice
DEFAULTS = {
    "lbfgs training": (training("lbfgs"), minimisers.Lbfgs),
    "adam": (training("adam"), minimisers.Adam),
    "sparsity": (MODEL["sparsity"]["properties"], sparse_code.Sparsity),
    "reconstruction": (MODEL["reconstruction"]["properties"], reconstruction.ReconstructionTica),
    "options of attacks": (ATTACK, Options),
    "lbfgs": (ATTACK, lbfgs),
    "minimum_distortion": (ATTACK, minimum_distortion),
    "digits": (PROPERTIES["data"]["properties"], digits.read),
    "image_folder": (PROPERTIES["data"]["properties"], folder.read),
    "load": (PROPERTIES["data"]["properties"], load),
    "alexnet_style": (SCHEMA["$defs"].get("alexnet_style", {}), alexnet_style.alexnet_style),
    "quocnet": (SCHEMA["$defs"].get("quocnet", {}), quocnet.Options),
    "alexnet": (SCHEMA["$defs"].get("alexnet", {}), alexnet.krizhevsky),
    "fully_connected": (SCHEMA["$defs"].get("fully_connected", {}), dense.fully_connected),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_is_the_same_wherever_it_is_written(name):
    keys, target = DEFAULTS[name]
    keys = keys.get("properties", keys)
    ours = defaults_of(target)
    shared = set(keys) & set(ours)
    assert shared, f"{name}: the schema and {target} have no key in common"
    for key in shared:
        # what the schema leaves out is not passed on: ours holds, as None or as it is
        if "default" in keys[key] and ours[key] is not None:
            assert keys[key]["default"] == ours[key], key


def test_search_settings_are_those_of_the_methods():
    settings = {"lbfgs": penalty_path.Settings, "minimum_distortion": boundary.Settings}
    assert set(references._SEARCH) == set(settings) == set(registry.table("attacks"))
    for method, keys in references._SEARCH.items():
        assert keys <= {field.name for field in dataclasses.fields(settings[method])}
        assert keys <= set(ATTACK["search"]["properties"])


def test_few_modules_lie_flat():
    assert len([path for path in SOURCE.glob("*.py") if path.stem != "__init__"]) <= 12


@pytest.mark.parametrize("package", FACADES, ids=lambda path: path.name)
def test_a_facade_hands_names_on_and_does_nothing_else(package):
    stub = ast.parse((package / "__init__.pyi").read_text())
    names = {alias.name for node in stub.body for alias in node.names}
    facade = importlib.import_module(f"intriguing.{package.name}")
    assert set(facade.__all__) == names
    assert all(getattr(facade, name) is not None for name in names)
    # a module of an exported name would hide it once it is imported
    assert not names & {path.stem for path in package.glob("*.py")}
    assert code_of(package) == [
        "import lazy_loader",
        "__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)",
    ]


def code_of(package):
    tree = ast.parse((package / "__init__.py").read_text())
    return [ast.unparse(node) for node in tree.body if not is_docstring(node)]


def is_docstring(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_other_packages_are_docstrings_or_dispatchers():
    # the hashes of `provenance` leave out an __init__ from which only modules are taken
    others = {path.name: code_of(path) for path in PACKAGES if path not in FACADES}
    dispatchers = {name for name, code in others.items() if code}
    assert dispatchers == {"datasets", "networks"}
    for name in dispatchers:
        for node in ast.parse((SOURCE / name / "__init__.py").read_text()).body:
            kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.If)
            assert is_docstring(node) or isinstance(node, kinds)
    assert code_of(SOURCE) == ["__version__ = '0.2.0'"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nobody_inside_imports_from_a_facade(path):
    facades = {f"intriguing.{package.name}": package for package in FACADES}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module in facades:
            modules = {m.stem for m in facades[node.module].glob("*.py")}
            assert {alias.name for alias in node.names} <= modules


def test_no_experiment_can_hide_a_target_of_make():
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.M).group(1).split()
    assert set(loader.MAKE_TARGETS) == set(phony) - {"$(EXPERIMENTS)"}


# as the methods' arguments are, or as torch's for the layer that they bound
LONG = {"lbfgs", "minimum_distortion", "convolution_bounds", "transposed_convolution_bounds"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_signatures_are_short_and_annotated(path):
    for owner in ast.walk(ast.parse(path.read_text())):
        if not isinstance(owner, ast.Module | ast.ClassDef):
            continue
        for node in owner.body:
            if isinstance(node, ast.FunctionDef):
                check_signature(node, of_class=isinstance(owner, ast.ClassDef))
            elif isinstance(node, ast.Assign) and isinstance(owner, ast.ClassDef):
                assert not is_dataclass(owner), f"{owner.name}: a field without annotation"


def check_signature(node, *, of_class):
    arguments = node.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    static = any(ast.unparse(d) == "staticmethod" for d in node.decorator_list)
    given = given[1:] if of_class and not static else given
    assert len(given) <= 7 or node.name in LONG, f"{node.name} has {len(given)} parameters"
    if node.name.startswith("_") and node.name != "__init__":
        return
    more = [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    for argument in [*given, *more]:
        assert argument.annotation is not None, f"{node.name}: {argument.arg} has no type"
    assert node.returns is not None or node.name == "__init__", f"{node.name} returns what?"


def is_dataclass(node):
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
