"""Which code made an artifact: the hash of a script and of all package modules that it imports.

Snakemake reruns a job when its script changes, not when a module that the script imports does.
Each rule therefore carries this hash as a parameter. Imports are found in the source with `ast`,
transitively, those inside functions included. References in strings, ``"intriguing.a.b:Name"``,
count as imports: that is how the package names what it loads later. What an experiment chooses by
name is listed outside the code (``registry.toml``), and enters the hash of the rule that needs it.

Comments, docstrings and layout do not count; nor do `UNCOUNTED` modules, nor the ``__init__`` of a
package of ours from which only modules are taken: it is a docstring or a lazy facade.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import io
import keyword
import platform
import re
import sys
import tokenize
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = __package__
SOURCE = Path(__file__).parent
# they report what a job does and check what it reads, and change no artifact
UNCOUNTED = (f"{PACKAGE}.job", f"{PACKAGE}.progress", f"{PACKAGE}.artifacts.digests")


# packages whose versions decide bytes
_COMPUTING = (
    "numpy",
    "pandas",
    "pillow",
    "safetensors",
    "scikit-learn",
    "scipy",
    "torch",
    "torchvision",
)
# lines of /proc/cpuinfo, the same for all cores
_INSTRUCTIONS = re.compile(r"(vendor_id|flags|Features|CPU implementer)\s*:")


def code_hash(script: str | Path, references: Iterable[str] = ()) -> str:
    """Hash of a script and of every module of this package that it can import.

    Parameters
    ----------
    script : path
        A Python file outside the package, or a module of it.
    references : iterable of str
        ``intriguing.module:object``, chosen by name: their modules and imports count as well, even
        `UNCOUNTED` ones.

    Returns
    -------
    str
        16 hexadecimal digits. It depends on what the files say, not on their times.
    """
    script = Path(script)
    files = imported_modules(script, references)
    return _hash({"script": script, **files}, references)


def text_hash(path: str | Path) -> str:
    """Hash of a text file without its empty lines and the lines that ``#`` begins.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    lines = (line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines())
    text = "\n".join(line for line in lines if line and not line.startswith("#"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def factory_hash(factory: str) -> str:
    """Hash of the module of a user's factory and of what it imports.

    Modules of the working directory count or, if the factory is elsewhere, those of its own
    package; and those of this package. Nothing is imported: a workflow asks before any job runs.

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
    root = _root(module)
    if root is None:
        return "missing"
    # in the working directory all modules are the user's, elsewhere those of the same package
    package = None if root == Path.cwd() else module.split(".")[0]
    return _hash(_reachable([module], {SOURCE.parent: PACKAGE, root: package}))


def factory_source(factory: str) -> Path | None:
    """File of the module of a user's factory, as `factory_hash` finds it; None without one."""
    module = factory.partition(":")[0]
    root = _root(module)
    return None if root is None else _module_path(root, module)


def _root(module: str) -> Path | None:
    """Folder from which a user's module is imported: the working directory before all others."""
    folders = [Path.cwd(), *map(Path, sys.path)]
    found = next((folder for folder in folders if _module_path(folder, module)), None)
    if found is not None:
        return found
    # packages that are installed as editable may be in no folder of the path
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(module.split(".")[0])
        if spec is not None and spec.origin is not None:
            root = Path(spec.origin).parent
            root = root.parent if spec.submodule_search_locations else root
            return root if _module_path(root, module) else None
    return None


def machine_hash() -> str:
    """Hash of what besides code, settings and data decides the last digits of a result.

    Versions of the libraries that compute or read images, and the instructions and graphics cards
    that they choose by. Found without importing any of them.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    facts = [platform.machine(), platform.python_version()]
    for name in _COMPUTING:
        with contextlib.suppress(metadata.PackageNotFoundError):
            facts.append(f"{name} {metadata.version(name)}")
    with contextlib.suppress(OSError):  # not Linux
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        facts += sorted({line for line in lines if _INSTRUCTIONS.match(line)})
    for card in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        facts += [line for line in card.read_text().splitlines() if line.startswith("Model")]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def imported_modules(script: str | Path, references: Iterable[str] = ()) -> dict[str, Path]:
    """Modules of this package that ``script`` or ``references`` import, transitively, by name."""
    root = SOURCE.parent
    chosen = [reference.partition(":")[0] for reference in references]
    uncounted = set(UNCOUNTED) - set(chosen)
    return _reachable([*_imports(Path(script), root), *chosen], {root: PACKAGE}, uncounted)


def _hash(files: Mapping[str, Path], more: Iterable[str] = ()) -> str:
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(name.encode() + b"\0" + meaning(path.read_bytes()) + b"\0")
    for reference in more:
        digest.update(reference.encode() + b"\0")
    return digest.hexdigest()[:16]


def _reachable(
    names: Iterable[str],
    roots: Mapping[Path, str | None],
    uncounted: Collection[str] = UNCOUNTED,
) -> dict[str, Path]:
    """Modules that ``names`` lead to: under each root, those of one package if it is given."""
    found: dict[str, Path] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found or name in uncounted:
            continue
        for root, package in roots.items():
            path = _module_path(root, name) if package in (None, name.split(".")[0]) else None
            if path is None:
                continue
            found[name] = path
            waiting.extend(_imports(path, root))
            # importing a.b.c runs a and a.b as well; of a user's packages we know nothing
            if "." in name and package != PACKAGE:
                waiting.append(name.rpartition(".")[0])
            break
        else:
            waiting.extend(_behind_facade(name, roots))
    return found


def _module_path(root: Path, name: str) -> Path | None:
    base = root.joinpath(*name.split("."))
    candidates = (base / "__init__.py", base.with_name(f"{base.name}.py"))
    return next((path for path in candidates if path.is_file()), None)


def _behind_facade(name: str, roots: Mapping[Path, str | None]) -> Iterator[str]:
    """The module that a lazy facade takes an exported name from, as its stub says."""
    package, _, exported = name.rpartition(".")
    for root in roots:
        stub = root.joinpath(*package.split("."), "__init__.pyi")
        if package and stub.is_file():
            for node in ast.walk(ast.parse(stub.read_bytes())):
                if isinstance(node, ast.ImportFrom) and exported in {a.name for a in node.names}:
                    yield _origin(node, tuple(package.split(".")))


def _imports(path: Path, root: Path) -> set[str]:
    """Dotted names that a file may import; some may not be modules."""
    inside = path.parent.is_relative_to(root)
    folder = path.parent.relative_to(root).parts if inside else ()
    names: set[str] = set()
    for origin, name in _imported_names(path.read_bytes(), folder):
        # from a.b import c: the module a.b.c, or what a.b calls c
        full = f"{origin}.{name}" if name else origin
        names.update([full] if _module_path(root, full) else [full, origin])
    return names


@cache
def _imported_names(source: bytes, folder: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    """What a source imports: module, and name in it or nothing.

    ``folder`` are the packages that the source lies in, for relative imports.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # the job that imports it says what is wrong
        return frozenset()
    names: set[tuple[str, str]] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            names.update((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update((_origin(node, folder), alias.name) for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            reference = _REFERENCE.fullmatch(node.value)
            names.update([(reference.group(1), "")] if reference else [])
        waiting.extend(ast.iter_child_nodes(node))
    return frozenset(names)


_REFERENCE = re.compile(rf"({PACKAGE}(?:\.\w+)+):\w+")


def _origin(node: ast.ImportFrom, folder: tuple[str, ...]) -> str:
    parts = folder[: len(folder) - node.level + 1] if node.level else ()
    return ".".join([*parts, *([node.module] if node.module else [])])


@cache
def meaning(source: bytes) -> bytes:
    """A Python source without what does not change what it does.

    Its tokens, without comments, line breaks inside brackets, the width of indents, commas that
    only end a list, and statements that are strings alone (docstrings). A source that is not valid
    Python is returned as it is.
    """
    try:
        ast.parse(source)
        tokens = _whole_strings(source)
    except (SyntaxError, ValueError, tokenize.TokenError):
        return source
    words: list[str] = []
    start = 0  # of the present logical line
    open_brackets: list[_Bracket] = []
    for kind, text in tokens:
        if kind == tokenize.OP and text in "([{":
            open_brackets.append(_Bracket(text, _is_operand(words)))
        elif kind == tokenize.OP and text in ")]}":
            bracket = open_brackets.pop()
            if words[-1] == "," and bracket.comma_is_layout():
                words.pop()
        elif text == "," and open_brackets:
            open_brackets[-1].commas += 1
        elif text == "lambda" and open_brackets:
            open_brackets[-1].has_lambda = True
        words.append(text)
        if kind == tokenize.NEWLINE:
            if all(_is_plain_string(word) for word in words[start:-1]):
                del words[start:]
            start = len(words)
        elif kind in (tokenize.INDENT, tokenize.DEDENT):
            start = len(words)
    return "\0".join(words).encode()


class _Bracket:
    """An open bracket, and what a comma before its end means."""

    def __init__(self, opening: str, after_operand: bool):
        self.opening, self.after_operand = opening, after_operand
        self.commas, self.has_lambda = 0, False

    def comma_is_layout(self) -> bool:
        # (a,) is a tuple and x[a,] is indexed by one; f(a,), [a,] and {a,} are as without
        one_matters = (self.opening == "(") != self.after_operand and self.opening != "{"
        # the commas of a lambda's parameters make no tuple
        return not one_matters or (self.commas > 1 and not self.has_lambda)


def _is_plain_string(word: str) -> bool:
    """Whether a token is a string that computes nothing: no f-string."""
    return word.endswith(("'", '"')) and "f" not in word[: word.index(word[-1])].lower()


def _is_operand(words: list[str]) -> bool:
    """Whether what follows ``words`` is called or indexed, if it is a bracket."""
    last = words[-1] if words else ""
    if last.isidentifier():
        return not keyword.iskeyword(last) and last not in ("match", "case", "_")
    return last.endswith((")", "]", "}", '"', "'"))


def _whole_strings(source: bytes) -> Iterator[tuple[int, str]]:
    """Kind and text of the tokens that matter, f-strings in one piece on every Python version."""
    lines = io.StringIO(source.decode("utf-8"), newline=None).readlines()
    depth, begin = 0, (0, 0)
    starts = getattr(tokenize, "FSTRING_START", -1)
    ends = getattr(tokenize, "FSTRING_END", -1)
    for token in tokenize.tokenize(io.BytesIO(source).readline):
        if token.type == starts:
            begin = begin if depth else token.start
            depth += 1
        elif token.type == ends:
            depth -= 1
            if not depth:
                yield tokenize.STRING, _between(lines, begin, token.end)
        elif depth or token.type in (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING):
            continue
        elif token.type in (tokenize.INDENT, tokenize.DEDENT, tokenize.NEWLINE):
            yield token.type, tokenize.tok_name[token.type]
        else:
            yield token.type, token.string


def _between(lines: list[str], begin: tuple[int, int], end: tuple[int, int]) -> str:
    if begin[0] == end[0]:
        return lines[begin[0] - 1][begin[1] : end[1]]
    first, *rest = lines[begin[0] - 1 : end[0]]
    return "".join([first[begin[1] :], *rest[:-1], rest[-1][: end[1]]])
