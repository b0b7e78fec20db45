"""The modules that scripts and names load, compared with those that hashes of the code cover."""

import ast
import json
import subprocess
import sys

import pytest
from loaded import loaded
from repository import CHOOSING, FIGURES, LIGHT, ROOT, SCRIPTS

from intriguing import provenance, registry
from intriguing.provenance import imported_modules


def imports_of(script):
    """The import lines of a script, whose body runs only where Snakemake is."""
    nodes = ast.parse(script.read_text()).body
    return "\n".join(ast.unparse(n) for n in nodes if isinstance(n, ast.Import | ast.ImportFrom))


BUILD = """
from intriguing import networks, registry
model = networks.build({name!r}, {shape}, 10{options})
stage = getattr(model, "unsupervised", None)
stage and registry.resolve(stage)
"""
SHAPES = {"alexnet": (3, 67, 67), "torchvision_alexnet": (3, 63, 63)}
OPTIONS = {"fully_connected": ", hidden=[5]", "autoencoder": ", units=5"}
ATTACK = """
import torch
from intriguing import registry
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3)).eval()
images, labels = torch.rand(2, 1, 2, 2), torch.tensor([0, 1])
registry.resolve({reference!r})(model, images, labels, labels + 1, exemplars=images)
"""
RESOLVE = """
from intriguing import registry
registry.resolve({reference!r})
"""
TRAIN = """
import torch
from intriguing.training import Adam, Lbfgs, WorkingSet, train
images, labels = torch.rand(4, 1, 2, 2), torch.tensor([0, 1, 0, 1])
for method in (Adam(1), Lbfgs(3), WorkingSet(iterations=3)):
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    train(model, images, labels, weight_decay=[1e-3], method=method)
"""
DISPATCHERS = ("experiment", "registry", "datasets", "networks", "attacks", "lipschitz", "training")


def loading(kind, name):
    """Code that loads what an experiment chooses by this name."""
    if kind == "architectures":
        shape, options = SHAPES.get(name, (1, 24, 24)), OPTIONS.get(name, "")
        return BUILD.format(name=name, shape=shape, options=options)
    if name == "digits":
        return "from intriguing.datasets import load; load('digits')"
    code = ATTACK if kind == "attacks" else RESOLVE
    return code.format(reference=registry.table(kind)[name])


@pytest.fixture(scope="module")
def in_memory():
    """Modules in memory after the imports of each script, and after loading what has a name."""
    scripts = {script.stem: imports_of(script) for script in SCRIPTS}
    torch_free = (*LIGHT, *FIGURES, "page")
    named = {
        f"{kind} {name} {script}": f"{scripts[script]}\n{loading(kind, name)}"
        for kind, choosing in CHOOSING.items()
        for name in registry.table(kind)
        for script in choosing
    }
    return loaded(
        [
            ([], {name: f"import intriguing.{name}" for name in DISPATCHERS}),
            (["pandas", "scipy.special"], {f"{name}.py": scripts[name] for name in LIGHT}),
            (["matplotlib.pyplot"], {f"{name}.py": scripts[name] for name in (*FIGURES, "page")}),
            (
                ["torch"],
                {f"{name}.py": code for name, code in scripts.items() if name not in torch_free},
            ),
            (["torch"], {"methods of training": TRAIN}),
            # of these only what is ours is looked at
            (["sklearn.datasets"], named),
        ]
    )


def of_package(modules):
    return {name for name in modules if name.split(".")[0] == "intriguing"}


def counted(modules):
    """Those that a hash has to cover: no package around a module, and nothing that only reports.

    That the packages left out are docstrings or facades is a test of the rooms.
    """
    folders = [p.parent.relative_to(ROOT / "src") for p in SOURCES]
    packages = {"intriguing", *(".".join(folder.parts) for folder in folders)}
    return of_package(modules) - packages - set(provenance.UNCOUNTED)


SOURCES = sorted((ROOT / "src" / "intriguing").glob("*/**/__init__.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_no_module_that_a_script_loads_is_missed(script, in_memory):
    assert counted(in_memory[script.name]) <= set(imported_modules(script))


@pytest.mark.parametrize("kind", CHOOSING)
def test_no_module_that_a_name_loads_is_missed(kind, in_memory):
    for name, reference in registry.table(kind).items():
        for script in CHOOSING[kind]:
            covered = set(imported_modules(ROOT / "scripts" / f"{script}.py", [reference]))
            assert counted(in_memory[f"{kind} {name} {script}"]) <= covered, name


@pytest.mark.parametrize("name", DISPATCHERS)
def test_choosing_by_name_needs_no_torch(name, in_memory):
    assert "torch" not in in_memory[name]


def test_what_tables_and_figures_load(in_memory):
    for name in (*LIGHT, *FIGURES, "page"):
        assert "torch" not in in_memory[f"{name}.py"], name
    for name in LIGHT:
        assert "matplotlib" not in in_memory[f"{name}.py"], name
    # most of a second to load each; seaborn loads scipy.stats itself
    for slow in ("seaborn", "scipy.stats"):
        with_it = {script.name for script in SCRIPTS if slow in in_memory[script.name]}
        assert with_it == {"heatmap.py"}, slow
    for slow in ("torchvision", "sklearn"):
        assert not [script.name for script in SCRIPTS if slow in in_memory[script.name]], slow


def test_no_job_loads_the_compiler_of_torch(in_memory):
    """It takes as long to load as torch, and sympy half as long."""
    jobs = [name for name in in_memory if name.startswith("attacks ")]
    assert len(jobs) >= len(registry.table("attacks"))
    for name in ("methods of training", *jobs):
        assert not in_memory[name] & {"torch._dynamo", "sympy"}, name


def test_importing_the_attacks_does_not_import_torch():
    code = """
import sys
import intriguing.attacks as attacks
assert "torch" not in sys.modules
assert {"lbfgs", "minimum_distortion"} <= set(dir(attacks))
attacks.Options
assert attacks.Options.__module__ == "intriguing.attacks.options"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_bounds_load_what_they_use():
    code = """if True:
        import sys
        import intriguing.lipschitz as facade
        assert set(facade.__all__) <= set(dir(facade))
        print(*sys.modules)
        facade.certified_radii
        print(*sys.modules)
        facade.network_bounds
        print(*sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    at_first, with_radii, with_bounds = (set(line.split()) for line in done.stdout.splitlines())
    package = "intriguing.lipschitz"
    assert "torch" not in at_first and not any(n.startswith(f"{package}.") for n in at_first)
    used = {name for name in with_radii if name.startswith(f"{package}.")}
    assert used == {f"{package}.{name}" for name in ("bounds", "certificate", "rounding")}
    # layers of this project are registered by name
    networks = {name for name in with_bounds if name.startswith("intriguing.networks")}
    names = ("functions", "kinds", "logits", "precision", "tracing")
    assert networks == {"intriguing.networks", *(f"intriguing.networks.{name}" for name in names)}


HEAVY = {
    "basis bundle cells colours formats published table1 table2 table5 distortion certificates": [],
    "canvas figure7 gallery filters layers_figure instability curves": ["matplotlib"],
    "page.render": ["jinja2", "matplotlib"],
    "heatmap": ["jinja2", "matplotlib", "matplotlib.pyplot", "seaborn"],
}


def test_reports_load_heavy_libraries_where_they_need_them():
    code = f"""
import importlib, json, sys
heavy = ("torch", "jinja2", "matplotlib", "matplotlib.pyplot", "seaborn")
loaded = []
for names in {list(HEAVY)}:
    for name in names.split():
        importlib.import_module("intriguing.report." + name)
    loaded.append([name for name in heavy if name in sys.modules])
print(json.dumps(loaded))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert json.loads(run.stdout) == list(HEAVY.values())


def test_torchvision_imports_beside_any_torch():
    code = (
        "from intriguing.torchvision_import import import_torchvision as get\n"
        "from sys import modules\nassert 'torchvision' not in modules\n"
        "get(); from torchvision import datasets, models\nassert get() is modules['torchvision']\n"
        "assert models.alexnet(num_classes=3) is not None\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_users_module_may_import_torchvision(tmp_path):
    (tmp_path / "nets_of_torchvision.py").write_text(
        "import torchvision\n"
        "def resnet(input_shape, classes):\n"
        "    return torchvision.models.resnet18(num_classes=classes)\n"
    )
    code = (
        "from intriguing.networks.factory import build_own\n"
        "model = build_own('nets_of_torchvision:resnet', (3, 32, 32), 4)\n"
        "assert type(model).__name__ == 'ResNet'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
