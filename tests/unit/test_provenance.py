"""The hash of the code: what it follows and what it leaves out."""

import ast
import os

import pytest
from repository import CHOOSING, FIGURES, LIGHT, ROOT, SCRIPTS

from intriguing import provenance, registry
from intriguing.provenance import code_hash, factory_hash, imported_modules, meaning


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_what_is_chosen_by_name_is_in_the_hash_of_no_script(script):
    kinds = set(CHOOSING)
    if script.stem == "lipschitz_of_network":  # it has no source but given weights
        kinds.remove("sources")
    references = [name for kind in kinds for name in registry.table(kind).values()]
    choices = {reference.partition(":")[0] for reference in references}
    assert not choices & set(imported_modules(script))


def test_a_network_with_a_code_brings_its_training_along():
    reference = registry.table("architectures")["autoencoder"]
    covered = imported_modules(ROOT / "scripts" / "train.py", [reference])
    assert "intriguing.training.sparse_code" in covered
    assert "intriguing.training.reconstruction" not in covered


@pytest.mark.parametrize(
    ("key", "module", "other"),
    [("adversarial", "layer_pools", "contraction"), ("contraction", "contraction", "layer_pools")],
)
def test_a_cure_brings_its_own_training_along(key, module, other):
    script = ROOT / "scripts" / "train.py"
    without = imported_modules(script)
    brought = set(imported_modules(script, [registry.table("cures")[key]])) - set(without)
    assert f"intriguing.training.{module}" in brought
    assert f"intriguing.training.{other}" not in brought | set(without)


def test_a_dispatcher_counts_where_it_is_used():
    assert "intriguing.networks" in imported_modules(ROOT / "scripts" / "train.py")
    assert "intriguing.datasets" in imported_modules(ROOT / "scripts" / "data.py")
    assert "intriguing" in imported_modules(ROOT / "scripts" / "page.py")  # its version


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
        tree = WithoutHints().visit(ast.parse(path.read_text()))
        lines = [
            ast.unparse(n) for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)
        ]
        assert not [line for line in lines if line.startswith(("import torch", "from torch"))], path


class WithoutHints(ast.NodeTransformer):
    """Leaves out what is imported for type hints alone."""

    def visit_If(self, node):
        return node.orelse if "TYPE_CHECKING" in ast.unparse(node.test) else node


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
        "facade/__init__.pyi": "from .far import Far as Far\nfrom .near import Near as Near\n",
        "facade/far.py": "from intriguing import c\n\nclass Far: ...\n",
        "facade/near.py": "class Near: ...\n",
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
        ("from intriguing.facade import Far\n", {"facade", "facade.far", "c"}),
        ("from intriguing.facade import Near\n", {"facade", "facade.near"}),
        ("from intriguing.facade import near\n", {"facade.near"}),
        ("from intriguing.facade import Neither\n", {"facade"}),
        ("from intriguing.facade.far import Far\n", {"facade.far", "c"}),
        ("from intriguing.sub.b import x\n", {"sub.b", "sub.d", "c"}),
        ("def late():\n    import intriguing.named\n", {"named"}),
        ("x = 'intriguing.named:f'\n", {"named"}),
        ("x = 'see intriguing.named:f'\n", set()),
        ("x = 'intriguing.named'\n", set()),
        ("x = 'intriguing.nowhere:f'\n", set()),
        ("if TYPE_CHECKING:\n    from intriguing import named\n", set()),
        ("if TYPE_CHECKING:\n    ...\nelse:\n    from intriguing import named\n", {"named"}),
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


def test_facades_of_ours_lead_to_what_they_export(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from intriguing.lipschitz import register\n")
    assert "intriguing.lipschitz.layers" in imported_modules(script)
    script.write_text("from intriguing.lipschitz import Bounds\n")
    assert "intriguing.lipschitz.layers" not in imported_modules(script)


@pytest.fixture
def home(package, tmp_path, monkeypatch):
    """A working directory with a user's factory, which uses what is ours."""
    files = {
        "nets.py": "import helper\nfrom pack import inner\nfrom intriguing.facade import Far\n",
        "helper.py": "",
        "pack/__init__.py": "",
        "pack/inner.py": "from . import deep\n",
        "pack/deep.py": "",
        "unrelated.py": "",
    }
    for name, text in files.items():
        path = tmp_path / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("home/nets.py", True),
        ("home/helper.py", True),
        # importing a.b runs a, and of a user's packages we know nothing
        ("home/pack/__init__.py", True),
        ("home/pack/inner.py", True),
        ("home/pack/deep.py", True),
        ("home/unrelated.py", False),
        ("intriguing/facade/far.py", True),
        ("intriguing/c.py", True),
        ("intriguing/facade/near.py", False),
        ("intriguing/unused.py", False),
    ],
)
def test_a_users_factory_is_followed_also_into_this_package(home, name, counts):
    before = factory_hash("nets:net")
    path = home / name
    path.write_text(path.read_text() + "# a comment\n")
    assert factory_hash("nets:net") == before
    path.write_text(path.read_text() + "EDIT = 1\n")
    assert (factory_hash("nets:net") != before) == counts


def test_a_factory_that_is_not_there(home):
    assert factory_hash("nowhere:net") == "missing"


def test_a_layer_of_ours_in_a_users_factory(tmp_path, monkeypatch):
    """The real package: what an edit of networks/local_layers.py does to a user's model."""
    layers = ROOT / "src" / "intriguing" / "networks" / "local_layers.py"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(
        "from intriguing.networks.local_layers import LocallyConnected2d\n"
    )
    (tmp_path / "others.py").write_text("from torch import nn\n")
    before = factory_hash("nets:net"), factory_hash("others:net")
    read = type(layers).read_bytes
    monkeypatch.setattr(
        type(layers), "read_bytes", lambda path: read(path) + b"EDIT = 1\n" * (path == layers)
    )
    assert factory_hash("nets:net") != before[0] and factory_hash("others:net") == before[1]


SAME = {
    "comments": ("x = 1  # one\n\n# two\n", "x = 1\n"),
    "empty lines": ("x = 1\n\n\n\ny = 2\n", "x = 1\ny = 2\n"),
    "docstrings": (
        '"""A."""\ndef f():\n    """B.\n\n    C."""\n    return 1\n',
        "def f():\n    return 1\n",
    ),
    "docstrings of classes": (
        'class A:\n    """A."""\n\n    x = 1\n    """About x."""\n',
        "class A:\n    x = 1\n",
    ),
    "indents": ("if x:\n  y\nelse:\n  z\n", "if x:\n        y\nelse:\n        z\n"),
    "tabs": ("if x:\n\ty\n", "if x:\n    y\n"),
    "spaces": ("x=f( a,b )+1\n", "x = f(a, b) + 1\n"),
    "line breaks": ("f(\n    a,\n    b,\n)\n", "f(a, b)\n"),
    "backslashes": ("x = a + \\\n    b\n", "x = a + b\n"),
    "line ends": ("x = 1\r\ny = 2\r\n", "x = 1\ny = 2\n"),
    "the end of the file": ("x = 1", "x = 1\n"),
    "a byte order mark": ("\ufeffx = 1\n", "x = 1\n"),
    "one argument": ("f(\n    a,\n)\n", "f(a)\n"),
    "one element": ("x = [\n    a,\n]\n", "x = [a]\n"),
    "a set": ("x = {a,}\n", "x = {a}\n"),
    "a dict": ("x = {\n    a: b,\n}\n", "x = {a: b}\n"),
    "a long tuple": ("x = (\n    a,\n    b,\n)\n", "x = (a, b)\n"),
    "a long index": ("x[\n    a,\n    b,\n]\n", "x[a, b]\n"),
    "after a call": ("f(a)(b,)\n", "f(a)(b)\n"),
    "after an index": ("x[a](b,)\n", "x[a](b)\n"),
    "a returned list": ("def f():\n    return [a,]\n", "def f():\n    return [a]\n"),
    "a definition": ("def f(\n    a,\n):\n    return a\n", "def f(a):\n    return a\n"),
    "a class": ("class A(\n    B,\n):\n    x = 1\n", "class A(B):\n    x = 1\n"),
}
OTHER = {
    "f-strings as statements": ("f'{launch()}'\n", "'a'\n"),
    "one-tuples of lambdas": ("(lambda a, b: a,)\n", "(lambda a, b: a)\n"),
    "statements": ("x = 1\n", "x = 1\ny = 1\n"),
    "the order": ("x = 1\ny = 2\n", "y = 2\nx = 1\n"),
    "numbers": ("x = 1\n", "x = 2\n"),
    "strings": ("x = 'a'\n", "x = 'b'\n"),
    "returned strings": ("def f():\n    return 'a'\n", "def f():\n    return 'b'\n"),
    "strings on their own line": ("f(\n    'a',\n)\n", "f(\n    'b',\n)\n"),
    "methods of strings": ("'a'.join(b)\n", "'c'.join(b)\n"),
    "comments in strings": ("x = '# a'\n", "x = '# b'\n"),
    "f-strings": ("x = f'a{b}'\n", "x = f'a{c}'\n"),
    "spaces in f-strings": ("x = f'a{b}'\n", "x = f'a {b}'\n"),
    "formats in f-strings": ("x = f'{a:.3f}'\n", "x = f'{a:.2f}'\n"),
    "f-strings in f-strings": ("x = f'{f\"{a}\"}'\n", "x = f'{f\"{b}\"}'\n"),
    "f-strings of several lines": ("x = f'''{a}\n{b}'''\n", "x = f'''{a}\n{c}'''\n"),
    "f-strings and strings": ("x = f'{a}'\n", "x = '{a}'\n"),
    "strings of several lines": ("x = '''a\n b'''\n", "x = '''a\nb'''\n"),
    "one-tuples": ("x = (a,)\n", "x = (a)\n"),
    "one-tuples without brackets": ("x = a,\n", "x = a\n"),
    "one-tuples of a pair": ("x = ((a, b),)\n", "x = ((a, b))\n"),
    "one-tuples as arguments": ("f((a,))\n", "f((a))\n"),
    "returned one-tuples": ("def f():\n    return (a,)\n", "def f():\n    return (a)\n"),
    "one-tuples after in": ("x in (a,)\n", "x in (a)\n"),
    "added one-tuples": ("x + (a,)\n", "x + (a)\n"),
    "matched one-tuples": ("match (a,):\n case _: b\n", "match (a):\n case _: b\n"),
    "one index": ("x = y[a,]\n", "x = y[a]\n"),
    "one index of a call": ("f()[a,]\n", "f()[a]\n"),
    "one index of an index": ("x[0][a,]\n", "x[0][a]\n"),
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


def test_the_pairs_are_what_python_says():
    def tree(source):
        module = ast.parse(source.encode())
        for node in ast.walk(module):
            if isinstance(getattr(node, "body", None), list):
                node.body = [inner for inner in node.body if not is_text(inner)]
        return ast.dump(module)

    def is_text(node):
        return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)

    assert all(tree(first) == tree(second) for first, second in SAME.values())
    assert all(tree(first) != tree(second) for first, second in OTHER.values())


def test_what_is_not_python_is_taken_as_it_is():
    for source in (b"def f(:\n", b"\xff\xfe", b"x = (\n", b"if a:\nb\n", b"  x\ny\n", b"x\0\n"):
        assert meaning(source) == source


def test_every_module_of_ours_means_the_same_with_comments():
    for path in (ROOT / "src").rglob("*.py"):
        source = path.read_bytes()
        edited = b"# first\n" + source.replace(b"\n\n\n", b"\n\n# between\n\n") + b"# last\n"
        assert meaning(edited) == meaning(source), path


def test_comments_of_a_style_do_not_count(tmp_path):
    path = tmp_path / "a.mplstyle"
    hashes = []
    for text in ("font.size: 7\n", "# seven\n\nfont.size: 7\n", "font.size: 8\n"):
        path.write_text(text)
        hashes.append(provenance.text_hash(path))
    assert hashes[0] == hashes[1] != hashes[2] and len(hashes[0]) == 16


def test_another_torch_or_processor_is_another_machine(monkeypatch):
    before = provenance.machine_hash()
    assert provenance.machine_hash() == before
    versions = provenance.metadata.version
    for name in ("torch", "numpy", "scikit-learn"):
        with monkeypatch.context() as patched:
            other = {name: "0.1"}
            patched.setattr(
                provenance.metadata, "version", lambda n, o=other: o.get(n) or versions(n)
            )
            assert provenance.machine_hash() != before
    monkeypatch.setattr(provenance.platform, "machine", lambda: "another")
    assert provenance.machine_hash() != before
