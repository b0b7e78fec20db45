"""Bounds of normalisations: batch and group norms, contrast and local contrast normalisation."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from intriguing.errors import BoundError, UnknownLayerError
from intriguing.lipschitz.bounds import Bounds
from intriguing.lipschitz.norms import operator_norm
from intriguing.lipschitz.rounding import power_of
from intriguing.lipschitz.windows import PerAxis, pair

# pixels of a map up to which the matrix of the local means is formed
LARGEST_MAP = 1600
UP, DOWN = 1 + 1e-12, 1 - 1e-15


def batch_norm_constant(
    weight: torch.Tensor | None, variance: torch.Tensor, epsilon: float
) -> float:
    """Operator norm of batch norm in evaluation mode: max |gamma| / sqrt(variance + epsilon).

    Parameters
    ----------
    weight : Tensor (C,) or None
        gamma; ones by default.
    variance : Tensor (C,)
        Running variance.
    epsilon : float

    Returns
    -------
    float
        Rounded up.

    Raises
    ------
    BoundError
        If a number is not finite.
    """
    factor = 1.0 if weight is None else weight.detach().double()
    scale = (factor / (variance.detach().double() + epsilon).sqrt()).abs()
    if not scale.isfinite().all():
        raise BoundError("batch norm has a variance or weight that is not finite: train it first")
    return scale.amax().item() * UP


def standardisation_bounds(weight: torch.Tensor | None, count: float, epsilon: float) -> Bounds:
    """Group, layer, instance and RMS norm: v / sqrt(|v|^2 / n + epsilon) with v = x - mean(x).

    Parameters
    ----------
    weight : Tensor or None
        What each value is multiplied by at the end; ones by default.
    count : float
        n, the number of values that are normalised together; infinite where no mean is taken.
    epsilon : float

    Returns
    -------
    Bounds
        ``upper`` is max |weight| / sqrt(epsilon): the derivative of v / sqrt(|v|^2 / n + epsilon)
        has norm 1 / sqrt(epsilon) at 0 and less elsewhere (`contrast_bounds` with gamma 1/2), and
        that of the subtraction has norm 1. ``lower`` is attained at a constant image.

    Raises
    ------
    BoundError
        If epsilon is not positive or a weight is not finite.
    """
    if not epsilon > 0:
        raise UnknownLayerError(
            f"a norm with epsilon {epsilon} has no Lipschitz constant: give a positive epsilon"
        )
    largest = 1.0 if weight is None else weight.detach().double().abs().amax().item()
    if not math.isfinite(largest):
        raise BoundError("a norm has a weight that is not finite: repair the model")
    if count == 1:
        return Bounds.exactly(0.0)
    constant = largest / math.sqrt(epsilon)
    # one value, with the mean taken off, moves by sqrt(1 - 1 / n) of what it did
    return Bounds(constant * math.sqrt(1 - 1 / count) * (1 - 1e-12), constant * UP)


def contrast_bounds(epsilon: float, gamma: float) -> Bounds:
    """Lipschitz constant of contrast normalisation x / (epsilon + |x|^2)^gamma.

    Szegedy et al. 2013, section 4.3: epsilon^-gamma, which is attained at 0, for gamma in (0, 1].
    It holds for every gamma >= 0: with u = r^2 / (epsilon + r^2), r = |x|, the derivative is
    epsilon^-gamma (1 - u)^gamma along the sphere, and (1 - u)^gamma |1 - 2 gamma u| times
    epsilon^-gamma along x. If 2 gamma u <= 1 that is at most epsilon^-gamma. Otherwise
    (1 - u)^gamma (2 gamma u - 1) < 2 gamma u (1 - u)^gamma, which is largest at u = 1 / (gamma + 1)
    and there 2 (gamma / (gamma + 1))^(gamma + 1) < 2 / e.

    Parameters
    ----------
    epsilon : float
        Positive.
    gamma : float
        At least 0.

    Returns
    -------
    Bounds

    Raises
    ------
    BoundError
        If a number is out of its range.

    Examples
    --------
    >>> round(contrast_bounds(epsilon=0.25, gamma=0.5).upper, 6)
    2.0
    """
    if not epsilon > 0 or not 0 <= gamma < math.inf:
        raise BoundError(
            f"epsilon is {epsilon} and gamma {gamma}: give a positive epsilon and a gamma >= 0"
        )
    constant = power_of(epsilon, -gamma)
    return Bounds(constant * DOWN, constant * UP, paper=constant, paper_as_printed=constant)


def local_contrast_bounds(
    window: torch.Tensor, floor: float, *, maps: int = 1, input_size: PerAxis | None = None
) -> Bounds:
    """Local contrast normalisation: subtract a weighted mean, divide by a weighted deviation.

        v = x - w * x,    y = v / max(floor, sqrt(w * v^2))

    with weights w >= 0 that sum to 1 and a fixed ``floor`` (Le et al. 2012; Jarrett et al. 2009
    with a constant in place of the image's mean deviation). With several maps the sums run over
    them too, each with the share 1 / maps.

    Parameters
    ----------
    window : Tensor (h, w)
        The weights of all maps together, odd in size.
    floor : float
        Positive.
    maps : int
        C.
    input_size : int or tuple of two int, optional
        (H, W), if the weights inside the map are divided by their sum at its borders. Without it
        there are zeros outside, and the bound holds for maps of every size.

    Returns
    -------
    Bounds
        ``lower`` is attained at an image without contrast, where the division is by ``floor``;
        without ``input_size`` by one at least as large as the window. ``upper`` multiplies the
        parts, see the notes.

    Raises
    ------
    BoundError
        If the weights are negative, do not sum to 1 or are 0 at the centre, the window is even, or
        a number is not positive.

    Notes
    -----
    Let M be the matrix of the weighted mean of one map: W, or with division by the sums at the
    borders D^-1 W. The means of C maps are M applied to their average, so that the subtraction is
    I - M on what is the same in all maps and I on what averages to 0: its norm is max(1, |I - M|),
    or |I - M| for a single map. By Schur's test |I - M|^2 is at most the largest row sum times the
    largest column sum of magnitudes; a row has 2 (1 - M_ii), a column 1 - 2 M_ii + c, c being the
    largest column sum of M (1 with zeros outside: W sums to at most 1 either way).

    Division: where the deviation s_i is above the floor, dy_i = dv_i / s_i - v_i ds_i / s_i^2. The
    vector v_i over maps has M_ii |v_i|^2 / C <= s_i^2, and by Cauchy ds_i^2 is at most the weighted
    mean of dv^2, which summed over positions is at most c |dv|^2 / C. Hence the constant (1 +
    sqrt(c / min M_ii)) / floor, in which C cancels; below the floor it is 1 / floor.
    """
    window = torch.as_tensor(window, dtype=torch.float64)
    if window.ndim != 2 or any(n % 2 == 0 for n in window.shape):
        raise BoundError(f"the window is {tuple(window.shape)}: give two axes of odd size")
    if (window < 0).any() or abs(window.sum().item() - 1) > 1e-6:
        raise BoundError("the weights of the window must be at least 0 and sum to 1")
    if not floor > 0 or maps < 1:
        raise BoundError(
            f"floor is {floor} and maps {maps}: give a positive floor and at least one map"
        )
    centre = window[window.shape[0] // 2, window.shape[1] // 2].item()
    if centre == 0:
        raise BoundError(
            "the centre of the window has weight 0, for which there is no bound: give it a positive"
            " weight"
        )
    if input_size is None:
        others = max(window.square().sum().item() - centre**2, 0.0)
        lower = math.sqrt((1 - centre) ** 2 + others) * (1 - 1e-12)
        upper = abs(1 - centre) + window.sum().item() - centre
        column = 1.0
    else:
        lower, upper, centre, column = _renormalised(window, pair(input_size, "input_size"))
    if maps > 1:
        lower, upper = max(1.0, lower), max(1.0, upper)
    division = (1 + math.sqrt(column / centre)) / floor
    # weights in single precision
    return Bounds(lower / floor * (1 - 2e-6), upper * division * (UP + 2e-6))


def _renormalised(window: torch.Tensor, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Norm of I - M from below and above, min M_ii and largest column sum, for M = D^-1 W on a map.

    The norm comes from the matrix if that is small, otherwise from a pixel in the middle and
    Schur's test.
    """
    filters, padding = window[None, None], tuple(n // 2 for n in window.shape)
    sums = F.conv2d(torch.ones(1, 1, *size, dtype=torch.float64), filters, padding=padding)
    diagonal = (window[padding] / sums.amax()).item() * DOWN
    column = F.conv_transpose2d(1 / sums, filters, padding=padding).amax().item() * UP
    if math.prod(size) > LARGEST_MAP:
        pixel = torch.zeros_like(sums)
        pixel[0, 0, size[0] // 2, size[1] // 2] = 1.0
        response = pixel - F.conv2d(pixel, filters, padding=padding) / sums
        lower = response.norm().item() * (1 - 1e-12)
        upper = math.sqrt(2 * (1 - diagonal) * (1 - 2 * diagonal + column)) * UP
        return lower, upper, diagonal, column
    unit = torch.eye(math.prod(size), dtype=torch.float64).view(-1, 1, *size)
    means = F.conv2d(unit, filters, padding=padding) / sums
    return *operator_norm((unit - means).flatten(1)), diagonal, column
