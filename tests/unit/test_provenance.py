import os
import sys

import pytest
from repository import ROOT

from intriguing import provenance
from intriguing.provenance import code_hash, imported_modules

SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))


def loaded_by(script):
    """Package modules that really are in memory once the imports of a script have run."""
    import ast
    import subprocess

    tree = ast.parse(script.read_text())
    lines = [
        ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    lines.append("import sys; print(*(m for m in sys.modules if m.split('.')[0] == 'intriguing'))")
    ran = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    return set(ran.stdout.split())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_no_module_that_a_script_loads_is_missed(script):
    assert loaded_by(script) <= set(imported_modules(script))


def test_training_does_not_depend_on_the_attack():
    assert not [m for m in imported_modules(ROOT / "scripts" / "train.py") if "attack" in m]
    assert "intriguing.attacks.penalty_path" in imported_modules(ROOT / "scripts" / "attack.py")


@pytest.mark.parametrize("script", ["table1.py", "table2.py", "page.py", "gallery.py"])
def test_tables_and_figures_know_nothing_of_torch(script):
    for path in imported_modules(ROOT / "scripts" / script).values():
        assert "import torch" not in path.read_text()


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


def test_imports_are_followed_transitively(package):
    _, script = package
    names = {name.removeprefix("intriguing").lstrip(".") for name in imported_modules(script)}
    assert names == {"", "a", "sub", "sub.b", "sub.d", "c"}


def test_the_hash_follows_content_not_time(package):
    source, script = package
    before = code_hash(script)
    os.utime(source / "sub" / "d.py", (1, 1))
    (source / "unused.py").write_text("y = 1\n")
    assert code_hash(script) == before
    (source / "sub" / "d.py").write_text("x = 2\n")
    assert code_hash(script) != before
    after = code_hash(script)
    script.write_text(script.read_text() + "# more\n")
    assert code_hash(script) != after
