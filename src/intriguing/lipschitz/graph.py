"""From a model to its layers and their bounds: traced by torch.fx, and run once for the shapes.

Every operation of the graph gets a bound, and every value in it a Lipschitz constant with respect
to the image: the product along a chain, the sum where branches are added (1 + L for a residual
block), the root of the sum of squares where they are concatenated.
"""

from __future__ import annotations

import contextlib
import math
import operator
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn
from torch.utils import _pytree as pytree

from intriguing.errors import BoundError, UnknownLayerError
from intriguing.lipschitz import layers
from intriguing.lipschitz.bounds import Bounds
from intriguing.networks import functions, kinds, tracing
from intriguing.networks.logits import copied, described, in_training, in_words, with_plain_weights

UP = 1 + 1e-14
# of the image with which a trace is compared
SCALES = (1.0, 0.01, 10.0, -10.0)

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
    outputs : int
        Numbers that the network gives for an image.
    """

    layers: list[Layer] = field(default_factory=list)
    constant: float = 1.0
    paper: float = 1.0
    before_last: float | None = None
    last: nn.Linear | None = None
    chain: bool = True
    reason: str = ""
    outputs: int = 0


@torch.no_grad()
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
    _check_model(model, input_shape)
    model, image = _on_cpu(model), _example(input_shape)
    expected = _output(model, image)
    try:
        traced = tracing.trace(model, image)
        _check_trace(model, traced, image)
    except UnknownLayerError as error:
        if not partial:
            raise
        bounded = _modules_alone(model, image, compare, str(error))
    else:
        bounded = _Composition(traced, compare, partial).bounded
    bounded.outputs = expected.numel()
    return bounded


def _example(input_shape: Sequence[int]) -> torch.Tensor:
    """A random image."""
    return torch.rand(1, *input_shape, generator=torch.Generator().manual_seed(0))


def _on_cpu(model: nn.Module) -> nn.Module:
    """The model where its bounds are computed, so that they are the same for one on a GPU."""
    tensors = [*model.parameters(), *model.buffers()]
    return model if all(t.device.type == "cpu" for t in tensors) else copied(model).cpu()


def _output(model: nn.Module, image: torch.Tensor) -> torch.Tensor:
    try:
        output = model(image.clone())
    except Exception as error:  # whatever the model's own code raises
        raise BoundError(
            f"the model does not take images of {tuple(image.shape[1:])} ({in_words(error)}): give"
            " input_shape as (channels, height, width), without the batch"
        ) from error
    if not torch.is_tensor(output):
        raise BoundError(
            f"the model gives {described(output)}: wrap it in a torch.nn.Module that returns only"
            " the tensor of logits"
        )
    if output.ndim < 1 or not output.is_floating_point():
        raise BoundError(
            f"the model gives a tensor of {output.dtype} with {output.ndim} axes: let it give"
            " floating-point numbers, with the batch as the first axis"
        )
    return output


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
    """Raise unless the graph gives what the model does, for images of several sizes and a batch.

    The image alone would not show branches that code took on its values or on their number.
    """
    for scale in SCALES:
        if not _same(_answer(traced, scale * image), _answer(model, scale * image)):
            raise UnknownLayerError(
                "the model computes something else than its traced operations, for example because"
                " of randomness or of branches: remove these, or register a bound for the part that"
                " has them"
            )
    images = torch.cat([image, image.flip(-1), -image])
    together, alone = _answer(model, images), _answer(model, image)
    # some models take one image at a time, and some drop the axis of a single one
    first = None if together is None or not together.ndim else together[0]
    if not _same(first, alone):
        raise UnknownLayerError(
            "the model gives an image another answer in a batch than alone: there is a bound only"
            " where an answer depends on one image"
        )


def _answer(model: nn.Module, images: torch.Tensor) -> torch.Tensor | None:
    try:
        return model(images.clone())
    except Exception:  # whatever the model's own code raises, for example in an assertion
        return None


def _same(ours: torch.Tensor | None, expected: torch.Tensor | None) -> bool:
    if ours is None or expected is None:  # one of them refuses such images
        return True
    if ours.numel() != expected.numel():
        return False
    ours, expected = ours.flatten(), expected.flatten()
    finite = expected.isfinite()
    if not finite.equal(ours.isfinite()):
        return False
    ours, expected = ours[finite], expected[finite]
    close = 1e-4 * max([1e-30, *expected.abs().tolist()])
    return bool(((ours - expected).abs() <= close).all())


def _modules_alone(
    model: nn.Module, image: torch.Tensor, compare: bool, reason: str
) -> BoundedGraph:
    """The modules that have a bound, of a model whose graph is not known, as they run."""
    bounded = BoundedGraph(constant=math.inf, paper=math.inf, chain=False, reason=reason)
    model = with_plain_weights(model)
    inside: list[nn.Module] = []
    handles = []

    def enter(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if not inside and len(inputs) == 1 and torch.is_tensor(inputs[0]):
            name, shape = names[module], tuple(inputs[0].shape[1:])
            with contextlib.suppress(UnknownLayerError):
                bounded.layers.append(_bounded_layer(name, module, shape, compare))
        inside.append(module)

    def leave(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        inside.pop()

    names = {module: name for name, module in model.named_modules()}
    for module in names:
        if layers.is_known(module):
            handles += [
                module.register_forward_pre_hook(enter),
                module.register_forward_hook(leave),
            ]
    try:
        model(image.clone())
    finally:
        for handle in handles:
            handle.remove()
    return bounded


def _bounded_layer(
    name: str, module: nn.Module, shape: tuple[int, ...], compare: bool, kind: str | None = None
) -> Layer:
    start = time.perf_counter()
    try:
        bounds = layers.bounds_of(module, shape, compare)
    except BoundError as error:
        raise type(error)(f"layer {name}: {error}") from error
    kind = kind or kinds.name_of(module) or type(module).__name__
    return Layer(name, kind, module, shape, bounds, time.perf_counter() - start)


class _Composition:
    """Bounds each operation of a graph and composes the constants, in the order of execution."""

    def __init__(self, traced: fx.GraphModule, compare: bool, partial: bool):
        self.traced, self.compare, self.partial = traced, compare, partial
        self.bounded = BoundedGraph()
        # Lipschitz constants of each value that depends on the image
        self.constants: dict[Any, _Constants] = {}
        for node in traced.graph.nodes:
            self._add(node)

    def _add(self, n: fx.Node) -> None:
        if n.op == "placeholder":
            self.constants[n] = (1.0, 1.0)
        elif n.op == "output":
            self._end(n)
        elif self._dependent(n.all_input_nodes) and not tracing.is_fact(n):
            if any(len(source.users) > 1 for source in self._dependent(n.all_input_nodes)):
                self.bounded.chain = self.bounded.chain and self._others_use_shapes(n)
            try:
                self.constants[n] = self._bound(n, n.meta["value"])
                _check_type(n)
            except UnknownLayerError as error:
                if not self.partial:
                    raise
                self.constants[n] = self._unbounded(n, str(error))

    def _unbounded(self, node: fx.Node, reason: str) -> _Constants:
        """An infinite constant, for a layer or operation without a bound."""
        self.bounded.reason = self.bounded.reason or reason
        kind = tracing.row_kind(self.traced, node)
        if kind:
            shape = _shape(self._dependent(node.all_input_nodes)[0])
            why = any(known in reason for known in kinds.REASONS.values())
            bounds = Bounds(0.0, math.inf, method="no constant" if why else "none known")
            self.bounded.layers.append(Layer(_name(node), kind, None, shape, bounds, 0.0))
        return math.inf, math.inf

    def _module(self, node: fx.Node) -> nn.Module:
        return self.traced.get_submodule(str(node.target))

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
            if type(module) is nn.Linear and _value(final).ndim == 2:
                bounded.last = module
                bounded.before_last = self.constants[final.all_input_nodes[0]][0]

    def _bound(self, node: fx.Node, value: Any) -> _Constants:
        if node.op == "call_module":
            return self._called(node)
        target = tracing.target_of(node)
        if target is operator.getitem:
            return self._part(node)
        if target in functions.SUMS:
            return self._sum(node, value)
        if target in functions.FACTORS or target in functions.QUOTIENTS:
            return self._scale(node, value)
        if any(target in known for known in functions.JOINED):
            return self._joined(node, value)
        source = node.args[0] if node.args else None
        given = [*node.args, *node.kwargs.values()]
        several = len(self._dependent(given)) + len(self._dependent(node.all_input_nodes)) != 2
        if source not in self.constants or several:
            name = tracing.operation_name(node.target)
            reason = kinds.REASONS.get(functions.without_underscore(name))
            raise kinds.unknown(f"the operation {name} ({node.name}) with these arguments", reason)
        if isinstance(value, tuple | list):
            # parts, which together are all of it
            self.bounded.chain = False
        return self._layer(node, node.name, tracing.as_module(node))

    def _called(self, node: fx.Node) -> _Constants:
        module = self._module(node)
        if not layers.is_known(module):
            reason = kinds.REASONS.get(type(module))
            raise kinds.unknown(f"layer {node.target} ({type(module).__name__})", reason)
        one = len(node.args) == 1 and isinstance(node.args[0], fx.Node)
        if not one or any(v is not None for v in node.kwargs.values()):
            raise kinds.unknown(f"{node.target} with other arguments than one tensor")
        return self._layer(node, str(node.target), module)

    def _layer(self, node: fx.Node, name: str, module: nn.Module) -> _Constants:
        source = self._dependent(node.all_input_nodes)[0]
        shape, kind = _shape(source), tracing.row_kind(self.traced, node)
        if shape is None:
            raise kinds.unknown(f"{name} of several values at once")
        layer = _bounded_layer(name, module, shape, self.compare, kind)
        self.bounded.layers.append(layer)
        constant, paper = self.constants[source]
        upper = layer.bounds.upper
        by_paper = upper if layer.bounds.paper is None else layer.bounds.paper
        return _times(constant, upper) * UP, _times(paper, by_paper)

    def _add_row(self, node: fx.Node, bounds: Bounds) -> None:
        kind = tracing.row_kind(self.traced, node)
        shape = _shape(self._dependent(node.all_input_nodes)[0])
        self.bounded.layers.append(Layer(node.name, str(kind), None, shape, bounds, 0.0))

    def _part(self, node: fx.Node) -> _Constants:
        """A part of a value: every number of it at most once."""
        source, index = node.args
        if isinstance(_value(source), tuple | list):
            return self.constants[source]
        indices = index if isinstance(index, tuple) else (index,)
        if not indices:
            return self.constants[source]
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
        if any(not torch.is_tensor(_value(n)) for n in self._dependent(node.args)):
            raise kinds.unknown(f"{node.name} of several values at once")
        return left, right

    def _spread(self, operand: fx.Node, value: torch.Tensor) -> float:
        """Factor by which repeating an operand along an axis multiplies distances."""
        repeats = value.numel() // max(1, _value(operand).numel())
        self.bounded.chain = self.bounded.chain and repeats == 1
        return math.sqrt(repeats) * (UP if repeats > 1 else 1)

    def _sum(self, node: fx.Node, value: torch.Tensor) -> _Constants:
        dependent = self._dependent(self._operands(node))
        if len(dependent) > 1:
            self.bounded.chain = False
            # as a map of both branches at once
            self._add_row(node, Bounds(math.sqrt(2) * (1 - 1e-15), math.sqrt(2) * UP))
        parts = [
            [self._spread(n, value) * constant for constant in self.constants[n]] for n in dependent
        ]
        constant, paper = (sum(values) * UP for values in zip(*parts, strict=True))
        return constant, paper

    def _scale(self, node: fx.Node, value: torch.Tensor) -> _Constants:
        left, right = self._operands(node)
        dependent = self._dependent((left, right))
        quotient = tracing.target_of(node) in functions.QUOTIENTS
        if len(dependent) != 1 or (quotient and dependent[0] is not left):
            raise kinds.unknown(
                f"the {'quotient' if quotient else 'product'} {node.name}", kinds.REASONS["mul"]
            )
        other = right if dependent[0] is left else left
        factor = _value(other) if isinstance(other, fx.Node) else other
        if isinstance(factor, complex) or (torch.is_tensor(factor) and factor.is_complex()):
            raise kinds.unknown(f"{node.name} with a complex number")
        factor = torch.as_tensor(factor, dtype=torch.float64).abs()
        if not factor.numel():
            raise kinds.unknown(f"{node.name} with an empty tensor")
        largest = (1 / factor).amax() if quotient else factor.amax()
        if not largest.isfinite():
            raise BoundError(f"{node.name} divides by zero or multiplies by infinity: fix it")
        largest = largest.item()
        spread = self._spread(dependent[0], value)
        lower = largest * (1 - 1e-15)
        self._add_row(node, Bounds(lower, spread * largest * UP, paper=largest))
        constant, paper = self.constants[dependent[0]]
        return constant * spread * largest * UP, paper * largest

    def _joined(self, node: fx.Node, value: Any) -> _Constants:
        """A concatenation, or the larger of two values: no number counts twice."""
        first = node.args[0] if node.args else None
        several = first if isinstance(first, list | tuple) else node.args
        sources = self._dependent(several)
        if not sources or not set(self._dependent(node.all_input_nodes)) <= set(several):
            raise kinds.unknown(f"{node.name} with these arguments")
        self.bounded.chain = False
        parts = [self.constants[n] for n in sources]
        if tracing.target_of(node) in functions.LARGER:
            spreads = [self._spread(n, value) for n in sources]
            parts = [(s * a, s * b) for s, (a, b) in zip(spreads, parts, strict=True)]
        self._add_row(node, Bounds.exactly(1.0))
        constant, paper = (math.hypot(*values) * UP for values in zip(*parts, strict=True))
        return constant, paper


def _check_type(node: fx.Node) -> None:
    """Raise unless all that an operation gives has the type of the image: others are rounded."""
    leaves = pytree.tree_leaves(_value(node))
    types = [leaf.dtype if torch.is_tensor(leaf) else type(leaf) for leaf in leaves]
    other = [one for one in types if one != torch.float32]
    if other:
        raise kinds.unknown(f"{node.name}, which gives {other[0]} and not torch.float32")


def _value(node: fx.Node) -> Any:
    """What an operation gave for the image."""
    return node.meta["value"]


def _shape(node: fx.Node) -> tuple[int, ...] | None:
    """Shape of what an operation gave, without the batch; None if it gave several values."""
    value = _value(node)
    return tuple(value.shape[1:]) if torch.is_tensor(value) else None


def _name(node: fx.Node) -> str:
    return str(node.target) if node.op == "call_module" else node.name


def _times(constant: float, factor: float) -> float:
    """A product in which an unknown constant times nothing is still unknown."""
    return constant if math.isinf(constant) else constant * factor
