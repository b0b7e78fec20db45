"""Bounds of convolutions: stride, padding, dilation, groups, one or two axes, and their transposes.

From below: Lanczos' method on the convolution itself. From above: the smallest of

- the norm of the kernel reshaped to a matrix, times the root of how many windows share a pixel;
- the norm of the symbol (`symbol`) over a *finite torus*: a zero-padded convolution is a part of
  the circular one on any torus as long as no window sees a wrong pixel (`Axis.torus`);
- where that leaves a wide interval, the same for one axis only, the other as a dense matrix;
- where that is still wide and the map is small, the norm of the matrix itself.

Padding with copies of pixels is a map of its own before a convolution without padding: its norm is
the root of how often a pixel is copied. Circular padding has a torus of its own, the input.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from intriguing.errors import BoundError
from intriguing.lipschitz import comparisons
from intriguing.lipschitz.bounds import COMPARISONS, Bounds
from intriguing.lipschitz.lanczos import norm_of_map
from intriguing.lipschitz.norms import operator_norm, scaled
from intriguing.lipschitz.rounding import UNIT, outwards
from intriguing.lipschitz.symbol import Symbol, live_kernel, torus_frequencies
from intriguing.lipschitz.windows import MODES, OUTSIDE, Axis, PerAxis, pair

# an interval wider than this is worth more work
WIDE = 1.01
# smaller side of a matrix that is formed, per group: always, and if the interval is wide
SMALL, LARGEST = 256, 2560
LARGEST_INPUT = 1 << 14
# side and entries of the symbol that treats one axis exactly
LARGEST_ROWS, LARGEST_SYMBOL = 384, 1 << 23


@dataclass(frozen=True)
class Convolution:
    """A convolution as a linear map, in float64, its kernel scaled.

    Parameters
    ----------
    weight : float64 Tensor (D, C / groups, kh, kw)
    axes : tuple of two windows.Axis
    groups : int
    """

    weight: torch.Tensor
    axes: tuple[Axis, Axis]
    groups: int

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape (1, C, H, W) of its input."""
        return (1, self.weight.shape[1] * self.groups, *(axis.size for axis in self.axes))

    @property
    def sides(self) -> tuple[int, int]:
        """Numbers of inputs and outputs."""
        outputs = math.prod(axis.outputs for axis in self.axes)
        return math.prod(self.input_shape), len(self.weight) * outputs

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        """Apply it to images (B, C, H, W), in their dtype."""
        padded = images
        for dim, axis in zip((2, 3), self.axes, strict=True):
            if axis.mode != "zeros":
                padded = padded.index_select(dim, torch.from_numpy(axis.origin))
        high, wide = (
            (axis.before, axis.after) if axis.mode == "zeros" else (0, 0) for axis in self.axes
        )
        return F.conv2d(
            F.pad(padded, (*wide, *high)),
            self.weight.to(images.dtype),
            stride=tuple(axis.stride for axis in self.axes),
            dilation=tuple(axis.dilation for axis in self.axes),
            groups=self.groups,
        )[:, :, : self.axes[0].outputs, : self.axes[1].outputs]

    def group(self, number: int) -> Convolution:
        """One group, as a convolution without groups."""
        outputs = len(self.weight) // self.groups
        part = self.weight[number * outputs : (number + 1) * outputs]
        return dataclasses.replace(self, weight=part, groups=1)

    def matrix(self) -> torch.Tensor:
        """The map as a dense matrix (inputs, outputs)."""
        inputs = math.prod(self.input_shape)
        parts = []
        for numbers in torch.arange(inputs).split(256):
            unit = torch.zeros(len(numbers), inputs, dtype=self.weight.dtype)
            unit[torch.arange(len(numbers)), numbers] = 1
            parts.append(self.apply(unit.view(-1, *self.input_shape[1:])).flatten(1))
        return torch.cat(parts)


def convolution_bounds(
    weight: torch.Tensor,
    input_size: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: PerAxis | str = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    exact: bool = True,
    compare: bool = True,
) -> Bounds:
    """Operator norm of a convolution on images of a given size.

    Parameters
    ----------
    weight : Tensor (D, C / groups, kh, kw) or (D, C / groups, k)
    input_size : int or tuple of int
        (H, W), or the length for a convolution over one axis.
    stride, dilation : int or tuple of int
    padding : int, tuple of int, or "same" or "valid"
    groups : int
    padding_mode : str
        ``zeros``, ``circular``, ``reflect`` or ``replicate``.
    exact : bool
        Form the matrix of small maps where the other bounds leave a wide interval.
    compare : bool
        Also compute what other methods give, which costs more than the interval itself. They are
        defined for ``zeros`` padding, and for ``circular`` padding whose windows are spaced evenly,
        once each, around the circle.

    Returns
    -------
    Bounds
        ``lower`` and ``upper`` are computed in float64 with all roundings counted. For ``zeros``
        they lie within about 1 % of each other at the sizes of networks. Where maps are too large
        for the exact methods, ``upper`` may be up to 2 times the norm for ``reflect`` and up to
        padding + 1 times for ``replicate``.

    Raises
    ------
    BoundError
        If the sizes do not fit each other or a weight is not finite.

    See Also
    --------
    transposed_convolution_bounds, intriguing.lipschitz.local_bounds

    Examples
    --------
    >>> bounds = convolution_bounds(torch.ones(1, 1, 3, 3), 8, padding=1)
    >>> bounds.lower <= bounds.upper <= 9.0
    True
    """
    options = {"stride": stride, "dilation": dilation}
    options["padding"] = _padding(padding)
    kernel, sizes, per_axis = _two_axes(weight, input_size, options)
    if groups < 1 or len(kernel) % groups:
        raise BoundError(
            f"groups is {groups} for {len(kernel)} output channels: it must divide them"
        )
    axes = []
    for axis, (size, taps) in enumerate(zip(sizes, kernel.shape[2:], strict=True)):
        s, p, d = (per_axis[name][axis] for name in ("stride", "padding", "dilation"))
        total = d * (taps - 1)
        before, after = (total // 2, total - total // 2) if padding == "same" else (p, p)
        # without padding every mode is the same, but an unknown one is refused by the axis
        mode = padding_mode if before or after or padding_mode not in MODES else "zeros"
        axes.append(Axis(size, taps, s, d, before, after, mode))
    kernel, factor = scaled(kernel)
    return _bounds(Convolution(kernel, (axes[0], axes[1]), groups), factor, exact, compare)


def transposed_convolution_bounds(
    weight: torch.Tensor,
    input_size: PerAxis,
    *,
    stride: PerAxis = 1,
    padding: PerAxis = 0,
    output_padding: PerAxis = 0,
    dilation: PerAxis = 1,
    groups: int = 1,
    exact: bool = True,
    compare: bool = True,
) -> Bounds:
    """Operator norm of a transposed convolution: that of the convolution it is the adjoint of.

    Parameters
    ----------
    weight : Tensor (C, D / groups, kh, kw) or (C, D / groups, k)
        As in torch.nn.ConvTranspose1d and 2d.
    input_size : int or tuple of int
        Size of the input of the transposed convolution.
    output_padding : int or tuple of int
    stride, padding, dilation, groups, exact, compare
        As in `convolution_bounds`.

    Returns
    -------
    Bounds

    Raises
    ------
    BoundError
        As `convolution_bounds`.

    See Also
    --------
    convolution_bounds
    """
    options = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "output_padding": output_padding,
    }
    kernel, sizes, per_axis = _two_axes(weight, input_size, options)
    if groups < 1 or len(kernel) % groups:
        raise BoundError(
            f"groups is {groups} for {len(kernel)} input channels: it must divide them"
        )
    axes = []
    for axis, (size, taps) in enumerate(zip(sizes, kernel.shape[2:], strict=True)):
        s, p, d = (per_axis[name][axis] for name in ("stride", "padding", "dilation"))
        extra = per_axis["output_padding"][axis]
        reached = (size - 1) * s + d * (taps - 1) + 1 + extra - 2 * p
        axes.append(Axis(reached, taps, s, d, p, p, outputs=size))
    kernel, factor = scaled(kernel)
    return _bounds(Convolution(kernel, (axes[0], axes[1]), groups), factor, exact, compare)


def _padding(padding: PerAxis | str) -> PerAxis:
    """Padding as numbers: 0 for "valid", and for "same", which depends on the kernel."""
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise BoundError(f"padding is {padding!r}: give numbers, 'same' or 'valid'")
        return 0
    return padding


_PerAxis = Mapping[str, tuple[int, int]]
# what an axis that a convolution does not have is like
_SINGLE_AXIS = {"stride": 1, "dilation": 1, "padding": 0, "output_padding": 0, "input_size": 1}


def _two_axes(
    weight: torch.Tensor, input_size: PerAxis, options: Mapping[str, PerAxis]
) -> tuple[torch.Tensor, tuple[int, int], _PerAxis]:
    """Weight, sizes and options of a convolution over one or two axes as those of two axes."""
    if not torch.is_tensor(weight) or weight.ndim not in (3, 4) or not weight.numel():
        shape = tuple(weight.shape) if torch.is_tensor(weight) else type(weight).__name__
        raise BoundError(
            f"a convolution needs weights (D, C / groups, kh, kw) or (D, C / groups, k), not"
            f" {shape}"
        )
    if weight.ndim == 4:
        return weight, pair(input_size, "input_size"), {k: pair(v, k) for k, v in options.items()}
    single = {}
    for name, value in {**options, "input_size": input_size}.items():
        numbers: tuple = tuple(value) if isinstance(value, list | tuple) else (value,)
        if len(numbers) != 1 or not isinstance(numbers[0], int):
            raise BoundError(f"{name} is {numbers} for one axis: give one whole number")
        single[name] = (_SINGLE_AXIS[name], numbers[0])
    return weight.unsqueeze(2), single.pop("input_size"), single


def _bounds(convolution: Convolution, factor: float, exact: bool, compare: bool) -> Bounds:
    groups = [convolution.group(number) for number in range(convolution.groups)]
    if not convolution.weight.any():
        zeros: dict[str, Any] = dict.fromkeys(COMPARISONS, 0.0) if compare else {}
        return Bounds(0.0, 0.0, **zeros)
    # the norm of a convolution with groups is the largest norm of a group
    lower, upper, method = 0.0, 0.0, "zero"
    simple = _frobenius_bounds(convolution) if len(groups) > 1 else [math.inf]
    for number in sorted(range(len(groups)), key=lambda number: -simple[number]):
        if simple[number] <= lower:
            break  # and so have all that are left
        interval = _interval(groups[number], exact)
        lower = max(lower, interval.lower)
        upper, method = max((upper, method), (interval.upper, interval.method))
    others: dict[str, Any] = {}
    if compare:
        found = [comparisons.of_convolution(group.weight, group.axes) for group in groups]
        others = {name: factor * max(one[name] for one in found) for name in found[0]}
    return Bounds(*outwards(factor, lower, upper), method=method, **others)


def _frobenius_bounds(convolution: Convolution) -> list[float]:
    """Upper bounds of the groups: the largest Frobenius norm of each symbol."""
    circles = [_circle(axis) for axis in convolution.axes]
    kernel = live_kernel(convolution.weight, convolution.axes)
    symbol = Symbol(kernel, [c.stride for c in circles], [c.dilation for c in circles])
    largest = torch.zeros(convolution.groups, dtype=torch.float64)
    for stack in symbol.at(torus_frequencies([c.points for c in circles], (0.0, 0.0))):
        squares = torch.view_as_real(stack).square().sum((2, 3))
        largest = torch.maximum(
            largest, squares.view(len(stack), convolution.groups, -1).sum(2).amax(0)
        )
    factor = math.prod(c.factor for c in circles)
    return (factor * (largest.sqrt() * (1 + 1e-12) + symbol.error)).tolist()


class _Interval(NamedTuple):
    """Bounds of one group, and what gave the upper one."""

    lower: float
    upper: float
    method: str


def _interval(convolution: Convolution, exact: bool) -> _Interval:
    if not convolution.weight.any():
        return _Interval(0.0, 0.0, "zero")
    smaller = min(convolution.sides)
    # a long side is cheap to multiply with, but not to run through the layer pixel by pixel
    exact = exact and convolution.sides[0] <= LARGEST_INPUT
    if exact and smaller <= SMALL:
        return _of_matrix(convolution)
    lower = _lower(convolution)
    upper, method = _upper(convolution, lower)
    if exact and upper > WIDE * lower and smaller <= LARGEST:
        return _of_matrix(convolution)
    return _Interval(lower, upper, method)


def _of_matrix(convolution: Convolution) -> _Interval:
    lower, upper = operator_norm(convolution.matrix())
    # taps that fall on the same pixel are added up
    rounding = _rounding(convolution)
    return _Interval(max(0.0, lower - rounding), upper + rounding, "matrix")


def _rounding(convolution: Convolution) -> float:
    """Bound on the norm of what rounding adds: that of the kernel of magnitudes, many times over.

    The norm of such a kernel is its symbol's at frequency 0.
    """
    magnitudes = convolution.weight.abs().sum((2, 3))
    copies = math.prod(axis.most_copies * axis.most_repeats for axis in convolution.axes)
    largest = torch.linalg.vector_norm(magnitudes).item() * math.sqrt(copies)
    return 4 * convolution.weight[0].numel() * UNIT * largest


def _lower(convolution: Convolution) -> float:
    vector = norm_of_map(convolution.apply, convolution.input_shape).double()
    with torch.no_grad():
        image = convolution.apply(vector)
    length = vector.norm().item()
    numbers = max(convolution.sides)
    attained = image.norm().item() / length * (1 - 4 * numbers * UNIT)
    return max(0.0, attained - _rounding(convolution))


def _upper(convolution: Convolution, lower: float) -> tuple[float, str]:
    kernel = convolution.weight
    best, method = comparisons.unfold(kernel, convolution.axes), "unfold"
    for value, name in _torus_bounds(convolution):
        if value < best:
            best, method = value, name
        if best <= WIDE * lower:
            break
    return best, method


def _torus_bounds(convolution: Convolution) -> Iterator[tuple[float, str]]:
    """Bounds by tori, the cheap ones first, and their names."""
    axes = convolution.axes
    kernel = live_kernel(convolution.weight, axes)
    for value in _both_axes(kernel, [_circle(axis) for axis in axes]):
        yield value, "torus"
    for dim, axis in enumerate(axes):
        other = axes[1 - dim]
        rows = min(axis.outputs * len(convolution.weight), axis.size * convolution.weight.shape[1])
        if rows <= LARGEST_ROWS and rows**2 * other.torus <= LARGEST_SYMBOL:
            single = (Axis(1, 1), other) if dim == 0 else (other, Axis(1, 1))
            kernel = live_kernel(rows_kernel(convolution.weight, axis, dim), single)
            for value in _both_axes(kernel, [_circle(one) for one in single]):
                yield value, "torus, one axis exact"


@dataclass(frozen=True)
class _Circle:
    """One axis as part of a circle.

    Parameters
    ----------
    stride, dilation : int
    points : int
        Length of the circle in steps of ``stride``.
    factor : float
        What the padding multiplies the norm by.
    shifts : tuple of float
        See `symbol.Symbol.torus_norm`.
    """

    stride: int
    dilation: int
    points: int
    factor: float
    shifts: tuple[float, ...]


def _circle(axis: Axis) -> _Circle:
    if axis.mode == "circular":
        # the input itself; windows stand at multiples of the common divisor, some perhaps twice
        step = math.gcd(axis.stride, axis.size)
        repeats = math.sqrt(axis.most_repeats)
        return _Circle(step, axis.dilation, axis.size // step, repeats, (0.0,))
    # copies first, if any, then a convolution of the padded image without padding
    plain = axis
    if axis.mode != "zeros":
        plain = Axis(axis.padded, axis.kernel, axis.stride, axis.dilation, outputs=axis.outputs)
    points = plain.torus // plain.stride
    return _Circle(plain.stride, plain.dilation, points, math.sqrt(axis.most_copies), (0.0, 0.5))


def _both_axes(kernel: torch.Tensor, circles: Sequence[_Circle]) -> Iterator[float]:
    """Bounds by the torus of two circles, one for each shift of the grid of frequencies."""
    symbol = Symbol(kernel, [c.stride for c in circles], [c.dilation for c in circles])
    factor = math.prod(c.factor for c in circles) * (1 + 4 * UNIT)
    points = [c.points for c in circles]
    first, *others = itertools.product(*(c.shifts for c in circles))
    best = symbol.torus_norm(points, first)
    yield factor * best
    for estimate, shift in sorted(
        (symbol.torus_estimate(points, other), other) for other in others
    ):
        # otherwise it cannot give less than what is proved
        if estimate < best:
            best = min(best, symbol.torus_norm(points, shift))
            yield factor * best


def rows_kernel(kernel: torch.Tensor, axis: Axis, dim: int) -> torch.Tensor:
    """A kernel along the other axis alone, whose channels are pixels and windows of this one.

    All padding of this axis is part of it.

    Parameters
    ----------
    kernel : Tensor (D, C, kh, kw)
    axis : windows.Axis
    dim : int
        0 for the vertical axis, 1 for the horizontal one.

    Returns
    -------
    Tensor (windows * D, pixels * C, 1, k) or (..., k, 1)
    """
    along = kernel.movedim(2 + dim, 0)
    placed = kernel.new_zeros(axis.outputs, axis.size, *along.shape[1:])
    for window, pixels in enumerate(axis.sources):
        for tap, pixel in enumerate(pixels):
            if pixel != OUTSIDE:
                placed[window, pixel] += along[tap]
    placed = placed.permute(0, 2, 1, 3, 4).flatten(0, 1).flatten(1, 2)
    return placed.unsqueeze(2 + dim)
