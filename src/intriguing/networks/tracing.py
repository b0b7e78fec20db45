"""From a model to the graph of its layers and operations, and what tables call these.

The graph is torch.fx's. With an image at hand every operation is also run while it is recorded, so
that code that asks for shapes and types gets an answer: assertions, branches and loops over them,
and checks that a value is a tensor. What depends on the *values* of an image cannot be traced.
"""

from __future__ import annotations

import copy
import math
import operator
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import fx, nn
from torch.utils import _pytree as pytree

from intriguing.errors import UnknownLayerError
from intriguing.networks import functions, kinds
from intriguing.networks.functions import Call
from intriguing.networks.logits import in_words, with_plain_weights

# what is known of a tensor without its values
_SHAPES = ("size", "dim", "numel")
_FACTS = ("shape", "dtype", "device", "ndim", "is_cuda", "requires_grad", "layout")
# new tensors, of a shape or type that is given or that of another
_NEW = ("new_tensor", "new_zeros", "new_ones", "new_full", "new_empty")
_NEW_LIKE = (torch.zeros_like, torch.ones_like, torch.full_like)
# of these, what does not depend on the number of images
_SHAPED_BY_VALUES = (
    *("nonzero", "argwhere", "unique", "unique_consecutive", "masked_select", "bincount"),
    *("_return_output", "_return_inverse", "_return_counts"),
)
# modules of functions that check for tensors
_RECORDED = ("torchvision.transforms.functional", "torchvision.transforms._functional_tensor")
_CERTAIN = ("dim", "ndimension", "is_floating_point", "is_complex", "is_contiguous")


class _Proxy(fx.Proxy):
    """A value during tracing whose shape and type are known: ``node.meta["value"]`` is one image's.

    It cannot pass for a tensor where code asks ``isinstance``: torch itself would take it for one.
    """

    def __getattr__(self, name: str) -> Any:
        if callable(getattr(self.node.meta["value"], name)):
            return fx.proxy.Attribute(self, name)
        return self.tracer.create_proxy("call_function", getattr, (self, name), {})

    # fx would record these as sums, differences, ... that leave the value alone

    def __iadd__(self, other: Any) -> Any:
        return self._changed(operator.iadd, other)

    def __isub__(self, other: Any) -> Any:
        return self._changed(operator.isub, other)

    def __imul__(self, other: Any) -> Any:
        return self._changed(operator.imul, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._changed(operator.itruediv, other)

    def _changed(self, change: Any, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", change, (self, other), {})

    def _known(self) -> Any:
        """The value, if it is the same for every image of this shape."""
        if _depends(self.node):
            raise fx.proxy.TraceError("control flow depends on the values of the image")
        return self.node.meta["value"]

    def __bool__(self) -> bool:
        return bool(self._known())

    def __int__(self) -> int:
        return int(self._known())

    def __index__(self) -> int:
        return operator.index(self._known())

    def __float__(self) -> float:
        return float(self._known())

    def __len__(self) -> int:
        return len(self.node.meta["value"])

    def __iter__(self) -> Iterator[Any]:
        if torch.is_tensor(self.node.meta["value"]):
            return super().__iter__()
        return (self[number] for number in range(len(self)))


class _Tracer(fx.Tracer):
    def __init__(self, image: torch.Tensor | None):
        # functions that check for tensors are recorded as they are, if their library is loaded
        names = [name for name in _RECORDED if name in sys.modules]
        super().__init__(autowrap_modules=(math, *(sys.modules[name] for name in names)))
        self.image = image
        self._running = False

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if "forward" in vars(m):  # which is not that of its class
            return False
        return kinds.name_of(m) is not None or super().is_leaf_module(m, module_qualified_name)

    def create_args_for_root(
        self, root_fn: Any, is_module: bool, concrete_args: Any = None
    ) -> tuple[Any, list[Any]]:
        # the image alone: other parameters keep their defaults
        return root_fn, [self.root, self.create_proxy("placeholder", "image", (), {})]

    # fx replaces calls and parameters of modules also while an operation is run for its value

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        if self._running:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        return attr_val if self._running else super().getattr(attr, attr_val, parameter_proxy_cache)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self) if "value" in node.meta else fx.Proxy(node, self)

    def create_node(
        self, kind: str, target: Any, args: Any, kwargs: Any, *rest: Any, **more: Any
    ) -> fx.Node:
        node = super().create_node(kind, target, args, kwargs, *rest, **more)
        inputs = node.all_input_nodes
        node.meta["depends"] = kind == "placeholder" or (
            any(map(_depends, inputs)) and not is_fact(node)
        )
        if self.image is not None and kind != "output":
            _check_shape(node)
            versions = {source: _versions(source) for source in inputs}
            node.meta["value"] = self._value(node)
            node.meta["changed"] = [n for n in inputs if _versions(n) != versions[n]]
            _check_written(node)
        return node

    def _value(self, node: fx.Node) -> Any:
        if node.op == "placeholder":
            return self.image
        arguments, options = known(node.args), known(node.kwargs)
        self._running = True
        try:
            if node.op == "get_attr":
                return operator.attrgetter(node.target)(self.root)
            if node.op == "call_method":
                return getattr(arguments[0], node.target)(*arguments[1:], **options)
            called = (
                self.root.get_submodule(node.target) if node.op == "call_module" else node.target
            )
            return called(*arguments, **options)
        finally:
            self._running = False

    def create_proxy(self, *arguments: Any, **options: Any) -> Any:
        proxy = super().create_proxy(*arguments, **options)
        return proxy.node.meta["value"] if _is_certain(proxy.node) else proxy


def _versions(node: fx.Node) -> list[int]:
    """How often each tensor of a node has been changed in place."""
    return [tensor._version for tensor in _tensors(node)]


def _tensors(node: fx.Node) -> list[torch.Tensor]:
    leaves = pytree.tree_leaves(node.meta.get("value"))
    return [leaf for leaf in leaves if torch.is_tensor(leaf)]


def _check_shape(node: fx.Node) -> None:
    """Refuse operations whose shapes depend on the values of the image: code may ask for them."""
    index = node.args[1] if node.target is operator.getitem else None
    masked = [n for n in pytree.tree_leaves(index) if isinstance(n, fx.Node)]
    if node.meta["depends"] and (
        operation_name(node.target) in _SHAPED_BY_VALUES
        or (node.target is torch.where and len(node.args) == 1)
        or any(tensor.dtype == torch.bool for n in masked for tensor in _tensors(n))
    ):
        raise UnknownLayerError(
            f"the shape of {node.name} depends on the values of the image: put the part with it"
            " into a module of its own and register its bound with intriguing.lipschitz.register"
        )


def _check_written(node: fx.Node) -> None:
    """Refuse changes of tensors that are not the image's, if they enter what is bounded."""
    for changed in node.meta["changed"]:
        used = any(_depends(user) for user in changed.users if user is not node)
        if not _depends(changed) and (_depends(node) or used or changed.op == "get_attr"):
            raise UnknownLayerError(
                f"the model writes into a tensor that is not computed from the image ({node.name}):"
                " compute a new one instead, for example by torch.cat or torch.where"
            )


def known(argument: Any) -> Any:
    """An argument of a node with the values of other nodes in their place."""
    return fx.node.map_arg(argument, lambda node: node.meta["value"])


def _depends(node: fx.Node) -> bool:
    """Whether a value depends on the image, and not only on its shape."""
    return node.meta["depends"]


def _is_certain(node: fx.Node) -> bool:
    """Whether a value is the same for any number of images of this shape."""
    if "value" not in node.meta or _depends(node):
        return False
    if not is_fact(node) and node.target is not operator.getitem:
        return False
    value = node.meta["value"]
    if isinstance(value, bool | torch.dtype | torch.device) or node.target in _CERTAIN:
        return True
    if node.target is getattr:
        return node.args[1] == "ndim"
    if node.target == "size":
        return len(node.args) == 2 and _behind_batch(node.args[1], known(node.args[0]).ndim)
    if node.target is operator.getitem and isinstance(known(node.args[0]), torch.Size):
        return _behind_batch(node.args[1], len(known(node.args[0])))
    return False


def _behind_batch(index: Any, axes: int) -> bool:
    if isinstance(index, slice):
        return 0 not in range(axes)[index]
    return isinstance(index, int) and index % axes != 0


def trace(model: nn.Module, image: torch.Tensor | None = None) -> fx.GraphModule:
    """The model as a graph of layers and operations, without those that the output ignores.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    image : Tensor (1, C, H, W), optional
        An image that it takes. Then the ``meta`` of each node has its ``value`` for this image.

    Raises
    ------
    UnknownLayerError
        If it cannot be traced, has hooks, or changes values in place that are used elsewhere.
    """
    model = with_plain_weights(model)
    _check_hooks(model)
    model = _with_own_modules(model)
    if kinds.name_of(model):
        model = nn.Sequential(model)
    tracer = _Tracer(None if image is None else image.clone())
    try:
        with torch.no_grad():
            graph = tracer.trace(model)
    except UnknownLayerError:
        raise
    except Exception as error:  # whatever the model's own code raises on a symbolic input
        raise UnknownLayerError(
            f"the model cannot be traced ({in_words(error)}): if it is wrapped or"
            " compiled, give the model inside; put the part with control flow into a module of its"
            " own and register it with intriguing.lipschitz.register"
        ) from error
    _check_output(graph)
    if image is not None:
        _check_changes(graph)
    traced = fx.GraphModule(tracer.root, graph)
    # layers that the logits do not depend on do not count in their constant
    traced.graph.eliminate_dead_code()
    return traced


def _with_own_modules(model: nn.Module) -> nn.Module:
    """A copy with the same tensors: what a model keeps of a symbolic run stays in the copy."""
    tensors = (*model.parameters(), *model.buffers())
    try:
        return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})
    except Exception as error:
        raise UnknownLayerError(
            f"the model cannot be copied ({in_words(error)}): build it from plain modules and"
            " parameters"
        ) from error


def _check_output(graph: fx.Graph) -> None:
    output = next(node for node in reversed(graph.nodes) if node.op == "output")
    if not isinstance(output.args[0], fx.Node):
        raise UnknownLayerError(
            "the model returns several values: wrap it so that it returns only the logits"
        )


def _check_changes(graph: fx.Graph) -> None:
    """Refuse changes in place of a value, or of memory that it shares, that is used later on."""
    before: list[fx.Node] = []
    stale: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        plain = node.op != "output" and is_fact(node) and not _tensors(node)
        for source in node.all_input_nodes:
            if source in stale and not plain:
                change = stale[source]
                name = f"{operation_name(change.target)} ({change.name})"
                raise UnknownLayerError(
                    f"the in-place operation {name} changes a value that is used elsewhere: do it"
                    " out of place"
                )
        for changed in node.meta.get("changed", ()):
            memory = _memory(changed)
            stale.update((n, node) for n in before if _memory(n) & memory)
        before.append(node)


def _memory(node: fx.Node) -> set[int]:
    """Where the numbers of a node's tensors are."""
    return {tensor.untyped_storage().data_ptr() for tensor in _tensors(node)}


def _check_hooks(model: nn.Module) -> None:
    for name, module in model.named_modules():
        if module._forward_hooks or module._forward_pre_hooks:
            raise UnknownLayerError(
                f"{name or 'the model'} has hooks, which may change its inputs or outputs: remove"
                " them"
            )


def is_fact(node: fx.Node) -> bool:
    """Whether what an operation gives depends on shape, type or device of a tensor alone."""
    if node.target in _NEW or node.target in _NEW_LIKE:
        given = (*node.args[1:], *node.kwargs.values())
        sources = [n for n in pytree.tree_leaves(given) if isinstance(n, fx.Node)]
        return not any(map(_depends, sources))
    if node.op == "call_method":
        return node.target in (*_SHAPES, *_CERTAIN)
    return node.target is getattr and node.args[1] in _FACTS


def target_of(node: fx.Node) -> Any:
    """The function that a node calls, or the name of the method or property, as not in place."""
    if node.target is getattr:
        return node.args[1]
    return functions.without_underscore(node.target) if node.op == "call_method" else node.target


def operation_name(target: Any) -> str:
    """Name of a function, or of a method of tensors."""
    return target if isinstance(target, str) else target.__name__


def as_module(node: fx.Node) -> nn.Module:
    """The module that does what a function or method does to a value of the image.

    The node must have values, as `trace` gives them for an image.

    Raises
    ------
    UnknownLayerError
        If nothing is known of it with these arguments.
    """
    function = functions.function_of(target_of(node))
    if function is None:
        name = operation_name(node.target)
        reason = kinds.REASONS.get(functions.without_underscore(name))
        raise kinds.unknown(f"the operation {name} ({node.name})", reason)
    source, *arguments = known(node.args)
    options = dict(known(node.kwargs))
    try:
        return function.build(Call(source, node.meta["value"], tuple(arguments), options))
    except (TypeError, ValueError) as error:
        raise kinds.unknown(f"{node.name} with these arguments ({error})") from None


def named_layers(
    model: nn.Module, image: torch.Tensor | None = None
) -> tuple[fx.GraphModule, dict[str, fx.Node]]:
    """The layers of a model by the names in `network.layer_bounds`.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    image : Tensor (1, C, H, W), optional
        As for `trace`: with it more models can be traced.

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
    traced = trace(model, image)
    numbers: dict[str, int] = {}
    nodes: dict[str, fx.Node] = {}
    for node in traced.graph.nodes:
        kind = row_kind(traced, node)
        if kind:
            numbers[kind] = numbers.get(kind, 0) + 1
            nodes[f"{kind}{numbers[kind]}"] = node
    return traced, nodes


def row_kind(traced: fx.GraphModule, node: fx.Node) -> str | None:
    """Kind of the row that the table has for an operation; None where it has none."""
    sources = [source for source in node.all_input_nodes if _depends(source)]
    if not sources or node.op == "output" or is_fact(node) or node.target is operator.getitem:
        return None
    if node.op == "call_module":
        module = traced.get_submodule(str(node.target))
        return kinds.name_of(module) or type(module).__name__
    target = target_of(node)
    if target in functions.SUMS:
        return "sum" if len(sources) > 1 else None
    if target in functions.FACTORS or target in functions.QUOTIENTS:
        return "scale" if len(sources) == 1 else operation_name(target)
    for known_targets, kind in functions.JOINED.items():
        if target in known_targets:
            return kind
    function = functions.function_of(target) if len(sources) == 1 else None
    return function.kind if function else operation_name(target)
