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
    root = next((Path(f) for f in (here, *sys.path) if _path_under(Path(f), module)), None)
    if root is None:
        return "missing"
    found, waiting = {}, [module]
    while waiting:
        name = waiting.pop()
        same = root == here or name.split(".")[0] == module.split(".")[0]
        path = _path_under(root, name) if same and name not in found else None
        if path is None:
            continue
        found[name] = path
        waiting.extend(_imported_names(path, root))
        # importing a.b.c runs a and a.b as well
        waiting.extend([name.rpartition(".")[0]] if "." in name else [])
    return _hash(found)


def _path_under(root, module):
    base = root.joinpath(*module.split("."))
    candidates = (base / "__init__.py", base.with_name(f"{base.name}.py"))
    return next((path for path in candidates if path.is_file()), None)


def _imported_names(path, root):
    """Dotted names that a file of the user's may import; none if it is no Python."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except (SyntaxError, UnicodeDecodeError):  # the job that imports it says what is wrong
        return []
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            folder = path.parents[node.level - 1] if node.level else None
            if folder is not None and not folder.is_relative_to(root):
                continue
            parts = list(folder.relative_to(root).parts) if folder is not None else []
            origin = ".".join([*parts, *([node.module] if node.module else [])])
            names += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    return [name for name in names if name]


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
