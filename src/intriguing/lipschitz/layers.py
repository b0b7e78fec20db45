"""Which bound belongs to which kind of layer: a table that users can add to with `register`."""

import inspect
import math

import torch
import torch.nn.functional as F
from torch import nn

from intriguing.errors import BoundError, UnknownLayerError
from intriguing.lipschitz import pooling
from intriguing.lipschitz.bounds import Bounds
from intriguing.lipschitz.convolution import convolution_bounds, transposed_convolution_bounds
from intriguing.lipschitz.dense import dense_bounds
from intriguing.lipschitz.local import local_bounds
from intriguing.lipschitz.normalisation import (
    batch_norm_constant,
    local_contrast_bounds,
    lrn_bounds,
)
from intriguing.networks.local_layers import L2Pool2d, LocalContrastNorm2d, LocallyConnected2d
from intriguing.networks.response_norm import ResponseNorm

# smallest and largest derivative of activations, for whole-network bounds of dense chains
SLOPES = {
    nn.Identity: (1.0, 1.0),
    nn.ReLU: (0.0, 1.0),
    nn.Sigmoid: (0.0, 0.25),
    nn.Tanh: (0.0, 1.0),
}

_KINDS = {}
# layers that take other shapes for something else than a batch of images
_AXES = {
    **dict.fromkeys((nn.Conv1d, nn.ConvTranspose1d), 1),
    **dict.fromkeys((nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d, nn.AvgPool2d, nn.LPPool2d), 2),
    **dict.fromkeys((nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d), 2),
    **dict.fromkeys((LocallyConnected2d, L2Pool2d, LocalContrastNorm2d), 2),
}


def register(layer, kind=None):
    """Decorator: the bound of a kind of layer, ``bound(module, input_shape, compare) -> Bounds``.

    Parameters
    ----------
    layer : type
        Class of the module, itself and not its subclasses. It is not looked into: the bound speaks
        for all of it, for every input, and for every such module from then on.
    kind : str, optional
        Name in tables; the class's own by default. ``input_shape`` is without the batch;
        ``compare`` asks for the columns of other methods and may be ignored.

    Examples
    --------
    A layer that doubles its input:

    >>> @register(Doubling)
    ... def _(module, input_shape, compare):
    ...     return Bounds.exactly(2.0)
    """
    if not inspect.isclass(layer) or not issubclass(layer, nn.Module):
        raise BoundError(f"{layer!r} is no class of torch.nn.Module: register the layer's class")

    def keep(bound):
        try:
            inspect.signature(bound).bind(None, None, None)
        except TypeError:
            raise BoundError(
                f"the bound of {layer.__name__} has to take (module, input_shape, compare)"
            ) from None
        _KINDS[layer] = (kind or layer.__name__, bound)
        return bound

    return keep


def is_known(module):
    """Whether there is a bound for this kind of layer."""
    return type(module) in _KINDS


def kind_of(module):
    """Name of the kind in tables."""
    return _KINDS[type(module)][0]


def bounds_of(module, input_shape, compare=True):
    """Bounds of one layer for an input (C, H, W) or (features,).

    Raises
    ------
    BoundError
        If the kind is not known.
    """
    if not is_known(module):
        raise unknown(type(module).__name__)
    axes = _AXES.get(type(module))
    if axes is not None and len(input_shape) != axes + 1:
        raise BoundError(
            f"{type(module).__name__} is given {tuple(input_shape)} for each image: give it batches"
            f" of channels and {axes} axes"
        )
    found = _KINDS[type(module)][1](module, tuple(input_shape), compare)
    if not isinstance(found, Bounds) or not 0 <= found.lower <= found.upper < math.inf:
        raise BoundError(
            f"the bound registered for {type(module).__name__} gives {found!r}: let it return"
            " Bounds(lower, upper), finite, or Bounds.exactly(constant)"
        )
    return found


def unknown(what):
    """The error for a layer or operation without a bound."""
    return UnknownLayerError(
        f"there is no bound for {what}: register one for its class with"
        " intriguing.lipschitz.register (for an operation: put it into a module of its own first)"
    )


def _constant(layers, constant, kind):
    for layer in layers:
        register(layer, kind)(lambda module, input_shape, compare: Bounds.exactly(constant))


class Rearranged(nn.Identity):
    """Stands for functions and methods that put the numbers of an image into another shape."""


_constant([nn.Identity, nn.Flatten, nn.Unflatten, Rearranged], 1.0, "reshape")
_constant([nn.ReLU], 1.0, "ReLU")
_constant([nn.Tanh], 1.0, "tanh")
_constant([nn.Sigmoid], 0.25, "sigmoid")


@register(nn.Softmax, "softmax")
def _softmax(module, input_shape, compare):
    # the Jacobian diag(p) - p p' has norm at most 1/2, reached between two equal classes
    return Bounds(0.5, 0.5)


@register(nn.Linear, "FC")
def _linear(module, input_shape, compare):
    return dense_bounds(module.weight)


def _convolution(module, input_shape, compare):
    return convolution_bounds(
        module.weight,
        _axes(input_shape),
        stride=module.stride,
        padding=module.padding,
        dilation=module.dilation,
        groups=module.groups,
        padding_mode=module.padding_mode,
        compare=compare,
    )


def _transposed(module, input_shape, compare):
    return transposed_convolution_bounds(
        module.weight,
        _axes(input_shape),
        stride=module.stride,
        padding=module.padding,
        output_padding=module.output_padding,
        dilation=module.dilation,
        groups=module.groups,
        compare=compare,
    )


for _layer in (nn.Conv1d, nn.Conv2d):
    register(_layer, "Conv")(_convolution)
for _layer in (nn.ConvTranspose1d, nn.ConvTranspose2d):
    register(_layer, "ConvTranspose")(_transposed)


def _axes(input_shape):
    return input_shape[1:] if len(input_shape) > 2 else input_shape[1]


def _dropout(module, input_shape, compare):
    if module.training:
        raise BoundError("dropout is active: call F.dropout with training=self.training")
    return Bounds.exactly(1.0)


for _layer in (nn.Dropout, nn.Dropout1d, nn.Dropout2d):
    register(_layer, "dropout")(_dropout)


def _batch_norm(module, input_shape, compare):
    if module.training or module.running_var is None:
        raise BoundError(
            "batch norm without running statistics depends on the batch: call model.eval(), and"
            " build it with track_running_stats"
        )
    constant = batch_norm_constant(module.weight, module.running_var, module.eps)
    return Bounds(constant * (1 - 1e-11), constant)


for _layer in (nn.BatchNorm1d, nn.BatchNorm2d):
    register(_layer, "batch norm")(_batch_norm)


@register(nn.LocalResponseNorm, "LRN")
@register(ResponseNorm, "LRN")
def _lrn(module, input_shape, compare):
    # torch takes the mean over the window
    over = module.size if isinstance(module, nn.LocalResponseNorm) else 1
    return lrn_bounds(
        size=module.size,
        alpha=module.alpha / over,
        beta=module.beta,
        k=module.k,
        channels=input_shape[0],
    )


@register(nn.MaxPool2d, "max-pool")
def _max_pool(module, input_shape, compare):
    constant = pooling.max_pool_constant(
        module.kernel_size,
        stride=module.stride,
        padding=module.padding,
        dilation=module.dilation,
        input_size=input_shape[1:],
        ceil_mode=module.ceil_mode,
    )
    return _pool(constant, constant)


@register(nn.AvgPool2d, "average pool")
def _average_pool(module, input_shape, compare):
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


@register(nn.LPPool2d, "L2 pool")
def _l2_pool(module, input_shape, compare):
    if module.norm_type != 2 or module.ceil_mode:
        # in ceil mode torch scales up the windows that the border cuts off
        raise unknown(f"an L{module.norm_type:g} pool with ceil_mode {module.ceil_mode}")
    constant = pooling.l2_pool_constant(
        module.kernel_size,
        stride=module.stride,
        input_size=input_shape[1:],
    )
    return _pool(constant, constant)


@register(LocallyConnected2d, "local")
def _local(module, input_shape, compare):
    return local_bounds(module.weight, input_shape[1:], stride=module.stride)


@register(L2Pool2d, "L2 pool")
def _smooth_l2_pool(module, input_shape, compare):
    constant = pooling.l2_pool_constant(
        module.kernel_size, stride=module.stride, input_size=input_shape[1:]
    )
    return _pool(constant, constant)


@register(LocalContrastNorm2d, "LCN")
def _local_contrast(module, input_shape, compare):
    return local_contrast_bounds(
        module.window, module.floor, maps=input_shape[0], input_size=input_shape[1:]
    )


@register(nn.AdaptiveAvgPool2d, "average pool")
def _adaptive_average_pool(module, input_shape, compare):
    sizes = _adaptive_sizes(module.output_size, input_shape)
    return _pool(*pooling.adaptive_average_pool_interval(sizes, input_size=input_shape[1:]))


@register(nn.AdaptiveMaxPool2d, "max-pool")
def _adaptive_max_pool(module, input_shape, compare):
    sizes = _adaptive_sizes(module.output_size, input_shape)
    constant = pooling.adaptive_max_pool_constant(sizes, input_size=input_shape[1:])
    return _pool(constant, constant)


def _adaptive_sizes(output_size, input_shape):
    wanted = output_size if isinstance(output_size, tuple) else (output_size, output_size)
    return tuple(
        size if out is None else out for out, size in zip(wanted, input_shape[1:], strict=True)
    )


def _pool(lower, upper):
    # the paper takes every pool as contractive
    return Bounds(lower, upper, paper=1.0, paper_as_printed=1.0)


def _functional(module):
    """The function form of a module whose constructor takes the same arguments."""
    return lambda *arguments, **options: module(*arguments, **options)


def _without(name, module):
    def build(*arguments, **options):
        options.pop(name, None)
        return module(*arguments, **options)

    return build


def _dropout_function(p=0.5, training=True, inplace=False):
    return nn.Dropout(p).train(training)


_REARRANGING = (
    *(torch.flatten, torch.reshape, torch.permute, torch.transpose, torch.squeeze, torch.unsqueeze),
    *("flatten", "view", "reshape", "permute", "transpose", "squeeze", "unsqueeze"),
    *("contiguous", "float", "clone"),
)

# functions and methods of tensors as the modules that do the same; further arguments as theirs
AS_MODULES = {
    **dict.fromkeys((F.relu, torch.relu, "relu"), _without("inplace", nn.ReLU)),
    **dict.fromkeys((F.sigmoid, torch.sigmoid, "sigmoid"), _functional(nn.Sigmoid)),
    **dict.fromkeys((F.tanh, torch.tanh, "tanh"), _functional(nn.Tanh)),
    **dict.fromkeys((F.softmax, torch.softmax, "softmax"), lambda dim=None, **_: nn.Softmax(dim)),
    F.dropout: _dropout_function,
    F.max_pool2d: _functional(nn.MaxPool2d),
    torch.max_pool2d: _functional(nn.MaxPool2d),
    F.avg_pool2d: _functional(nn.AvgPool2d),
    F.adaptive_avg_pool2d: _functional(nn.AdaptiveAvgPool2d),
    F.adaptive_max_pool2d: _functional(nn.AdaptiveMaxPool2d),
    F.local_response_norm: _functional(nn.LocalResponseNorm),
    **dict.fromkeys(_REARRANGING, lambda *_, **__: Rearranged()),
}


def residual_sum_bounds(branch):
    """Bounds of x + F(x) from those of F: at most 1 + L, at least L - 1 (triangle inequality)."""
    return Bounds(max(0.0, branch.lower - 1), (1 + branch.upper) * (1 + 1e-15), method="sum")


def weight_shape(module):
    """Shape of a layer's weights, or None."""
    weight = getattr(module, "weight", None)
    return tuple(weight.shape) if torch.is_tensor(weight) and weight.ndim > 1 else None


def stride_of(module):
    """A layer's stride, or None: one number where it is the same along all axes."""
    stride = getattr(module, "stride", None)
    if stride is None or isinstance(stride, int):
        return stride
    return stride[0] if len(set(stride)) == 1 else math.nan
