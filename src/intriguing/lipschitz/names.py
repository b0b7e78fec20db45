"""Names of a network's layers, as the table of its bounds has them, without any bound."""

from __future__ import annotations

import operator

import torch
from torch import fx, nn

from intriguing.lipschitz import graph, layers


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
    traced = graph.trace(model)
    numbers: dict[str, int] = {}
    nodes: dict[str, fx.Node] = {}
    dependent: set[fx.Node] = set()
    for node in traced.graph.nodes:
        inputs = [source for source in node.all_input_nodes if source in dependent]
        if node.op == "placeholder":
            dependent.add(node)
        if not inputs or node.op == "output" or graph.is_fact(node):
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
        return layers.kind_of(module) if layers.is_known(module) else type(module).__name__
    if node.target is operator.getitem:
        return None
    if node.target in layers.AS_MODULES:
        return layers.kind_of(graph.as_module(node))
    if node.target in graph.SUMS:
        return "sum" if inputs > 1 else None
    if node.target in graph.FACTORS or node.target in graph.QUOTIENTS:
        return "scale"
    if node.target in (torch.cat, torch.concat):
        return "concatenation"
    return graph.name_of(node.target)
