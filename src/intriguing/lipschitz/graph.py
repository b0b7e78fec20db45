"""From a model to its layers: traced by torch.fx, each with the shape of what it is given.

A walk gives every operation a bound, and every value in the graph a Lipschitz constant with respect
to the image: the product along a chain, the sum where branches are added (1 + L for a residual
block), the root of the sum of squares where they are concatenated.
"""

import math
import operator
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn

from intriguing.errors import BoundError, UnknownLayerError
from intriguing.lipschitz import layers
from intriguing.lipschitz.bounds import Bounds

UP = 1 + 1e-14
# an in-place sum changes its left operand: see `_check_graph`
_SUMS = (operator.add, operator.iadd, operator.sub, torch.add, torch.sub, "add", "sub")
_FACTORS = (operator.mul, torch.mul, "mul")
_QUOTIENTS = (operator.truediv, torch.div, "div")
# what is known of a tensor without its values
_SHAPES, _FACTS = ("size", "dim", "numel"), ("shape", "dtype", "device", "ndim")


@dataclass
class Layer:
    """One operation of the network.

    name : str
        Path of the module, or name of the operation.
    kind : str
    module : Module or None
        None for sums, concatenations and constant factors.
    input_shape : tuple
        Without the batch.
    bounds : bounds.Bounds
    seconds : float
        What the bounds took.
    """

    name: str
    kind: str
    module: Any
    input_shape: tuple
    bounds: Bounds
    seconds: float


@dataclass
class Walk:
    """A network with all its bounds.

    layers : list of Layer
        In the order of execution.
    constant, paper : float
        Lipschitz constant of the logits by composition: from the upper bounds, and as the paper
        multiplies (its bounds, pools 1).
    before_last : float or None
        Constant of what the last dense layer is given; None if the network does not end in one.
    last : Module or None
        That dense layer.
    chain : bool
        Whether each layer is given what the one before it gives, whole and alone.
    reason : str
        Why there is no constant (`walk` with ``partial``); otherwise empty.
    """

    layers: list = field(default_factory=list)
    constant: float = 1.0
    paper: float = 1.0
    before_last: float | None = None
    last: Any = None
    chain: bool = True
    reason: str = ""


def _check_trace(model, traced, image):
    """Raise unless the traced graph computes what the model does.

    Tracing does not see everything: that ``x += y`` changes what other names hold, for one.
    """
    ours, theirs = traced(image), model(image)
    close = 1e-4 * theirs.abs().amax().clamp(min=1e-30)
    if ours.shape != theirs.shape or ((ours - theirs).abs() > close).any():
        raise UnknownLayerError(
            "the model computes something else than its traced operations, as with in-place changes"
            " or randomness: write it without, or register a bound for the part that has them"
        )


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module, qualified_name):
        return layers.is_known(module) or super().is_leaf_module(module, qualified_name)


def walk(model, input_shape, *, compare=True, partial=False):
    """Bound every layer of a model.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    input_shape : tuple
        (C, H, W) of an image.
    compare : bool
        Also fill in what other methods give.
    partial : bool
        Go on where there is no bound: such a layer, and the constants of the whole, are infinite,
        and the first reason is kept.

    Returns
    -------
    Walk

    Raises
    ------
    BoundError
        If the model is in training mode or does not take such images; `UnknownLayerError` if it
        cannot be traced or has a layer without a bound, unless ``partial``.
    """
    try:
        return _walk(model, input_shape, compare, partial)
    except UnknownLayerError as error:
        if not partial:
            raise
        return Walk(constant=math.inf, paper=math.inf, chain=False, reason=str(error))


@torch.no_grad()
def _walk(model, input_shape, compare, partial):
    if not isinstance(model, nn.Module):
        raise BoundError(f"the model is a {type(model).__name__}: give a torch.nn.Module")
    if any(module.training for module in model.modules()):
        raise BoundError("the model is in training mode: call model.eval() first")
    other = {p.dtype for p in model.parameters() if p.is_floating_point()} - {torch.float32}
    if other:
        raise BoundError(f"the model computes in {other.pop()}: call model.float() first")
    if not isinstance(input_shape, tuple | list | torch.Size):
        raise BoundError(
            f"input_shape is {input_shape!r}: give (channels, height, width), without the batch"
        )
    for name, module in model.named_modules():
        if module._forward_hooks or module._forward_pre_hooks:
            raise UnknownLayerError(
                f"{name or 'the model'} has hooks, which may change what passes through: remove"
                " them"
            )
    tracer = _Tracer()
    if layers.is_known(model):
        model = nn.Sequential(model)
    try:
        graph = tracer.trace(model)
    except Exception as error:  # whatever the model's own code raises on a symbolic input
        raise UnknownLayerError(
            f"the model cannot be traced ({str(error).splitlines()[0]}): give the model itself if"
            " it is wrapped or compiled, and the part with control flow a module of its own,"
            " registered with intriguing.lipschitz.register"
        ) from error
    _check_graph(graph)
    traced = fx.GraphModule(tracer.root, graph)
    # layers that the logits do not depend on have no part in their constant
    traced.graph.eliminate_dead_code()
    walker = _Walker(traced, compare, partial)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, *input_shape, generator=generator).to(device)
    try:
        walker.run(image)
        _check_trace(model, traced, image)
    except BoundError as error:
        # fx adds where it was
        raise type(error)(str(error).partition("\n\nWhile executing")[0]) from None
    except (RuntimeError, ValueError) as error:
        raise BoundError(
            f"the model does not take images of {tuple(input_shape)}"
            f" ({str(error).splitlines()[0]}): give input_shape as (channels, height, width),"
            " without the batch"
        ) from error
    return walker.walk


def _check_graph(graph):
    """Refuse several outputs, and operations that change a value that something else has too."""
    for node in graph.nodes:
        if node.op == "output" and not isinstance(node.args[0], fx.Node):
            raise UnknownLayerError(
                "the model gives several values: wrap it so that it gives logits only"
            )
        name = node.target if node.op == "call_method" else ""
        if name.endswith("_") and not name.endswith("__"):
            raise layers.unknown(f"the in-place operation {name} ({node.name})")
        if node.target is operator.iadd:
            left = node.args[0]
            fresh = left.op == "call_module" or left.target in _SUMS
            if not fresh or len(left.users) > 1:
                raise layers.unknown(f"the in-place sum {node.name} of a value used elsewhere")
        elif getattr(node.target, "__name__", "") in _IN_PLACE_OPERATORS:
            raise layers.unknown(f"the in-place operation {node.target.__name__} ({node.name})")


_IN_PLACE_OPERATORS = ("isub", "imul", "itruediv", "setitem")


class _Walker(fx.Interpreter):
    """Runs the model once, for the shapes, and bounds each operation on the way."""

    def __init__(self, module, compare, partial):
        super().__init__(module)
        self.compare, self.partial = compare, partial
        self.walk = Walk()
        # Lipschitz constant of each value that depends on the image, by the bounds and by the paper
        self.constants = {}

    def run_node(self, node):
        value = super().run_node(node)
        if node.op == "placeholder":
            self.constants[node] = (1.0, 1.0)
        elif node.op == "output":
            self._end(node)
        elif self._moving(node.all_input_nodes) and not _is_fact(node):
            if sum(len(n.users) > 1 for n in self._moving(node.all_input_nodes)):
                self.walk.chain = self.walk.chain and self._only_shapes(node)
            try:
                self.constants[node] = self._bound(node, value)
            except UnknownLayerError as error:
                if not self.partial:
                    raise
                self.constants[node] = self._unbounded(node, str(error))
        return value

    def _unbounded(self, node, reason):
        """An infinite constant, for a layer or operation without a bound."""
        self.walk.reason = self.walk.reason or reason
        called = node.op == "call_module"
        kind = type(self.fetch_attr(node.target)).__name__ if called else _name_of(node.target)
        inputs = [self.env[n] for n in self._moving(node.all_input_nodes)]
        shape = tuple(inputs[0].shape[1:]) if torch.is_tensor(inputs[0]) else None
        bounds = Bounds(0.0, math.inf, method="none known")
        name = node.target if called else node.name
        self.walk.layers.append(Layer(str(name), kind, None, shape, bounds, 0.0))
        return math.inf, math.inf

    def _moving(self, values):
        """Those of some nodes and numbers that depend on the image."""
        return [v for v in values if isinstance(v, fx.Node) and v in self.constants]

    def _only_shapes(self, node):
        """Whether other users of what a node is given ask for its shape alone."""
        users = {user for n in self._moving(node.all_input_nodes) for user in n.users}
        return all(user is node or _is_fact(user) for user in users)

    def _end(self, node):
        final = node.args[0]
        if final not in self.constants:
            raise BoundError("the logits do not depend on the image: there is nothing to bound")
        if self.walk.reason:
            self.walk.constant, self.walk.paper, self.walk.chain = math.inf, math.inf, False
            return
        self.walk.constant, self.walk.paper = self.constants[final]
        if final.op == "call_module":
            module = self.fetch_attr(final.target)
            if type(module) is nn.Linear and self.env[final].ndim == 2:
                self.walk.last = module
                self.walk.before_last = self.constants[final.all_input_nodes[0]][0]

    def _bound(self, node, value):
        if not torch.is_tensor(value):
            raise layers.unknown(f"{node.name}, which gives no tensor")
        if node.op == "call_module":
            module = self.fetch_attr(node.target)
            if not layers.is_known(module):
                raise layers.unknown(f"layer {node.target} ({type(module).__name__})")
            if len(node.args) != 1 or any(v is not None for v in node.kwargs.values()):
                raise layers.unknown(f"{node.target} with more than one argument")
            return self._layer(node, node.target, module)
        if node.target is operator.getitem:
            return self._part(node)
        if node.target in layers.AS_MODULES:
            return self._layer(node, node.name, _as_module(node))
        if node.target in _SUMS:
            return self._sum(node, value)
        if node.target in _FACTORS or node.target in _QUOTIENTS:
            return self._scale(node, value)
        if node.target in (torch.cat, torch.concat):
            return self._cat(node)
        raise layers.unknown(f"the operation {_name_of(node.target)} ({node.name})")

    def _layer(self, node, name, module):
        source = node.args[0] if node.args else None
        if source not in self.constants or len(self._moving(node.all_input_nodes)) != 1:
            raise layers.unknown(f"{name} with these arguments")
        shape = tuple(self.env[source].shape[1:])
        start = time.perf_counter()
        try:
            bounds = layers.bounds_of(module, shape, self.compare)
        except BoundError as error:
            raise type(error)(f"layer {name}: {error}") from error
        spent = time.perf_counter() - start
        self.walk.layers.append(
            Layer(str(name), layers.kind_of(module), module, shape, bounds, spent)
        )
        constant, paper = self.constants[source]
        by_paper = bounds.upper if bounds.paper is None else bounds.paper
        return constant * bounds.upper * UP, paper * by_paper

    def _note(self, node, kind, bounds):
        shape = tuple(self.env[node.all_input_nodes[0]].shape[1:])
        self.walk.layers.append(Layer(node.name, kind, None, shape, bounds, 0.0))

    def _part(self, node):
        """A part of a value: every number of it at most once."""
        source, index = node.args
        indices = index if isinstance(index, tuple) else (index,)
        plain = (int, slice, type(None), type(Ellipsis))
        if source not in self.constants or not all(isinstance(i, plain) for i in indices):
            raise layers.unknown(f"indexing by a list or a tensor ({node.name})")
        if indices[0] is not Ellipsis and indices[0] != slice(None):
            raise layers.unknown(f"indexing along the batch ({node.name})")
        self.walk.chain = False
        return self.constants[source]

    def _operands(self, node):
        if len(node.args) != 2 or node.kwargs:
            raise layers.unknown(f"{node.name} with these arguments")
        return node.args

    def _spread(self, operand, value):
        """What repeating an operand along an axis multiplies distances by."""
        repeats = value.numel() // max(1, self.env[operand].numel())
        self.walk.chain = self.walk.chain and repeats == 1
        return math.sqrt(repeats) * (UP if repeats > 1 else 1)

    def _sum(self, node, value):
        moving = self._moving(self._operands(node))
        if len(moving) > 1:
            self.walk.chain = False
            # as a map of both branches at once
            self._note(node, "sum", Bounds(math.sqrt(2) * (1 - 1e-15), math.sqrt(2) * UP))
        parts = [
            [self._spread(n, value) * constant for constant in self.constants[n]] for n in moving
        ]
        return tuple(sum(values) * UP for values in zip(*parts, strict=True))

    def _scale(self, node, value):
        left, right = self._operands(node)
        moving = self._moving((left, right))
        if len(moving) != 1 or (node.target in _QUOTIENTS and moving[0] is not left):
            raise layers.unknown(f"a product or quotient of two values of the image ({node.name})")
        other = right if moving[0] is left else left
        factor = self.env[other] if isinstance(other, fx.Node) else other
        factor = torch.as_tensor(factor, dtype=torch.float64).abs()
        largest = (1 / factor).amax() if node.target in _QUOTIENTS else factor.amax()
        if not largest.isfinite():
            raise BoundError(f"{node.name} divides by zero or multiplies by infinity: mend it")
        largest = largest.item()
        spread = self._spread(moving[0], value)
        lower = largest * (1 - 1e-15)
        self._note(node, "scale", Bounds(lower, spread * largest * UP, paper=largest))
        constant, paper = self.constants[moving[0]]
        return constant * spread * largest * UP, paper * largest

    def _cat(self, node):
        if not node.args or not isinstance(node.args[0], list | tuple):
            raise layers.unknown(f"{node.name} with these arguments")
        parts = [self.constants[n] for n in self._moving(node.args[0])]
        self.walk.chain = False
        self._note(node, "concatenation", Bounds.exactly(1.0))
        return tuple(math.hypot(*values) * UP for values in zip(*parts, strict=True))


def _is_fact(node):
    return node.target in _SHAPES or (node.target is getattr and node.args[1] in _FACTS)


def _name_of(target):
    return target if isinstance(target, str) else target.__name__


def _as_module(node):
    """The module that does what a function or method does."""
    arguments = (*node.args[1:], *node.kwargs.values())
    if any(isinstance(value, torch.dtype) for value in arguments):
        raise layers.unknown(f"{node.name}, which changes the type")
    try:
        module = layers.AS_MODULES[node.target](*node.args[1:], **node.kwargs)
    except TypeError as error:
        raise layers.unknown(f"{node.name} with these arguments ({error})") from None
    return module.train(module.training)
