"""Functions of torch and methods of tensors, as the modules that do the same."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from intriguing.networks import kinds

# what changes its operand in place counts as what does not: `tracing` refuses it where that matters
SUMS = (
    operator.add,
    operator.iadd,
    torch.add,
    "add",
    operator.sub,
    operator.isub,
    torch.sub,
    "sub",
)
FACTORS = (operator.mul, operator.imul, torch.mul, "mul")
QUOTIENTS = (operator.truediv, operator.itruediv, torch.div, "div")
LARGER = (torch.maximum, torch.minimum, "maximum", "minimum")
# of several values of the image, and what a row is called
JOINED = {
    (torch.cat, torch.concat, torch.concatenate, torch.stack): "concatenation",
    LARGER: "extremum",
}


class Call(NamedTuple):
    """A call on a value of the image.

    Parameters
    ----------
    source : Tensor
        The value.
    result : Tensor or tuple of Tensor
    arguments, options
        What else the function got.
    """

    source: torch.Tensor
    result: Any
    arguments: tuple[Any, ...]
    options: dict[str, Any]


class Function(NamedTuple):
    """A kind of row in tables, and the module that stands for a call."""

    kind: str
    build: Callable[[Call], nn.Module]


def _like(module: type[nn.Module]) -> Function:
    """Takes the arguments of a module of torch, and perhaps ``inplace``."""

    def build(call: Call) -> nn.Module:
        options = {name: value for name, value in call.options.items() if name != "inplace"}
        return module(*call.arguments, **options)

    return Function(kinds.NAMES[module], build)


def _pointwise(module: type[nn.Module]) -> Function:
    """Takes at most ``inplace``."""

    def build(call: Call) -> nn.Module:
        def check(inplace: bool = False) -> None:
            """Any other argument is a TypeError."""

        check(*call.arguments, **call.options)
        return module()

    return Function(kinds.NAMES[module], build)


def _stands_for(module: type[nn.Module]) -> Function:
    """Whatever the arguments."""
    return Function(kinds.NAMES[module], lambda call: module())


def _by_size(module: type[kinds.Averaged], fewer: bool) -> Function:
    """As many values for one as the sizes say: ``fewer`` of them come out than went in."""

    def build(call: Call) -> nn.Module:
        before, after = max(1, call.source.numel()), max(1, call.result.numel())
        return module(before // after if fewer else after // before)

    return Function(kinds.NAMES[module], build)


def _contraction(kind: str) -> Function:
    return Function(kind, lambda call: kinds.Contraction())


def _clip(call: Call) -> nn.Module:
    ends = [*call.arguments, *call.options.values()]
    if any(torch.is_tensor(end) for end in ends) or (len(ends) == 2 and ends[0] == ends[1]):
        raise TypeError("ends that are tensors or the same")
    return kinds.Contraction()


def _softmax(call: Call) -> nn.Module:
    return nn.Softmax(call.options.get("dim", *call.arguments[:1]))


def _log_softmax(call: Call) -> nn.Module:
    return nn.LogSoftmax(call.options.get("dim", *call.arguments[:1]))


def _dropout(call: Call) -> nn.Module:
    def build(p: float = 0.5, training: bool = True, inplace: bool = False) -> nn.Module:
        return nn.Dropout(p).train(training)

    return build(*call.arguments, **call.options)


def _prelu(call: Call) -> nn.Module:
    (weight,) = (*call.arguments, *call.options.values())
    module = nn.PReLU(weight.numel())
    module.weight = nn.Parameter(weight.detach(), requires_grad=False)
    return module


def _cast(call: Call) -> nn.Module:
    if call.result.dtype != call.source.dtype:
        raise TypeError(f"which changes the type from {call.source.dtype}")
    return kinds.Rearranged()


def _linear(call: Call) -> nn.Module:
    def build(weight: torch.Tensor, bias: torch.Tensor | None = None) -> nn.Module:
        return kinds.Times(weight)

    return build(*call.arguments, **call.options)


def _standardised(call: Call) -> nn.Module:
    def build(mean: Any, std: Any, inplace: bool = False) -> nn.Module:
        return sys.modules["torchvision.transforms"].Normalize(mean, std)

    return build(*call.arguments, **call.options)


def _max_pool(call: Call) -> nn.Module:
    """The arguments of torch.max_pool2d, whose order is not that of the module."""

    def build(
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> nn.Module:
        return nn.MaxPool2d(kernel_size, stride or None, padding, dilation, ceil_mode=ceil_mode)

    return build(*call.arguments, **call.options)


def _interleaved(call: Call) -> nn.Module:
    def build(repeats: Any, dim: Any = None, output_size: Any = None) -> nn.Module:
        if not isinstance(repeats, int):
            raise TypeError("repeats that are not one number")
        return kinds.Copied(repeats)

    return build(*call.arguments, **call.options)


def _product(call: Call) -> nn.Module:
    (matrix,) = (*call.arguments, *call.options.values())
    if not torch.is_tensor(matrix) or matrix.ndim != 2:
        raise TypeError("a product with something other than a matrix")
    return kinds.Times(matrix.T)


def _convolution(call: Call) -> nn.Module:
    def build(
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> nn.Module:
        outputs, inputs, *taps = weight.shape
        kind = nn.Conv1d if len(taps) == 1 else nn.Conv2d
        module = kind(
            inputs * groups, outputs, tuple(taps), stride, padding, dilation, groups, device="meta"
        )
        module.weight = nn.Parameter(weight.detach(), requires_grad=False)
        return module

    return build(*call.arguments, **call.options)


def _normalised(module: type[nn.Module], sizes: str) -> Callable[[Call], nn.Module]:
    """Group and layer norms, whose functions get the weights."""

    def build(call: Call) -> nn.Module:
        def made(
            size: Any,
            weight: torch.Tensor | None = None,
            bias: torch.Tensor | None = None,
            eps: float = 1e-5,
        ) -> nn.Module:
            given = {sizes: size, "eps": eps}
            if module is nn.GroupNorm:
                given["num_channels"] = call.source.shape[1]
            norm = module(**given)
            norm.weight = None if weight is None else nn.Parameter(weight.detach())
            return norm

        options = {("size" if k == sizes else k): v for k, v in call.options.items()}
        return made(*call.arguments, **options)

    return build


_PADDINGS = {
    ("constant", 2): nn.ConstantPad1d,
    ("constant", 4): nn.ConstantPad2d,
    ("reflect", 2): nn.ReflectionPad1d,
    ("reflect", 4): nn.ReflectionPad2d,
    ("replicate", 2): nn.ReplicationPad1d,
    ("replicate", 4): nn.ReplicationPad2d,
    ("circular", 2): nn.CircularPad1d,
    ("circular", 4): nn.CircularPad2d,
}


def _pad(call: Call) -> nn.Module:
    def build(pad: Any, mode: str = "constant", value: float | None = None) -> nn.Module:
        if mode == "constant":
            # along any number of axes, the channels too
            return nn.ConstantPad2d(0, 0.0)
        if (mode, len(pad)) not in _PADDINGS:
            raise TypeError(f"padding {pad} in the mode {mode!r}")
        return _PADDINGS[mode, len(pad)](tuple(pad))

    return build(*call.arguments, **call.options)


def _resized(call: Call) -> nn.Module:
    def build(
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
        antialias: bool = False,
    ) -> nn.Module:
        if antialias:
            raise TypeError("antialias")
        return nn.Upsample(size, scale_factor, mode, align_corners, recompute_scale_factor)

    return build(*call.arguments, **call.options)


_REARRANGING = (
    *(torch.flatten, "flatten", torch.reshape, "reshape", "view", "view_as", "reshape_as"),
    *(torch.unflatten, "unflatten", torch.ravel, "ravel", torch.permute, "permute"),
    *(torch.transpose, "transpose", torch.swapaxes, "swapaxes", torch.swapdims, "swapdims"),
    *(torch.movedim, "movedim", torch.moveaxis, "moveaxis", torch.t, "t", "T", "mT"),
    *(torch.squeeze, "squeeze", torch.unsqueeze, "unsqueeze", "contiguous", torch.clone, "clone"),
    *(torch.flip, "flip", torch.fliplr, "fliplr", torch.flipud, "flipud", torch.rot90, "rot90"),
    *(torch.roll, "roll", torch.narrow, "narrow", torch.select, "select", torch.detach, "detach"),
    *(torch.chunk, "chunk", torch.split, "split", torch.tensor_split, "tensor_split"),
    *(torch.unbind, "unbind", torch.pixel_shuffle, torch.pixel_unshuffle),
    *(torch.channel_shuffle, F.channel_shuffle, torch.positive, "positive", operator.pos),
)
_CLIPS = (torch.clamp, torch.clip, "clamp", "clip", torch.clamp_min, torch.clamp_max, "clamp_min")
_CASTS = ("to", "float", "double", "half", "bfloat16", "type", "type_as", "cpu", "cuda")
_SOFTMAX = Function("softmax", _softmax)
_LOG_SOFTMAX = Function("log-softmax", _log_softmax)

# by function, by name of a method or property, or by "module:name" of what is not imported here
FUNCTIONS: dict[Any, Function] = {
    **dict.fromkeys((F.relu, torch.relu, torch.relu_, "relu"), _pointwise(nn.ReLU)),
    **dict.fromkeys((F.sigmoid, torch.sigmoid, "sigmoid"), _pointwise(nn.Sigmoid)),
    **dict.fromkeys((F.tanh, torch.tanh, "tanh"), _pointwise(nn.Tanh)),
    F.relu6: _pointwise(nn.ReLU6),
    **dict.fromkeys((F.selu, torch.selu), _pointwise(nn.SELU)),
    F.silu: _pointwise(nn.SiLU),
    F.mish: _pointwise(nn.Mish),
    F.hardswish: _pointwise(nn.Hardswish),
    F.hardsigmoid: _pointwise(nn.Hardsigmoid),
    F.softsign: _pointwise(nn.Softsign),
    F.tanhshrink: _pointwise(nn.Tanhshrink),
    F.logsigmoid: _pointwise(nn.LogSigmoid),
    F.gelu: _like(nn.GELU),
    F.elu: _like(nn.ELU),
    **dict.fromkeys((F.celu, torch.celu), _like(nn.CELU)),
    F.leaky_relu: _like(nn.LeakyReLU),
    F.softplus: _like(nn.Softplus),
    F.softshrink: _like(nn.Softshrink),
    F.threshold: _like(nn.Threshold),
    **dict.fromkeys((F.prelu, torch.prelu, "prelu"), Function("PReLU", _prelu)),
    F.hardtanh: _like(nn.Hardtanh),
    **dict.fromkeys(_CLIPS, Function("clip", _clip)),
    **dict.fromkeys((torch.abs, "abs", operator.abs), _contraction("abs")),
    **dict.fromkeys((torch.sin, "sin", torch.cos, "cos"), _contraction("sine")),
    **dict.fromkeys((torch.atan, "atan", torch.arctan), _contraction("arctan")),
    **dict.fromkeys((F.softmax, torch.softmax, "softmax"), _SOFTMAX),
    **dict.fromkeys((F.log_softmax, torch.log_softmax, "log_softmax"), _LOG_SOFTMAX),
    **dict.fromkeys((F.dropout, F.dropout1d, F.dropout2d), Function("dropout", _dropout)),
    **dict.fromkeys((F.alpha_dropout, F.feature_alpha_dropout), Function("dropout", _dropout)),
    F.max_pool2d: _like(nn.MaxPool2d),
    torch.max_pool2d: Function("max-pool", _max_pool),
    F.avg_pool2d: _like(nn.AvgPool2d),
    F.adaptive_avg_pool2d: _like(nn.AdaptiveAvgPool2d),
    F.adaptive_max_pool2d: _like(nn.AdaptiveMaxPool2d),
    F.local_response_norm: _like(nn.LocalResponseNorm),
    F.group_norm: Function("group norm", _normalised(nn.GroupNorm, "num_groups")),
    F.layer_norm: Function("layer norm", _normalised(nn.LayerNorm, "normalized_shape")),
    F.linear: Function("FC", _linear),
    **dict.fromkeys((operator.matmul, torch.matmul, "matmul"), Function("FC", _product)),
    **dict.fromkeys((F.conv1d, F.conv2d), Function("Conv", _convolution)),
    F.pad: Function("pad", _pad),
    F.interpolate: Function("resize", _resized),
    **dict.fromkeys(_REARRANGING, _stands_for(kinds.Rearranged)),
    **dict.fromkeys(_CASTS, Function("reshape", _cast)),
    **dict.fromkeys((operator.neg, torch.neg, "neg", "negative"), _stands_for(kinds.Negated)),
    **dict.fromkeys((torch.amax, "amax", torch.amin, "amin"), _stands_for(kinds.Extreme)),
    **dict.fromkeys((torch.mean, "mean"), _by_size(kinds.Averaged, fewer=True)),
    **dict.fromkeys((torch.sum, "sum"), _by_size(kinds.Totalled, fewer=True)),
    **dict.fromkeys(("expand", "expand_as", "repeat"), _by_size(kinds.Copied, fewer=False)),
    **dict.fromkeys((torch.tile, "tile"), _by_size(kinds.Copied, fewer=False)),
    **dict.fromkeys(
        (torch.repeat_interleave, "repeat_interleave"), Function("repeat", _interleaved)
    ),
    "torchvision.transforms.functional:normalize": Function("scale", _standardised),
}


def function_of(target: Any) -> Function | None:
    """What a function, or a method by its name, does; None where that is not known."""
    if target in FUNCTIONS:
        return FUNCTIONS[target]
    return FUNCTIONS.get(f"{getattr(target, '__module__', '')}:{getattr(target, '__name__', '')}")


def without_underscore(name: str) -> str:
    """Name of the method that does the same, but not in place."""
    in_place = name.endswith("_") and not name.endswith("__")
    return name[:-1] if in_place else name
