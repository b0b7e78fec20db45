import ast
import os

import pytest
from loaded import loaded
from repository import ROOT

from intriguing import provenance, registry
from intriguing.provenance import code_hash, factory_hash, imported_modules, meaning

SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
TABLES = ("table1", "table2", "table5", "distortion", "certificates")
LIGHT = (*TABLES, "merge", "collect")
FIGURES = ("gallery", "galleries", "figure7", "heatmap", "layers_figure", "instability")


def imports_of(script):
    """The import lines of a script, whose body runs only where Snakemake is."""
    nodes = ast.parse(script.read_text()).body
    return "\n".join(ast.unparse(n) for n in nodes if isinstance(n, ast.Import | ast.ImportFrom))


BUILD = "from intriguing.networks import build; build({!r}, {!r}, 10{})"
SHAPES = {"alexnet": (3, 67, 67), "torchvision_alexnet": (3, 63, 63)}
OPTIONS = {"fully_connected": ", hidden=[5]", "autoencoder": ", units=5"}
KINDS = ("architectures", "datasets", "attacks", "unsupervised", "sources")
RESOLVE = "from intriguing import registry; registry.resolve({!r})"
DISPATCHERS = ("experiment", "registry", "datasets", "networks", "attacks", "lipschitz", "training")


def resolved(kind, name):
    return RESOLVE.format(registry.table(kind)[name])


@pytest.fixture(scope="module")
def in_memory():
    """Modules in memory after the imports of each script, and after loading what has a name."""
    scripts = {script.stem: imports_of(script) for script in SCRIPTS}
    torch_free = (*LIGHT, *FIGURES, "page")
    named = {
        f"architectures {name}": BUILD.format(
            name, SHAPES.get(name, (1, 24, 24)), OPTIONS.get(name, "")
        )
        for name in registry.table("architectures")
    }
    named["datasets digits"] = "from intriguing.datasets import load; load('digits')"
    for kind in KINDS[1:]:
        for name in registry.table(kind):
            named.setdefault(f"{kind} {name}", resolved(kind, name))
    return loaded(
        [
            ([], {name: f"import intriguing.{name}" for name in DISPATCHERS}),
            (["pandas"], {f"{name}.py": scripts[name] for name in torch_free}),
            (
                ["pandas", "torch"],
                {f"{name}.py": code for name, code in scripts.items() if name not in torch_free},
            ),
            (["pandas", "torch"], named),
        ]
    )


def of_package(modules):
    return {name for name in modules if name.split(".")[0] == "intriguing"}


def counted(modules):
    """Those that a hash has to cover: no package around a module, and nothing that only reports.

    That the packages left out are docstrings or facades is a test of the rooms.
    """
    packages = {"intriguing", *(f"intriguing.{p.parent.name}" for p in SOURCES)}
    return of_package(modules) - packages - set(provenance.UNCOUNTED)


SOURCES = sorted((ROOT / "src" / "intriguing").glob("*/__init__.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_no_module_that_a_script_loads_is_missed(script, in_memory):
    assert counted(in_memory[script.name]) <= set(imported_modules(script))


@pytest.mark.parametrize(
    "kind", ["architectures", "datasets", "attacks", "unsupervised", "sources"]
)
def test_no_module_that_a_name_loads_is_missed(kind, in_memory):
    scripts = {"datasets": "data.py", "attacks": "attack.py"}
    script = ROOT / "scripts" / scripts.get(kind, "train.py")
    for name, reference in registry.table(kind).items():
        covered = set(imported_modules(script, [reference]))
        assert counted(in_memory[f"{kind} {name}"]) <= covered, name


def test_a_dispatcher_counts_where_it_is_used():
    assert "intriguing.networks" in imported_modules(ROOT / "scripts" / "train.py")
    assert "intriguing.datasets" in imported_modules(ROOT / "scripts" / "data.py")
    assert "intriguing" in imported_modules(ROOT / "scripts" / "page.py")  # its version


@pytest.mark.parametrize("name", DISPATCHERS)
def test_choosing_by_name_needs_no_torch(name, in_memory):
    assert "torch" not in in_memory[name]


def test_what_tables_and_figures_load(in_memory):
    for name in (*LIGHT, *FIGURES, "page"):
        assert "torch" not in in_memory[f"{name}.py"], name
    for name in LIGHT:
        assert "matplotlib" not in in_memory[f"{name}.py"], name
    with_seaborn = {name for name, modules in in_memory.items() if "seaborn" in modules}
    assert with_seaborn == {"heatmap.py"}
    for name in {script.name for script in SCRIPTS} - with_seaborn:  # which imports it itself
        assert "scipy.stats" not in in_memory[name], name


def test_training_does_not_depend_on_the_attack():
    assert not [m for m in imported_modules(ROOT / "scripts" / "train.py") if "attack" in m]
    method = registry.table("attacks")["lbfgs"]
    attack = imported_modules(ROOT / "scripts" / "attack.py", [method])
    assert "intriguing.attacks.penalty_path" in attack
    # what an experiment does not choose does not count
    assert "intriguing.attacks.boundary" not in attack


@pytest.mark.parametrize("script", [*(f"{name}.py" for name in (*LIGHT, *FIGURES)), "page.py"])
def test_tables_and_figures_know_nothing_of_torch(script):
    for path in imported_modules(ROOT / "scripts" / script).values():
        lines = path.read_text().splitlines()
        assert not [line for line in lines if line.startswith(("import torch", "from torch"))]


@pytest.fixture
def package(tmp_path, monkeypatch):
    files = {
        "__init__.py": "",
        "a.py": "from intriguing.sub import b\n",
        "sub/__init__.py": "",
        "sub/b.py": "def late():\n    from .. import c\n    from .d import x\n",
        "c.py": "",
        "sub/d.py": "x = 1\n",
        "unused.py": "",
        "named.py": "",
        "facade/__init__.py": "",
        "facade/__init__.pyi": "from .far import Far as Far\n",
        "facade/far.py": "class Far: ...\n",
        "job.py": "",
    }
    source = tmp_path / "intriguing"
    for name, text in files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(provenance, "SOURCE", source)
    script = tmp_path / "script.py"
    script.write_text("import intriguing.a\nimport numpy\n")
    return source, script


def names_of(script, references=()):
    names = imported_modules(script, references)
    return {name.removeprefix("intriguing").lstrip(".") for name in names}


def test_imports_are_followed_transitively(package):
    _, script = package
    # the empty packages around them are left out
    assert names_of(script) == {"a", "sub.b", "sub.d", "c"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("from intriguing import named\n", {"named"}),
        ("from intriguing import __version__\n", {""}),
        ("import intriguing\n", {""}),
        ("from intriguing.facade import Far\n", {"facade", "facade.far"}),
        ("from intriguing.facade.far import Far\n", {"facade.far"}),
        ("x = 'intriguing.named:f'\n", {"named"}),
        ("x = 'see intriguing.named:f'\n", set()),
        ("if TYPE_CHECKING:\n    from intriguing import named\n", set()),
        ("import intriguing.job\nfrom intriguing.job import job\n", set()),
        ("this is not Python\n", set()),
    ],
)
def test_what_counts_as_an_import(package, text, names):
    _, script = package
    script.write_text(text)
    assert names_of(script) == names


def test_what_is_chosen_by_name_counts_where_it_is_chosen(package):
    source, script = package
    chosen = ["intriguing.named:f"]
    assert names_of(script, chosen) == {"a", "sub.b", "sub.d", "c", "named"}
    before = code_hash(script), code_hash(script, chosen)
    assert before[0] != before[1] != code_hash(script, ["intriguing.named:g"])
    (source / "named.py").write_text("y = 1\n")
    assert code_hash(script) == before[0] and code_hash(script, chosen) != before[1]


def test_the_hash_follows_content_not_time(package):
    source, script = package
    before = code_hash(script)
    os.utime(source / "sub" / "d.py", (1, 1))
    (source / "unused.py").write_text("y = 1\n")
    assert code_hash(script) == before
    (source / "sub" / "d.py").write_text("x = 2\n")
    assert code_hash(script) != before
    after = code_hash(script)
    script.write_text('"""More."""\n\n' + script.read_text() + "# more\n")
    assert code_hash(script) == after
    script.write_text(script.read_text() + "more = 1\n")
    assert code_hash(script) != after


def test_a_users_factory_is_followed_into_this_package(package, tmp_path, monkeypatch):
    source, _ = package
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    (home / "nets.py").write_text("from intriguing.facade import Far\n")
    before = factory_hash("nets:net")
    (source / "unused.py").write_text("y = 1\n")
    assert factory_hash("nets:net") == before
    (source / "facade" / "far.py").write_text("class Far:\n    x = 1\n")
    assert factory_hash("nets:net") != before


SAME = {
    "comments": ("x = 1  # one\n\n# two\n", "x = 1\n"),
    "docstrings": (
        '"""A."""\ndef f():\n    """B.\n\n    C."""\n    return 1\n',
        "def f():\n    return 1\n",
    ),
    "indents": ("if x:\n  y\nelse:\n  z\n", "if x:\n        y\nelse:\n        z\n"),
    "line breaks": ("f(\n    a,\n    b,\n)\n", "f(a, b)\n"),
    "one argument": ("f(\n    a,\n)\n", "f(a)\n"),
    "one element": ("x = [\n    a,\n]\n", "x = [a]\n"),
    "a set": ("x = {a,}\n", "x = {a}\n"),
    "a long tuple": ("x = (\n    a,\n    b,\n)\n", "x = (a, b)\n"),
    "after a call": ("f(a)(b,)\n", "f(a)(b)\n"),
    "a definition": ("def f(\n    a,\n):\n    return a\n", "def f(a):\n    return a\n"),
}
OTHER = {
    "numbers": ("x = 1\n", "x = 2\n"),
    "strings": ("x = 'a'\n", "x = 'b'\n"),
    "f-strings": ("x = f'a{b}'\n", "x = f'a{c}'\n"),
    "spaces in f-strings": ("x = f'a{b}'\n", "x = f'a {b}'\n"),
    "strings of several lines": ("x = '''a\n b'''\n", "x = '''a\nb'''\n"),
    "one-tuples": ("x = (a,)\n", "x = (a)\n"),
    "returned one-tuples": ("def f():\n    return (a,)\n", "def f():\n    return (a)\n"),
    "one index": ("x = y[a,]\n", "x = y[a]\n"),
    "blocks": ("if x:\n  y\n  z\n", "if x:\n  y\nz\n"),
    "joined strings": ("x = 'a' 'b'\n", "x = 'a', 'b'\n"),
    "names": ("ab\n", "a; b\n"),
}


@pytest.mark.parametrize("pair", SAME)
def test_layout_has_no_meaning(pair):
    first, second = SAME[pair]
    assert meaning(first.encode()) == meaning(second.encode())


@pytest.mark.parametrize("pair", OTHER)
def test_everything_else_has(pair):
    first, second = OTHER[pair]
    assert meaning(first.encode()) != meaning(second.encode())


def test_what_is_not_python_is_taken_as_it_is():
    for source in (b"def f(:\n", b"\xff\xfe", b"x = (\n"):
        assert meaning(source) == source


def test_every_module_of_ours_means_the_same_with_comments():
    for path in (ROOT / "src").rglob("*.py"):
        source = path.read_bytes()
        edited = b"# first\n" + source.replace(b"\n\n\n", b"\n\n# between\n\n") + b"# last\n"
        assert meaning(edited) == meaning(source), path
