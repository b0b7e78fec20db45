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
from intriguing.attacks.noise import gaussian_noise
from intriguing.attacks.options import Options
from intriguing.attacks.penalty_method import lbfgs
from intriguing.datasets import digits, folder, load
from intriguing.experiment import loader, references
from intriguing.lipschitz.network import network_bounds
from intriguing.networks import alexnet, alexnet_style, autoencoder, dense, quocnet
from intriguing.training import (
    contraction,
    layer_pools,
    minimisers,
    reconstruction,
    sparse_code,
    working_set,
)

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
    assert set(registry.table("cures")) <= set(MODEL)
    assert list(registry.table("cures")) == list(references.CURES)
    assert set(registry.table("sources")) <= set(MODEL)


@pytest.mark.parametrize(
    "kind", ["architectures", "datasets", "attacks", "unsupervised", "cures", "sources"]
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


def options(architecture):
    return SCHEMA["$defs"][architecture]["properties"]


SPARSITY, RECONSTRUCTION = (MODEL[key]["properties"] for key in ("sparsity", "reconstruction"))
ADVERSARIAL, CONTRACTION = (MODEL[key]["properties"] for key in ("adversarial", "contraction"))
DATA = PROPERTIES["data"]["properties"]
LIPSCHITZ = PROPERTIES["lipschitz"]["properties"]
OF_ATTACKS = "margin recheck levels batch_size memory_mb"
# keys of the schema that are arguments or fields of ours: one default, written twice
DEFAULTS = {
    "lbfgs": (
        training("lbfgs"),
        minimisers.Lbfgs,
        "iterations history gradient_tolerance change_tolerance",
    ),
    "working_set": (
        training("working_set"),
        working_set.WorkingSet,
        "epochs batch_size learning_rate iterations history gradient_tolerance change_tolerance",
    ),
    "adam": (training("adam"), minimisers.Adam, "epochs batch_size learning_rate"),
    "sparsity": (SPARSITY, sparse_code.Sparsity, "activation penalty decay"),
    "reconstruction": (RECONSTRUCTION, reconstruction.ReconstructionTica, "sparsity"),
    "options of attacks": (ATTACK, Options, OF_ATTACKS),
    "method lbfgs": (ATTACK, lbfgs, OF_ATTACKS),
    "minimum_distortion": (ATTACK, minimum_distortion, f"{OF_ATTACKS} candidates budget"),
    "noise": (PROPERTIES["noise"]["properties"], gaussian_noise, "clip"),
    "bounds": (LIPSCHITZ, network_bounds, "lipsdp"),
    "load": (DATA, load, "seed train_count test_count"),
    "digits": (DATA, digits.read, "test_fraction"),
    "image_folder": (DATA, folder.read, "folder test_fraction size resize channels"),
    "alexnet_style": (
        options("alexnet_style"),
        alexnet_style.alexnet_style,
        "channels dense dropout",
    ),
    "quocnet": (
        options("quocnet"),
        quocnet.Options,
        "fields strides maps pool pool_strides contrast input_contrast input_floor epsilon",
    ),
    "alexnet": (options("alexnet"), alexnet.krizhevsky, "grouped initialisation"),
    "fully_connected": (options("fully_connected"), dense.fully_connected, "activation dropout"),
    "adversarial": (
        ADVERSARIAL,
        layer_pools.LayerPools,
        "layers pool replaced share distortions amplification random",
    ),
    "contraction": (CONTRACTION, contraction.Contraction, "temperature"),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_is_the_same_wherever_it_is_written(name):
    schema, target, keys = DEFAULTS[name]
    ours = defaults_of(target)
    for key in keys.split():
        entry, default = schema[key], ours[key]
        if "default" in entry:
            written = entry["default"]
            assert (tuple(written) if isinstance(default, tuple) else written) == default, key
        elif default is not None:
            # what is left out is not passed on, and ours holds: as the description says
            said = re.search(r"Left out: `?(.*?)`?\.$", entry["description"]).group(1)
            written = yaml.safe_load(said)
            assert written == (list(default) if isinstance(default, tuple) else default), key


@pytest.mark.parametrize(
    ("schema", "target"),
    [
        (training("lbfgs"), minimisers.Lbfgs),
        (training("working_set"), working_set.WorkingSet),
        (training("adam"), minimisers.Adam),
        (options("quocnet"), quocnet.Options),
        (options("alexnet_style"), alexnet_style.alexnet_style),
        (options("alexnet"), alexnet.krizhevsky),
        (options("fully_connected"), dense.fully_connected),
        (options("autoencoder"), autoencoder.Autoencoder),
        (options("no_options"), dense.softmax),
        (ADVERSARIAL, layer_pools.LayerPools),
        (CONTRACTION, contraction.Contraction),
    ],
)
def test_the_schema_offers_what_is_taken(schema, target):
    taken = set(inspect.signature(target).parameters) - {"input_shape", "classes"}
    assert set(schema) == taken


@pytest.mark.parametrize(
    ("schema", "target"),
    [(SPARSITY, sparse_code.Sparsity), (RECONSTRUCTION, reconstruction.ReconstructionTica)],
)
def test_a_code_is_trained_in_the_same_way_by_default(schema, target):
    ((name, settings),) = schema["training"]["default"].items()
    assert minimisers.METHODS[name](**settings) == defaults_of(target)["method"]


def test_the_arguments_of_attacks_have_the_defaults_of_the_options():
    ours = defaults_of(Options)
    for method in (lbfgs, minimum_distortion):
        assert {key: defaults_of(method)[key] for key in ours} == ours


def test_search_settings_are_those_of_the_methods():
    settings = {"lbfgs": penalty_path.Settings, "minimum_distortion": boundary.Settings}
    assert set(references._SEARCH) == set(settings) == set(registry.table("attacks"))
    for method, keys in references._SEARCH.items():
        assert keys <= {field.name for field in dataclasses.fields(settings[method])}
    assert set.union(*references._SEARCH.values()) == set(ATTACK["search"]["properties"])


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
        assert len((SOURCE / name / "__init__.py").read_text().splitlines()) <= 100
        facade = importlib.import_module(f"intriguing.{name}")
        public = {key for key, value in vars(facade).items() if inspect.isfunction(value)}
        assert not public & {path.stem for path in (SOURCE / name).glob("*.py")}
    (version,) = code_of(SOURCE)
    assert version.startswith("__version__ = ")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nobody_inside_imports_from_a_facade(path):
    facades = {f"intriguing.{package.name}": package for package in FACADES}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module in facades:
            modules = {m.stem for m in facades[node.module].glob("*.py")}
            assert {alias.name for alias in node.names} <= modules


def test_no_experiment_can_hide_a_target_of_make():
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^TARGETS := (.*)$", text, re.M).group(1).split()
    assert set(loader.MAKE_TARGETS) == set(targets)
    # each with a line of make help
    assert set(re.findall(r"^([a-z]+):.*  ## ", text, re.M)) == set(targets)
