"""From a model to the graph of its layers and operations, and what tables call these."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx, nn

from intriguing.errors import UnknownLayerError
from intriguing.networks import kinds
from intriguing.networks.logits import in_words, with_plain_weights

# an in-place sum changes its left operand: see `_check_operations`
SUMS = (operator.add, operator.iadd, operator.sub, torch.add, torch.sub, "add", "sub")
FACTORS = (operator.mul, torch.mul, "mul")
QUOTIENTS = (operator.truediv, torch.div, "div")
_IN_PLACE_OPERATORS = ("isub", "imul", "itruediv", "setitem")
# what is known of a tensor without its values
_SHAPES, _FACTS = ("size", "dim", "numel"), ("shape", "dtype", "device", "ndim")


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return kinds.name_of(m) is not None or super().is_leaf_module(m, module_qualified_name)


def trace(model: nn.Module) -> fx.GraphModule:
    """The model as a graph of layers and operations, without those that the output ignores.

    Raises
    ------
    UnknownLayerError
        If it cannot be traced, has hooks, or changes values in place.
    """
    model = with_plain_weights(model)
    _check_hooks(model)
    if kinds.name_of(model):
        model = nn.Sequential(model)
    tracer = _Tracer()
    try:
        graph = tracer.trace(model)
    except Exception as error:  # whatever the model's own code raises on a symbolic input
        raise UnknownLayerError(
            f"the model cannot be traced ({in_words(error)}): if it is wrapped or"
            " compiled, give the model inside; put the part with control flow into a module of its"
            " own and register it with intriguing.lipschitz.register"
        ) from error
    _check_operations(graph)
    traced = fx.GraphModule(tracer.root, graph)
    # layers that the logits do not depend on do not count in their constant
    traced.graph.eliminate_dead_code()
    return traced


def _check_operations(graph: fx.Graph) -> None:
    """Refuse several outputs, and operations that change a value that is used elsewhere."""
    for node in graph.nodes:
        if node.op == "output" and not isinstance(node.args[0], fx.Node):
            raise UnknownLayerError(
                "the model returns several values: wrap it so that it returns only the logits"
            )
        name = node.target if node.op == "call_method" else ""
        if name.endswith("_") and not name.endswith("__"):
            raise kinds.unknown(f"the in-place operation {name} ({node.name})")
        if node.target is operator.iadd:
            left = node.args[0]
            fresh = left.op == "call_module" or left.target in SUMS
            if not fresh or len(left.users) > 1:
                raise kinds.unknown(f"the in-place sum {node.name} of a value used elsewhere")
        elif getattr(node.target, "__name__", "") in _IN_PLACE_OPERATORS:
            raise kinds.unknown(f"the in-place operation {node.target.__name__} ({node.name})")


def _check_hooks(model: nn.Module) -> None:
    for name, module in model.named_modules():
        if module._forward_hooks or module._forward_pre_hooks:
            raise UnknownLayerError(
                f"{name or 'the model'} has hooks, which may change its inputs or outputs: remove"
                " them"
            )


def is_fact(node: fx.Node) -> bool:
    """Whether an operation gives the shape, type or device of a tensor, not its values."""
    return node.target in _SHAPES or (node.target is getattr and node.args[1] in _FACTS)


def operation_name(target: Any) -> str:
    """Name of a function, or of a method of tensors."""
    return target if isinstance(target, str) else target.__name__


def as_module(node: fx.Node) -> nn.Module:
    """The module that does what a function or method does."""
    arguments = (*node.args[1:], *node.kwargs.values())
    if any(isinstance(value, torch.dtype) for value in arguments):
        raise kinds.unknown(f"{node.name}, which changes the type")
    try:
        module = kinds.AS_MODULES[node.target](*node.args[1:], **node.kwargs)
    except TypeError as error:
        raise kinds.unknown(f"{node.name} with these arguments ({error})") from None
    return module.train(module.training)


def named_layers(model: nn.Module) -> tuple[fx.GraphModule, dict[str, fx.Node]]:
    """The layers of a model by the names in `network.layer_bounds`.

    Parameters
    ----------
    model : Module
        In evaluation mode.

    Returns
    -------
    traced : GraphModule
        The model as a graph of layers and operations.
    nodes : dict of str to Node
        ``FC1``, ``ReLU1``, ``sum1``, ... in the order of execution.

    Raises
    ------
    UnknownLayerError
        If the model cannot be traced.
    """
    traced = trace(model)
    numbers: dict[str, int] = {}
    nodes: dict[str, fx.Node] = {}
    dependent: set[fx.Node] = set()
    for node in traced.graph.nodes:
        inputs = [source for source in node.all_input_nodes if source in dependent]
        if node.op == "placeholder":
            dependent.add(node)
        if not inputs or node.op == "output" or is_fact(node):
            continue
        dependent.add(node)
        kind = _kind(traced, node, len(inputs))
        if kind:
            numbers[kind] = numbers.get(kind, 0) + 1
            nodes[f"{kind}{numbers[kind]}"] = node
    return traced, nodes


def _kind(traced: fx.GraphModule, node: fx.Node, inputs: int) -> str | None:
    """Kind of the row that the table has for an operation; None where it has none."""
    if node.op == "call_module":
        module = traced.get_submodule(str(node.target))
        return kinds.name_of(module) or type(module).__name__
    if node.target is operator.getitem:
        return None
    if node.target in kinds.AS_MODULES:
        return kinds.name_of(as_module(node))
    if node.target in SUMS:
        return "sum" if inputs > 1 else None
    if node.target in FACTORS or node.target in QUOTIENTS:
        return "scale"
    if node.target in (torch.cat, torch.concat):
        return "concatenation"
    return operation_name(node.target)
