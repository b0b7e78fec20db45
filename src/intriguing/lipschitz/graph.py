"""From a model to its layers and their bounds: traced by torch.fx, and run once for the shapes.

Every operation of the graph gets a bound, and every value in it a Lipschitz constant with respect
to the image: the product along a chain, the sum where branches are added (1 + L for a residual
block), the root of the sum of squares where they are concatenated.
"""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn

from intriguing.errors import BoundError, UnknownLayerError
from intriguing.lipschitz import layers
from intriguing.lipschitz.bounds import Bounds
from intriguing.networks import kinds, tracing
from intriguing.networks.logits import described, in_training

UP = 1 + 1e-14

# constants by the certified bounds and by the paper's
_Constants = tuple[float, float]


@dataclass
class Layer:
    """One operation of the network.

    Parameters
    ----------
    name : str
        Path of the module, or name of the operation.
    kind : str
        See `layers.register`.
    module : Module or None
        None for sums, concatenations and constant factors.
    input_shape : tuple of int, or None
        Without the batch; None if the input of an unknown operation is not a tensor.
    bounds : bounds.Bounds
    seconds : float
        Time that the bounds took.
    """

    name: str
    kind: str
    module: nn.Module | None
    input_shape: tuple[int, ...] | None
    bounds: Bounds
    seconds: float


@dataclass
class BoundedGraph:
    """A network with the bounds of all its layers.

    Parameters
    ----------
    layers : list of Layer
        In the order of execution.
    constant, paper : float
        Lipschitz constant of the output with respect to the image, composed along the graph: by the
        certified upper bounds, and by the paper's.
    before_last : float or None
        Constant of the input of the last dense layer; None if the network does not end in one.
    last : Linear or None
        That dense layer.
    chain : bool
        Whether the input of each layer is the whole output of the one before, and nothing else.
    reason : str
        Why there is no constant (`bound_graph` with ``partial``); otherwise empty.
    """

    layers: list[Layer] = field(default_factory=list)
    constant: float = 1.0
    paper: float = 1.0
    before_last: float | None = None
    last: nn.Linear | None = None
    chain: bool = True
    reason: str = ""


def bound_graph(
    model: nn.Module, input_shape: Sequence[int], *, compare: bool = True, partial: bool = False
) -> BoundedGraph:
    """Bound every layer of a model.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    input_shape : tuple
        (C, H, W) of an image.
    compare : bool
        Also compute what other methods give.
    partial : bool
        Go on where there is no bound: such a layer, and the constants of the network, are infinite,
        and the first reason is recorded.

    Returns
    -------
    BoundedGraph

    Raises
    ------
    BoundError
        If the model is in training mode or does not take such images; `UnknownLayerError` if it
        cannot be traced or has a layer without a bound, unless ``partial``.
    """
    try:
        return _bound_graph(model, input_shape, compare, partial)
    except UnknownLayerError as error:
        if not partial:
            raise
        return BoundedGraph(constant=math.inf, paper=math.inf, chain=False, reason=str(error))


@torch.no_grad()
def _bound_graph(
    model: nn.Module, input_shape: Sequence[int], compare: bool, partial: bool
) -> BoundedGraph:
    _check_model(model, input_shape)
    original, traced = model, tracing.trace(model)
    interpreter = _Interpreter(traced, compare, partial)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, *input_shape, generator=generator).to(device)
    try:
        interpreter.run(image)
        _check_trace(original, traced, image)
    except BoundError as error:
        # fx appends the place in the graph
        raise type(error)(str(error).partition("\n\nWhile executing")[0]) from None
    except (RuntimeError, ValueError) as error:
        raise BoundError(
            f"the model does not take images of {tuple(input_shape)}"
            f" ({str(error).splitlines()[0]}): give input_shape as (channels, height, width),"
            " without the batch"
        ) from error
    return interpreter.bounded


def _check_model(model: nn.Module, input_shape: Sequence[int]) -> None:
    if not isinstance(model, nn.Module):
        raise BoundError(f"the model is a {type(model).__name__}: give a torch.nn.Module")
    if in_training(model):
        raise BoundError("the model is in training mode: call model.eval() first")
    if any(p.is_meta for p in model.parameters()):
        raise BoundError(
            "the model is on the device meta, without weights: build it on another and load them"
        )
    other = {p.dtype for p in model.parameters() if p.is_floating_point()} - {torch.float32}
    if other:
        raise BoundError(f"the model computes in {other.pop()}: call model.float() first")
    if not isinstance(input_shape, tuple | list | torch.Size):
        raise BoundError(
            f"input_shape is {input_shape!r}: give (channels, height, width), without the batch"
        )


def _check_trace(model: nn.Module, traced: fx.GraphModule, image: torch.Tensor) -> None:
    """Raise unless the traced graph computes what the model does.

    Tracing misses some effects, for example that ``x += y`` changes what other names refer to.
    """
    ours, theirs = traced(image), model(image)
    if not torch.is_tensor(theirs):
        raise BoundError(
            f"the model gives {described(theirs)}: wrap it in a torch.nn.Module that returns only"
            " the tensor of logits"
        )
    close = 1e-4 * theirs.abs().amax().clamp(min=1e-30)
    if ours.shape != theirs.shape or ((ours - theirs).abs() > close).any():
        raise UnknownLayerError(
            "the model computes something else than its traced operations, for example because of"
            " in-place changes or randomness: remove these, or register a bound for the part that"
            " has them"
        )


class _Interpreter(fx.Interpreter):
    """Runs the model once, for the shapes, and bounds each operation on the way."""

    def __init__(self, module: fx.GraphModule, compare: bool, partial: bool):
        super().__init__(module)
        self.compare, self.partial = compare, partial
        self.bounded = BoundedGraph()
        # Lipschitz constants of each value that depends on the image
        self.constants: dict[Any, _Constants] = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if n.op == "placeholder":
            self.constants[n] = (1.0, 1.0)
        elif n.op == "output":
            self._end(n)
        elif self._dependent(n.all_input_nodes) and not tracing.is_fact(n):
            if any(len(source.users) > 1 for source in self._dependent(n.all_input_nodes)):
                self.bounded.chain = self.bounded.chain and self._others_use_shapes(n)
            try:
                self.constants[n] = self._bound(n, value)
            except UnknownLayerError as error:
                if not self.partial:
                    raise
                self.constants[n] = self._unbounded(n, str(error))
        return value

    def _unbounded(self, node: fx.Node, reason: str) -> _Constants:
        """An infinite constant, for a layer or operation without a bound."""
        self.bounded.reason = self.bounded.reason or reason
        called = node.op == "call_module"
        kind = type(self._module(node)).__name__ if called else tracing.operation_name(node.target)
        inputs = [self.env[n] for n in self._dependent(node.all_input_nodes)]
        shape = tuple(inputs[0].shape[1:]) if torch.is_tensor(inputs[0]) else None
        bounds = Bounds(0.0, math.inf, method="none known")
        name = node.target if called else node.name
        self.bounded.layers.append(Layer(str(name), kind, None, shape, bounds, 0.0))
        return math.inf, math.inf

    def _module(self, node: fx.Node) -> nn.Module:
        return self.fetch_attr(str(node.target))

    def _dependent(self, values: Iterable[Any]) -> list[fx.Node]:
        """Those of some nodes and numbers that depend on the image."""
        return [v for v in values if isinstance(v, fx.Node) and v in self.constants]

    def _others_use_shapes(self, node: fx.Node) -> bool:
        """Whether the other users of this node's inputs need only their shapes."""
        users = {user for n in self._dependent(node.all_input_nodes) for user in n.users}
        return all(user is node or tracing.is_fact(user) for user in users)

    def _end(self, node: fx.Node) -> None:
        final = node.args[0]
        if not isinstance(final, fx.Node) or final not in self.constants:
            raise BoundError("the logits do not depend on the image: there is nothing to bound")
        bounded = self.bounded
        if bounded.reason:
            bounded.constant, bounded.paper, bounded.chain = math.inf, math.inf, False
            return
        bounded.constant, bounded.paper = self.constants[final]
        if final.op == "call_module":
            module = self._module(final)
            if type(module) is nn.Linear and self.env[final].ndim == 2:
                bounded.last = module
                bounded.before_last = self.constants[final.all_input_nodes[0]][0]

    def _bound(self, node: fx.Node, value: Any) -> _Constants:
        if not torch.is_tensor(value):
            raise kinds.unknown(f"{node.name}, which does not return a tensor")
        if node.op == "call_module":
            module = self._module(node)
            if not layers.is_known(module):
                raise kinds.unknown(f"layer {node.target} ({type(module).__name__})")
            if len(node.args) != 1 or any(v is not None for v in node.kwargs.values()):
                raise kinds.unknown(f"{node.target} with more than one argument")
            return self._layer(node, str(node.target), module)
        if node.target is operator.getitem:
            return self._part(node)
        if node.target in kinds.AS_MODULES:
            return self._layer(node, node.name, tracing.as_module(node))
        if node.target in tracing.SUMS:
            return self._sum(node, value)
        if node.target in tracing.FACTORS or node.target in tracing.QUOTIENTS:
            return self._scale(node, value)
        if node.target in (torch.cat, torch.concat):
            return self._concatenation(node)
        raise kinds.unknown(f"the operation {tracing.operation_name(node.target)} ({node.name})")

    def _layer(self, node: fx.Node, name: str, module: nn.Module) -> _Constants:
        source = node.args[0] if node.args else None
        if source not in self.constants or len(self._dependent(node.all_input_nodes)) != 1:
            raise kinds.unknown(f"{name} with these arguments")
        shape = tuple(self.env[source].shape[1:])
        start = time.perf_counter()
        try:
            bounds = layers.bounds_of(module, shape, self.compare)
        except BoundError as error:
            raise type(error)(f"layer {name}: {error}") from error
        spent = time.perf_counter() - start
        kind = kinds.name_of(module) or type(module).__name__
        self.bounded.layers.append(Layer(name, kind, module, shape, bounds, spent))
        constant, paper = self.constants[source]
        by_paper = bounds.upper if bounds.paper is None else bounds.paper
        return constant * bounds.upper * UP, paper * by_paper

    def _add_row(self, node: fx.Node, kind: str, bounds: Bounds) -> None:
        shape = tuple(self.env[node.all_input_nodes[0]].shape[1:])
        self.bounded.layers.append(Layer(node.name, kind, None, shape, bounds, 0.0))

    def _part(self, node: fx.Node) -> _Constants:
        """A part of a value: every number of it at most once."""
        source, index = node.args
        indices = index if isinstance(index, tuple) else (index,)
        plain = (int, slice, type(None), type(Ellipsis))
        if source not in self.constants or not all(isinstance(i, plain) for i in indices):
            raise kinds.unknown(f"indexing by a list or a tensor ({node.name})")
        if indices[0] is not Ellipsis and indices[0] != slice(None):
            raise kinds.unknown(f"indexing along the batch ({node.name})")
        self.bounded.chain = False
        return self.constants[source]

    def _operands(self, node: fx.Node) -> tuple[Any, Any]:
        if len(node.args) != 2 or node.kwargs:
            raise kinds.unknown(f"{node.name} with these arguments")
        left, right = node.args
        return left, right

    def _spread(self, operand: fx.Node, value: torch.Tensor) -> float:
        """Factor by which repeating an operand along an axis multiplies distances."""
        repeats = value.numel() // max(1, self.env[operand].numel())
        self.bounded.chain = self.bounded.chain and repeats == 1
        return math.sqrt(repeats) * (UP if repeats > 1 else 1)

    def _sum(self, node: fx.Node, value: torch.Tensor) -> _Constants:
        dependent = self._dependent(self._operands(node))
        if len(dependent) > 1:
            self.bounded.chain = False
            # as a map of both branches at once
            self._add_row(node, "sum", Bounds(math.sqrt(2) * (1 - 1e-15), math.sqrt(2) * UP))
        parts = [
            [self._spread(n, value) * constant for constant in self.constants[n]] for n in dependent
        ]
        constant, paper = (sum(values) * UP for values in zip(*parts, strict=True))
        return constant, paper

    def _scale(self, node: fx.Node, value: torch.Tensor) -> _Constants:
        left, right = self._operands(node)
        dependent = self._dependent((left, right))
        if len(dependent) != 1 or (node.target in tracing.QUOTIENTS and dependent[0] is not left):
            raise kinds.unknown(f"a product or quotient of two values of the image ({node.name})")
        other = right if dependent[0] is left else left
        factor = self.env[other] if isinstance(other, fx.Node) else other
        factor = torch.as_tensor(factor, dtype=torch.float64).abs()
        largest = (1 / factor).amax() if node.target in tracing.QUOTIENTS else factor.amax()
        if not largest.isfinite():
            raise BoundError(f"{node.name} divides by zero or multiplies by infinity: fix it")
        largest = largest.item()
        spread = self._spread(dependent[0], value)
        lower = largest * (1 - 1e-15)
        self._add_row(node, "scale", Bounds(lower, spread * largest * UP, paper=largest))
        constant, paper = self.constants[dependent[0]]
        return constant * spread * largest * UP, paper * largest

    def _concatenation(self, node: fx.Node) -> _Constants:
        if not node.args or not isinstance(node.args[0], list | tuple):
            raise kinds.unknown(f"{node.name} with these arguments")
        parts = [self.constants[n] for n in self._dependent(node.args[0])]
        self.bounded.chain = False
        self._add_row(node, "concatenation", Bounds.exactly(1.0))
        constant, paper = (math.hypot(*values) * UP for values in zip(*parts, strict=True))
        return constant, paper
