"""Signatures of the package: short, and annotated where they are public."""

import ast

import pytest
from repository import ROOT

SOURCE = ROOT / "src" / "intriguing"
MODULES = sorted(SOURCE.rglob("*.py"))
MOST = 7
# as the methods' arguments are, or as torch's for the layer that they bound
LONG = {"lbfgs", "minimum_distortion", "convolution_bounds", "transposed_convolution_bounds"}


@pytest.fixture(params=MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def tree(request):
    return ast.parse(request.param.read_text())


def functions(tree):
    """Each function, and whether it is a method with an argument for its object."""
    for owner in ast.walk(tree):
        for node in ast.iter_child_nodes(owner):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                static = any(ast.unparse(d) == "staticmethod" for d in node.decorator_list)
                yield node, isinstance(owner, ast.ClassDef) and not static


def parameters(node, method):
    arguments = node.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return given[1:] if method else given


def inner(tree):
    """Functions that no other module can call: those inside functions."""
    return {
        node
        for owner, _ in functions(tree)
        for node in ast.walk(owner)
        if node is not owner and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_no_function_has_many_parameters(tree):
    counts = {node.name: len(parameters(node, method)) for node, method in functions(tree)}
    many = {name: count for name, count in counts.items() if count > MOST and name not in LONG}
    assert not many


def test_public_functions_are_annotated(tree):
    missing = []
    hidden = inner(tree)
    for node, method in functions(tree):
        if node in hidden or (node.name.startswith("_") and node.name != "__init__"):
            continue
        more = [a for a in (node.args.vararg, node.args.kwarg) if a is not None]
        for argument in [*parameters(node, method), *more]:
            if argument.annotation is None:
                missing.append(f"{node.lineno}: {node.name}({argument.arg})")
        if node.returns is None and node.name != "__init__":
            missing.append(f"{node.lineno}: what {node.name} returns")
    assert not missing


def test_fields_of_dataclasses_are_annotated(tree):
    for owner in ast.walk(tree):
        decorators = [ast.unparse(d) for d in getattr(owner, "decorator_list", ())]
        if isinstance(owner, ast.ClassDef) and any("dataclass" in d for d in decorators):
            bare = [ast.unparse(node) for node in owner.body if isinstance(node, ast.Assign)]
            assert not bare, owner.name
