"""What tables call the kinds of layer, and why some kinds have no bound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from torch import nn

from intriguing.errors import UnknownLayerError

_Entry = TypeVar("_Entry")


class Rearranged(nn.Identity):
    """Stands for functions that give each value of an image another place, or drop some."""


class Negated(nn.Identity):
    """Stands for functions that change the sign of every value."""


class Contraction(nn.Identity):
    """Stands for functions of each value that change by at most as much as it does."""


class Extreme(nn.Identity):
    """Stands for the largest or smallest values along some axes."""


class Averaged(nn.Identity):
    """Stands for means of ``count`` values each."""

    def __init__(self, count: int):
        super().__init__()
        self.count = count


class Totalled(Averaged):
    """Stands for sums of ``count`` values each."""


class Copied(Averaged):
    """Stands for functions that repeat every value ``count`` times."""


class Times(nn.Identity):
    """Stands for products with a constant matrix, in the form of the weight of a dense layer."""

    def __init__(self, weight: Any):
        super().__init__()
        self.weight = weight


def our_layer(module: str, name: str) -> str:
    """Name by which a layer of this project is listed.

    It is put together here: neither importing this module nor its code hash (see `provenance`,
    which follows references) involves the networks.
    """
    return f"intriguing.networks.{module}:{name}"


# by class, or by "module:qualified name" for classes that are not imported here
NAMES: dict[type[nn.Module] | str, str] = {
    nn.Softmax: "softmax",
    nn.Softmax2d: "softmax",
    nn.Softmin: "softmax",
    nn.LogSoftmax: "log-softmax",
    nn.Linear: "FC",
    Times: "FC",
    nn.Conv1d: "Conv",
    nn.Conv2d: "Conv",
    nn.ConvTranspose1d: "ConvTranspose",
    nn.ConvTranspose2d: "ConvTranspose",
    nn.Dropout: "dropout",
    nn.Dropout1d: "dropout",
    nn.Dropout2d: "dropout",
    nn.AlphaDropout: "dropout",
    nn.FeatureAlphaDropout: "dropout",
    nn.BatchNorm1d: "batch norm",
    nn.BatchNorm2d: "batch norm",
    nn.GroupNorm: "group norm",
    nn.LayerNorm: "layer norm",
    nn.RMSNorm: "RMS norm",
    nn.InstanceNorm1d: "instance norm",
    nn.InstanceNorm2d: "instance norm",
    nn.LocalResponseNorm: "LRN",
    nn.MaxPool2d: "max-pool",
    nn.AvgPool2d: "average pool",
    nn.LPPool2d: "L2 pool",
    nn.AdaptiveAvgPool2d: "average pool",
    nn.AdaptiveMaxPool2d: "max-pool",
    our_layer("response_norm", "ResponseNorm"): "LRN",
    our_layer("convolution", "ChannelsLastConv2d"): "Conv",
    our_layer("local_layers", "LocallyConnected2d"): "local",
    our_layer("local_layers", "L2Pool2d"): "L2 pool",
    our_layer("local_layers", "LocalContrastNorm2d"): "LCN",
    "torchvision.transforms.transforms:Normalize": "scale",
    "torchvision.transforms.v2._misc:Normalize": "scale",
    Negated: "scale",
    nn.Identity: "reshape",
    nn.Flatten: "reshape",
    nn.Unflatten: "reshape",
    nn.PixelShuffle: "reshape",
    nn.PixelUnshuffle: "reshape",
    nn.ChannelShuffle: "reshape",
    "torchvision.ops.misc:Permute": "reshape",
    "torchvision.ops.stochastic_depth:StochasticDepth": "dropout",
    Rearranged: "reshape",
    Contraction: "contraction",
    Extreme: "extremum",
    Averaged: "mean",
    Totalled: "axis sum",
    Copied: "repeat",
    nn.ZeroPad1d: "pad",
    nn.ZeroPad2d: "pad",
    nn.ConstantPad1d: "pad",
    nn.ConstantPad2d: "pad",
    nn.ReflectionPad1d: "pad",
    nn.ReflectionPad2d: "pad",
    nn.ReplicationPad1d: "pad",
    nn.ReplicationPad2d: "pad",
    nn.CircularPad1d: "pad",
    nn.CircularPad2d: "pad",
    nn.Upsample: "resize",
    nn.UpsamplingNearest2d: "resize",
    nn.UpsamplingBilinear2d: "resize",
    nn.ReLU: "ReLU",
    nn.ReLU6: "ReLU6",
    nn.LeakyReLU: "leaky ReLU",
    nn.PReLU: "PReLU",
    nn.RReLU: "RReLU",
    nn.ELU: "ELU",
    nn.SELU: "SELU",
    nn.CELU: "CELU",
    nn.GELU: "GELU",
    nn.SiLU: "SiLU",
    nn.Mish: "Mish",
    nn.Tanh: "tanh",
    nn.Tanhshrink: "tanhshrink",
    nn.Hardtanh: "hardtanh",
    nn.Sigmoid: "sigmoid",
    nn.LogSigmoid: "log-sigmoid",
    nn.Hardsigmoid: "hardsigmoid",
    nn.Hardswish: "hardswish",
    nn.Softplus: "softplus",
    nn.Softsign: "softsign",
    nn.Softshrink: "softshrink",
    nn.Threshold: "threshold",
}

_ATTENTION = "dot-product attention has no global Lipschitz constant (Kim et al. 2021)"
_PRODUCT = (
    "a product or quotient of two values of the image has no global Lipschitz constant: the slope"
    " in one grows with the other"
)
_STEEP = "its slope grows without limit"
_JUMPS = "it jumps"
# why modules, functions and methods have no bound, by class, function, name or "module:name"
REASONS: dict[Any, str] = {
    nn.MultiheadAttention: _ATTENTION,
    "scaled_dot_product_attention": _ATTENTION,
    "shifted_window_attention": _ATTENTION,
    nn.TransformerEncoderLayer: _ATTENTION,
    nn.GLU: _PRODUCT,
    nn.Bilinear: _PRODUCT,
    **dict.fromkeys(("mul", "div", "truediv", "multiply", "divide", "glu", "bilinear"), _PRODUCT),
    **dict.fromkeys(("matmul", "mm", "bmm", "einsum", "baddbmm", "cosine_similarity"), _PRODUCT),
    **dict.fromkeys(("exp", "exp2", "expm1", "pow", "square", "cosh", "sinh"), _STEEP),
    **dict.fromkeys(("log", "log2", "log10", "log1p", "sqrt", "rsqrt", "reciprocal"), _STEEP),
    nn.Hardshrink: _JUMPS,
    **dict.fromkeys(("round", "floor", "ceil", "trunc", "sign", "hardshrink", "gt", "lt"), _JUMPS),
}


def entry_of(module: nn.Module, table: Mapping[type[nn.Module] | str, _Entry]) -> _Entry | None:
    """What a table by class, or by name of a class, has for a module; its class comes first."""
    own = table.get(type(module))
    if own is not None:
        return own
    return table.get(f"{type(module).__module__}:{type(module).__qualname__}")


def name_of(module: nn.Module) -> str | None:
    """Name of a module's kind in tables; None where the kind is not known."""
    return entry_of(module, NAMES)


def unknown(what: str, reason: str | None = None) -> UnknownLayerError:
    """The error for a layer or operation without a bound, and why it has none if that is known."""
    if reason:
        return UnknownLayerError(
            f"there is no bound for {what}: {reason}; where a module around it has one, register"
            " that with intriguing.lipschitz.register"
        )
    return UnknownLayerError(
        f"there is no bound for {what}: register one for its class with"
        " intriguing.lipschitz.register (for an operation: put it into a module of its own first)"
    )
