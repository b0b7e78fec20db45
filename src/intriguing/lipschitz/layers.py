"""Which bound belongs to which kind of layer: a table that users can add to with `register`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn

from intriguing.errors import BoundError, UnknownLayerError
from intriguing.lipschitz import activations, pooling
from intriguing.lipschitz.bounds import Bounds
from intriguing.lipschitz.convolution import convolution_bounds, transposed_convolution_bounds
from intriguing.lipschitz.dense import dense_bounds
from intriguing.lipschitz.local import local_bounds
from intriguing.lipschitz.lrn import lrn_bounds
from intriguing.lipschitz.normalisation import (
    batch_norm_constant,
    local_contrast_bounds,
    standardisation_bounds,
)
from intriguing.lipschitz.resampling import resampling_interval
from intriguing.lipschitz.rounding import root_of
from intriguing.lipschitz.windows import MODES, Axis
from intriguing.networks import kinds

Shape = tuple[int, ...]
# modules are typed Any: the bound of a class reads the attributes of that class
Bound = Callable[[Any, Shape, bool], Bounds]
_AnyBound = TypeVar("_AnyBound", bound=Callable[..., Bounds])


@dataclass(frozen=True)
class _Kind:
    """A kind of layer.

    Parameters
    ----------
    bound : callable
        See `register`.
    axes : int or None
        Axes after the channels that an input must have; None where any shape is valid.
    """

    bound: Bound
    axes: int | None


# by class, or by "module:qualified name" for classes that are not imported here
_KINDS: dict[type[nn.Module] | str, _Kind] = {}


def register(
    layer: type[nn.Module] | str, kind: str | None = None
) -> Callable[[_AnyBound], _AnyBound]:
    """Decorator: the bound of a kind of layer, ``bound(module, input_shape, compare) -> Bounds``.

    Parameters
    ----------
    layer : type or str
        Class of the module; subclasses are not included. Treated as a leaf: the bound stands for
        everything inside the module, for every input, and for every module of this class from then
        on. A string ``"package.module:Class"`` names a class without importing it; a class that is
        registered itself takes precedence.
    kind : str, optional
        Name in tables. By default the one that it has there, otherwise the name of the class.

    Returns
    -------
    callable
        The decorator, which returns the function unchanged. Among that function's arguments,
        ``input_shape`` is (C, H, W) or (features,), without the batch; ``compare`` asks for the
        columns of other methods and may be ignored.

    Raises
    ------
    BoundError
        If ``layer`` is not a subclass of torch.nn.Module or a name, or the function cannot take
        these arguments.

    See Also
    --------
    intriguing.lipschitz.layer_bounds, intriguing.lipschitz.network_bounds

    Examples
    --------
    A layer that doubles its input:

    >>> import torch
    >>> from intriguing.lipschitz import Bounds, layer_bounds, register
    >>> class Doubling(torch.nn.Module):
    ...     def forward(self, x):
    ...         return 2 * x
    >>> @register(Doubling)
    ... def bound_of_doubling(module, input_shape, compare):
    ...     return Bounds.exactly(2.0)
    >>> layer_bounds(Doubling().eval(), (3,))["upper"].tolist()
    [2.0]
    """
    return _register(layer, kind)


def _register(
    layer: type[nn.Module] | str, kind: str | None = None, axes: int | None = None
) -> Callable[[_AnyBound], _AnyBound]:
    if isinstance(layer, str):
        module, colon, qualified = layer.partition(":")
        if not (module and colon and qualified):
            raise BoundError(f'{layer!r} does not name a layer: give "package.module:Class"')
        name = qualified.rpartition(".")[2]
    elif inspect.isclass(layer) and issubclass(layer, nn.Module):
        name = layer.__name__
    else:
        raise BoundError(
            f"{layer!r} is not a subclass of torch.nn.Module: register the layer's class"
        )

    def keep(bound: _AnyBound) -> _AnyBound:
        try:
            inspect.signature(bound).bind(None, None, None)
        except TypeError:
            raise BoundError(
                f"the bound of {name} cannot be called: it must take (module, input_shape, compare)"
            ) from None
        _KINDS[layer] = _Kind(bound, axes)
        kinds.NAMES[layer] = kind or kinds.NAMES.get(layer, name)
        return bound

    return keep


def _kind(module: nn.Module) -> _Kind | None:
    return kinds.entry_of(module, _KINDS)


def is_known(module: nn.Module) -> bool:
    """Whether there is a bound for this kind of layer."""
    return _kind(module) is not None


def _known(module: nn.Module) -> _Kind:
    kind = _kind(module)
    if kind is None:
        raise kinds.unknown(type(module).__name__)
    return kind


def bounds_of(module: nn.Module, input_shape: Iterable[int], compare: bool = True) -> Bounds:
    """Bounds of one layer for an input (C, H, W) or (features,).

    Raises
    ------
    BoundError
        If the kind is not known, the input does not fit, or the registered function does not
        return finite bounds.
    """
    kind, shape = _known(module), tuple(input_shape)
    if kind.axes is not None and len(shape) != kind.axes + 1:
        raise BoundError(
            f"{type(module).__name__} receives {shape} for each image: give it batches of channels"
            f" and {kind.axes} axes"
        )
    found = kind.bound(module, shape, compare)
    if not isinstance(found, Bounds) or not 0 <= found.lower <= found.upper < math.inf:
        raise BoundError(
            f"the bound of {type(module).__name__} is {found!r}: a function that is registered must"
            " return Bounds(lower, upper), finite, or Bounds.exactly(constant)"
        )
    return found


def _constant(layers: Iterable[type[nn.Module] | str], constant: float) -> None:
    def bound(module: nn.Module, input_shape: Shape, compare: bool) -> Bounds:
        return Bounds.exactly(constant)

    for layer in layers:
        register(layer)(bound)


_constant([nn.Identity, nn.Flatten, nn.Unflatten, kinds.Rearranged, kinds.Negated], 1.0)
_constant([nn.PixelShuffle, nn.PixelUnshuffle, nn.ChannelShuffle], 1.0)
_constant(["torchvision.ops.misc:Permute", kinds.Contraction], 1.0)
# a maximum over disjoint sets of values
_constant([kinds.Extreme], 1.0)
_constant([nn.ZeroPad1d, nn.ZeroPad2d, nn.ConstantPad1d, nn.ConstantPad2d], 1.0)
# the Jacobian diag(p) - p p' has norm at most 1/2, reached between two equal classes
_constant([nn.Softmax, nn.Softmax2d, nn.Softmin], 0.5)


def _activation(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    smallest, largest = activations.slopes(module) or (0.0, 0.0)
    constant = max(abs(smallest), abs(largest))
    return Bounds(constant * (1 - 2 * activations.EXACTNESS), constant)


for _class in activations.ACTIVATIONS:
    if _class is not nn.Identity:
        register(_class)(_activation)


@register(nn.LogSoftmax)
def _log_softmax(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    # the Jacobian I - 1 p' is an oblique projection, whose norm is that of 1 p': sqrt(n) |p|
    dim = module.dim
    if dim is None:
        raise UnknownLayerError("log_softmax without dim: name the axis of the classes")
    axes = (None, *input_shape)
    count = axes[dim]
    if count is None:
        raise kinds.unknown("log_softmax along the batch")
    return Bounds.exactly(0.0) if count == 1 else _exact(root_of(count))


@register(kinds.Averaged)
def _mean(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    return _exact(1 / math.sqrt(module.count))


@register(kinds.Totalled)
@register(kinds.Copied)
def _total(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    return _exact(math.sqrt(module.count))


def _exact(constant: float) -> Bounds:
    """A constant that is known up to the rounding of a few operations."""
    return Bounds(constant * (1 - 1e-15), constant * (1 + 1e-15))


@_register(nn.ReflectionPad1d, axes=1)
@_register(nn.ReplicationPad1d, axes=1)
@_register(nn.CircularPad1d, axes=1)
@_register(nn.ReflectionPad2d, axes=2)
@_register(nn.ReplicationPad2d, axes=2)
@_register(nn.CircularPad2d, axes=2)
def _padding(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    mode = next(m for m in MODES if type(module).__name__.lower().startswith(m[:5]))
    copies = 1
    for size, before, after in zip(
        # torch counts from the last axis
        input_shape[:0:-1],
        module.padding[::2],
        module.padding[1::2],
        strict=True,
    ):
        if before < 0 or after < 0:
            raise kinds.unknown("padding by a negative number of copies")
        copies *= Axis(size, kernel=1, before=before, after=after, mode=mode).most_copies
    return _exact(math.sqrt(copies))


@_register(nn.Upsample, axes=2)
@_register(nn.UpsamplingNearest2d, axes=2)
@_register(nn.UpsamplingBilinear2d, axes=2)
def _resized(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    return Bounds(*resampling_interval(module, input_size=input_shape[1:]))


@register("torchvision.transforms.transforms:Normalize")
@register("torchvision.transforms.v2._misc:Normalize")
def _standardised(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    deviations = torch.as_tensor(module.std, dtype=torch.float32).double()
    if not (deviations > 0).all():
        raise BoundError(f"{type(module).__name__} divides by {module.std}: give positive numbers")
    return _exact(1 / deviations.amin().item())


@register(nn.Linear)
def _linear(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    return dense_bounds(module.weight)


@_register(nn.Conv1d, axes=1)
@_register(nn.Conv2d, axes=2)
def _convolution(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    return convolution_bounds(
        module.weight,
        input_shape[1:],
        stride=module.stride,
        padding=module.padding,
        dilation=module.dilation,
        groups=module.groups,
        padding_mode=module.padding_mode,
        compare=compare,
    )


@_register(nn.ConvTranspose1d, axes=1)
@_register(nn.ConvTranspose2d, axes=2)
def _transposed(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    return transposed_convolution_bounds(
        module.weight,
        input_shape[1:],
        stride=module.stride,
        padding=module.padding,
        output_padding=module.output_padding,
        dilation=module.dilation,
        groups=module.groups,
        compare=compare,
    )


@register(kinds.Times)
def _times(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    return dense_bounds(module.weight)


@register("torchvision.ops.stochastic_depth:StochasticDepth")
@register(nn.AlphaDropout)
@register(nn.FeatureAlphaDropout)
@register(nn.Dropout)
@register(nn.Dropout1d)
@register(nn.Dropout2d)
def _dropout(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    if module.training:
        raise UnknownLayerError("dropout is active: call it with training=self.training")
    return Bounds.exactly(1.0)


@register(nn.BatchNorm1d)
@register(nn.BatchNorm2d)
def _batch_norm(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    if module.training or module.running_var is None:
        raise BoundError(
            "batch norm without running statistics depends on the batch: call model.eval(), and"
            " build it with track_running_stats"
        )
    constant = batch_norm_constant(module.weight, module.running_var, module.eps)
    return Bounds(constant * (1 - 1e-11), constant)


@_register(nn.InstanceNorm1d, axes=1)
@_register(nn.InstanceNorm2d, axes=2)
def _instance_norm(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    if module.track_running_stats and module.running_var is not None:
        return _batch_norm(module, input_shape, compare)
    return standardisation_bounds(module.weight, math.prod(input_shape[1:]), module.eps)


@register(nn.GroupNorm)
def _group_norm(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    count = math.prod(input_shape) // module.num_groups
    return standardisation_bounds(module.weight, count, module.eps)


@register(nn.LayerNorm)
def _layer_norm(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    return standardisation_bounds(module.weight, math.prod(module.normalized_shape), module.eps)


@register(nn.RMSNorm)
def _rms_norm(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    epsilon = torch.finfo(torch.float32).eps if module.eps is None else module.eps
    return standardisation_bounds(module.weight, math.inf, epsilon)


@register(nn.LocalResponseNorm)
def _mean_response_norm(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    # torch takes the mean over the window
    return _response_norm(module, module.alpha / module.size, input_shape[0])


def _response_norm(module: Any, alpha: float, channels: int) -> Bounds:
    return lrn_bounds(
        size=module.size, alpha=alpha, beta=module.beta, k=module.k, channels=channels
    )


@_register(nn.MaxPool2d, axes=2)
def _max_pool(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    constant = pooling.max_pool_constant(
        module.kernel_size,
        stride=module.stride,
        padding=module.padding,
        dilation=module.dilation,
        input_size=input_shape[1:],
        ceil_mode=module.ceil_mode,
    )
    return _pool(constant, constant)


@_register(nn.AvgPool2d, axes=2)
def _average_pool(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    lower, upper = pooling.average_pool_interval(
        module.kernel_size,
        stride=module.stride,
        padding=module.padding,
        input_size=input_shape[1:],
        count_include_pad=module.count_include_pad,
        ceil_mode=module.ceil_mode,
        divisor=module.divisor_override,
    )
    return _pool(lower, upper)


@_register(nn.LPPool2d, axes=2)
def _l2_pool(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    if module.norm_type != 2 or module.ceil_mode:
        # in ceil mode torch scales up the windows that the border cuts off
        raise kinds.unknown(f"an L{module.norm_type:g} pool with ceil_mode {module.ceil_mode}")
    return _l2_windows(module, input_shape)


def _l2_windows(module: Any, input_shape: Shape) -> Bounds:
    constant = pooling.l2_pool_constant(
        module.kernel_size, stride=module.stride, input_size=input_shape[1:]
    )
    return _pool(constant, constant)


@_register(nn.AdaptiveAvgPool2d, axes=2)
def _adaptive_average_pool(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    sizes = _adaptive_sizes(module.output_size, input_shape)
    return _pool(*pooling.adaptive_average_pool_interval(sizes, input_size=input_shape[1:]))


@_register(nn.AdaptiveMaxPool2d, axes=2)
def _adaptive_max_pool(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    sizes = _adaptive_sizes(module.output_size, input_shape)
    constant = pooling.adaptive_max_pool_constant(sizes, input_size=input_shape[1:])
    return _pool(constant, constant)


def _adaptive_sizes(output_size: Any, input_shape: Shape) -> Shape:
    several = isinstance(output_size, tuple | list)
    wanted = output_size if several else (output_size, output_size)
    return tuple(
        size if out is None else out for out, size in zip(wanted, input_shape[1:], strict=True)
    )


def _pool(lower: float, upper: float) -> Bounds:
    # the paper takes every pool as contractive
    return Bounds(lower, upper, paper=1.0, paper_as_printed=1.0)


@_register(kinds.our_layer("response_norm", "ResponseNorm"))
def _sum_response_norm(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    return _response_norm(module, module.alpha, input_shape[0])


_register(kinds.our_layer("convolution", "ChannelsLastConv2d"), axes=2)(_convolution)


@_register(kinds.our_layer("local_layers", "LocallyConnected2d"), axes=2)
def _local(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    return local_bounds(module.weight, input_shape[1:], stride=module.stride)


@_register(kinds.our_layer("local_layers", "L2Pool2d"), axes=2)
def _smooth_l2_pool(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    return _l2_windows(module, input_shape)


@_register(kinds.our_layer("local_layers", "LocalContrastNorm2d"), axes=2)
def _local_contrast(module: Any, input_shape: Shape, compare: bool) -> Bounds:
    return local_contrast_bounds(
        module.window, module.floor, maps=input_shape[0], input_size=input_shape[1:]
    )


def residual_sum_bounds(branch: Bounds) -> Bounds:
    """Bounds of x + F(x) from those of F: at most 1 + L, at least L - 1 (triangle inequality).

    Examples
    --------
    >>> residual_sum_bounds(Bounds.exactly(3.0)).lower
    2.0
    """
    return Bounds(max(0.0, branch.lower - 1), (1 + branch.upper) * (1 + 1e-15), method="sum")


def weight_shape(module: nn.Module | None) -> Shape | None:
    """Shape of a layer's weights, or None."""
    weight: Any = getattr(module, "weight", None)
    return tuple(weight.shape) if torch.is_tensor(weight) and weight.ndim > 1 else None


def stride_of(module: nn.Module | None) -> float | None:
    """A layer's stride, or None: one number where it is the same along all axes, otherwise NaN."""
    stride = getattr(module, "stride", None)
    if stride is None or isinstance(stride, int):
        return stride
    return stride[0] if len(set(stride)) == 1 else math.nan
