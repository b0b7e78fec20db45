"""Which code made an artifact: the hash of a script and of all package modules it imports.

Snakemake reruns a job when its script changes, not when a module that the script imports does.
Each rule therefore carries this hash as a parameter. Imports are found in the source with `ast`,
transitively, those inside functions included.
"""

import ast
import hashlib
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


def _hash(files):
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def factory_hash(factory):
    """Hash of the module of a factory and of what it imports of the same folder or package.

    Nothing is imported: a workflow asks for it before any job runs.

    Parameters
    ----------
    factory : str
        ``package.module:function``, looked for in the working directory, then where Python looks.

    Returns
    -------
    str
        16 hexadecimal digits; ``missing`` if there is no such module.
    """
    module = factory.partition(":")[0]
    here = Path.cwd()
    root = next((Path(f) for f in (here, *sys.path) if _module_path(Path(f), module)), None)
    if root is None:
        return "missing"
    # of the working directory all modules are the user's, elsewhere those of the same package
    package = None if root == here else module.split(".")[0]
    return _hash(_reachable([module], root, package))


def imported_modules(script):
    """Modules of this package that ``script`` imports, transitively: dict of name to path."""
    root = SOURCE.parent
    return _reachable(_imports(Path(script), root), root, PACKAGE)


def _reachable(names, root, package):
    """Modules under ``root`` that ``names`` lead to, of one package if it is given."""
    found, waiting = {}, list(names)
    while waiting:
        name = waiting.pop()
        wanted = name not in found and package in (None, name.split(".")[0])
        path = _module_path(root, name) if wanted else None
        if path is None:
            continue
        found[name] = path
        waiting.extend(_imports(path, root))
        # importing a.b.c runs a and a.b as well
        waiting.extend([name.rpartition(".")[0]] if "." in name else [])
    return found


def _module_path(root, name):
    base = root.joinpath(*name.split("."))
    candidates = (base / "__init__.py", base.with_name(f"{base.name}.py"))
    return next((path for path in candidates if path.is_file()), None)


def _imports(path, root):
    """Dotted names that a file may import; some may not be modules."""
    inside = path.parent.is_relative_to(root)
    folder = path.parent.relative_to(root).parts if inside else ()
    return _imported_names(path.read_bytes(), folder)


@cache
def _imported_names(source, folder):
    """Dotted names in a source; ``folder``: the packages that it lies in, for relative imports."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # the job that imports it says what is wrong
        return frozenset()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = folder[: len(folder) - node.level + 1] if node.level else ()
            origin = ".".join([*parts, *([node.module] if node.module else [])])
            names.add(origin)
            names.update(f"{origin}.{alias.name}" for alias in node.names)
    return frozenset(names)
