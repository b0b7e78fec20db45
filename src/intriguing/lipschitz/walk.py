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

from intriguing.errors import BoundError
from intriguing.lipschitz import layers
from intriguing.lipschitz.bounds import Bounds

UP = 1 + 1e-14
_SUMS = (operator.add, operator.iadd, operator.sub, torch.add, torch.sub, "add", "add_", "sub")
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
    chain : bool
        Whether the layers follow each other without branches.
    """

    layers: list = field(default_factory=list)
    constant: float = 1.0
    paper: float = 1.0
    before_last: float | None = None
    chain: bool = True


class _Tracer(fx.Tracer):
    def is_leaf_module(self, module, qualified_name):
        return layers.is_known(module) or super().is_leaf_module(module, qualified_name)


@torch.no_grad()
def walk(model, input_shape, *, compare=True):
    """Bound every layer of a model.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    input_shape : tuple
        (C, H, W) of an image.
    compare : bool
        Also fill in what other methods give.

    Returns
    -------
    Walk

    Raises
    ------
    BoundError
        If the model is in training mode, cannot be traced, or has a layer without a bound.
    """
    if not isinstance(model, nn.Module):
        raise BoundError(f"the model is a {type(model).__name__}: give a torch.nn.Module")
    if any(module.training for module in model.modules()):
        raise BoundError("the model is in training mode: call model.eval() first")
    tracer = _Tracer()
    if layers.is_known(model):
        model = nn.Sequential(model)
    try:
        graph = tracer.trace(model)
    except Exception as error:  # whatever the model's own code raises on a symbolic input
        raise BoundError(
            f"the model cannot be traced ({error}): give the part with control flow a module of its"
            " own and register a bound with intriguing.lipschitz.register"
        ) from error
    walker = _Walker(fx.GraphModule(tracer.root, graph), compare)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    try:
        walker.run(torch.zeros(1, *input_shape, device=device))
    except BoundError as error:
        # fx adds where it was
        raise BoundError(str(error).partition("\n\nWhile executing")[0]) from None
    except (RuntimeError, ValueError) as error:
        raise BoundError(
            f"the model does not take images of {tuple(input_shape)}"
            f" ({str(error).splitlines()[0]}): give its own input_shape"
        ) from error
    return walker.walk


class _Walker(fx.Interpreter):
    """Runs the model once on zeros, for the shapes, and bounds each operation on the way."""

    def __init__(self, module, compare):
        super().__init__(module)
        self.compare = compare
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
            self.constants[node] = self._bound(node)
        return value

    def _moving(self, values):
        """Those of some nodes and numbers that depend on the image."""
        return [value for value in values if value in self.constants]

    def _end(self, node):
        (final,) = node.all_input_nodes[:1]
        if final not in self.constants:
            raise BoundError("the logits do not depend on the image: there is nothing to bound")
        self.walk.constant, self.walk.paper = self.constants[final]
        if final.op == "call_module":
            module = self.fetch_attr(final.target)
            # the last layer bounded is then this one
            if isinstance(module, nn.Linear):
                self.walk.before_last = self.constants[final.all_input_nodes[0]][0]

    def _bound(self, node):
        if node.op == "call_module":
            module = self.fetch_attr(node.target)
            if not layers.is_known(module):
                raise layers.unknown(f"{node.target} ({type(module).__name__})")
            return self._layer(node, node.target, module)
        if node.target is operator.getitem:
            return self.constants[node.all_input_nodes[0]]
        if node.target in layers.AS_MODULES:
            try:
                module = layers.AS_MODULES[node.target](*node.args[1:], **_plain(node.kwargs))
            except TypeError as error:
                raise layers.unknown(f"{node.name} with these arguments ({error})") from None
            return self._layer(node, node.name, module.train(module.training))
        if node.target in _SUMS:
            return self._sum(node)
        if node.target in _FACTORS or node.target in _QUOTIENTS:
            return self._scale(node)
        if node.target in (torch.cat, torch.concat):
            return self._cat(node)
        what = node.target if isinstance(node.target, str) else node.target.__name__
        raise layers.unknown(f"the operation {what} ({node.name})")

    def _layer(self, node, name, module):
        source = node.all_input_nodes[0]
        shape = tuple(self.env[source].shape[1:]) if source in self.env else ()
        start = time.perf_counter()
        try:
            bounds = layers.bounds_of(module, shape, self.compare)
        except BoundError as error:
            raise BoundError(f"layer {name}: {error}") from error
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

    def _sum(self, node):
        if node.kwargs.get("alpha", 1) != 1:
            raise layers.unknown("a sum with a factor alpha")
        parts = [self.constants[n] for n in self._moving(node.args[:2])]
        if len(parts) > 1:
            self.walk.chain = False
            # as a map of both branches at once
            self._note(node, "sum", Bounds(math.sqrt(2) * (1 - 1e-15), math.sqrt(2) * UP))
        return tuple(sum(values) * UP for values in zip(*parts, strict=True))

    def _scale(self, node):
        left, right = node.args[:2]
        moving = self._moving((left, right))
        if len(moving) != 1 or (node.target in _QUOTIENTS and moving[0] is not left):
            raise layers.unknown(f"a product or quotient of two values of the image ({node.name})")
        other = right if moving[0] is left else left
        value = self.env[other] if isinstance(other, fx.Node) else other
        factor = torch.as_tensor(value, dtype=torch.float64).abs()
        largest = (1 / factor).amax() if node.target in _QUOTIENTS else factor.amax()
        if not largest.isfinite():
            raise BoundError(f"{node.name} divides by zero or multiplies by infinity: mend it")
        bounds = Bounds(largest.item() * (1 - 1e-15), largest.item() * UP, paper=largest.item())
        self._note(node, "scale", bounds)
        constant, paper = self.constants[moving[0]]
        return constant * bounds.upper * UP, paper * largest.item()

    def _cat(self, node):
        parts = [self.constants[n] for n in self._moving(node.args[0])]
        self.walk.chain = False
        self._note(node, "concatenation", Bounds.exactly(1.0))
        return tuple(
            math.sqrt(sum(v * v for v in values)) * UP for values in zip(*parts, strict=True)
        )


def _is_fact(node):
    return node.target in _SHAPES or (node.target is getattr and node.args[1] in _FACTS)


def _plain(options):
    known = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "count_include_pad")
    more = ("divisor_override", "output_size", "p", "training", "inplace", "dim")
    norm = ("size", "alpha", "beta", "k", "return_indices")
    return {k: v for k, v in options.items() if k in (*known, *more, *norm)}
