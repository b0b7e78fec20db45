"""Which code made an artifact: the hash of a script and of all package modules it imports.

Snakemake reruns a job when its script changes, not when a module that the script imports does.
Each rule therefore carries this hash as a parameter. Imports are found in the source with `ast`,
transitively, those inside functions included.
"""

import ast
import hashlib
import os
import sys
from functools import cache
from pathlib import Path

PACKAGE = __package__
SOURCE = Path(__file__).parent


def code_hash(script):
    """Hash of a script and of every module of this package that it can import.

    Parameters
    ----------
    script : path
        A Python file outside the package, or a module of it.

    Returns
    -------
    str
        16 hexadecimal digits. It depends on the content of the files, not on their times.
    """
    script = Path(script)
    return _hash({"script": script, **imported_modules(script)})


def files_hash(paths):
    """The same of some files that belong together, known by their names in their common folder."""
    common = os.path.commonpath([Path(path).parent for path in paths])
    return _hash({Path(path).relative_to(common).as_posix(): Path(path) for path in paths})


def _hash(files):
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def factory_hash(factory):
    """Hash of the package (or the single module) that a factory lies in; ``missing`` if not found.

    Nothing is imported: a workflow asks for it before any job runs.
    """
    parts = factory.partition(":")[0].split(".")
    for folder in (os.getcwd(), *sys.path):
        base = Path(folder).joinpath(parts[0])
        if (base / "__init__.py").is_file() or (len(parts) > 1 and base.is_dir()):
            return files_hash(sorted(base.rglob("*.py")))
        if base.with_suffix(".py").is_file():
            return files_hash([base.with_suffix(".py")])
    return "missing"


def imported_modules(script):
    """Modules of this package that ``script`` imports, transitively: dict of name to path."""
    found = {}
    waiting = list(_imports(Path(script)))
    while waiting:
        name = waiting.pop()
        path = _module_path(name)
        if path is None or name in found:
            continue
        found[name] = path
        waiting.extend(_imports(path))
        # importing a.b.c runs a and a.b as well
        waiting.extend([name.rpartition(".")[0]] if "." in name else [])
    return found


@cache
def _imports(path):
    """Dotted names under this package that a file may import; some may not be modules."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(path, node)
            names.add(origin)
            names.update(f"{origin}.{alias.name}" for alias in node.names)
    return frozenset(name for name in names if name.split(".")[0] == PACKAGE)


def _absolute(path, node):
    if not node.level:
        return node.module
    folder = path.parent
    for _ in range(node.level - 1):
        folder = folder.parent
    parts = [PACKAGE, *folder.relative_to(SOURCE).parts]
    return ".".join(parts + ([node.module] if node.module else []))


def _module_path(name):
    base = SOURCE.joinpath(*name.split(".")[1:])
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None
