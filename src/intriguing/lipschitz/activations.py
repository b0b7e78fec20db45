"""Smallest and largest derivative of every activation: proved, not quoted.

Most follow from a closed form. Those of GELU, SiLU and Mish are the maximum of a function of the
form p + q r on [0, inf), p and q increasing and r decreasing, so that on [a, b] it is at most
p(b) + q(b) r(a): `_supremum` divides intervals until nothing is left to gain.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import nn

from intriguing.errors import BoundError, UnknownLayerError
from intriguing.networks.kinds import entry_of

Slopes = tuple[float, float]
Function = Callable[[torch.Tensor], torch.Tensor]

# beyond this argument every derivative here is within 1e-14 of its limit, which is no maximum
FARTHEST = 40.0
PIECES, ROUNDS = 4096, 40
# a bound is at most this far above the maximum
EXACTNESS = 1e-9
# errors of torch's functions in float64 and of a sum of their products, many times over
ROUNDING = 1e-13


def slopes(module: nn.Module) -> Slopes | None:
    """Smallest and largest derivative of an activation; None for a module that is none.

    Parameters
    ----------
    module : Module

    Returns
    -------
    smallest, largest : float
        Rounded outwards; one-sided derivatives included.

    Raises
    ------
    BoundError
        If the activation jumps or has a parameter that is not finite.
    """
    of_kind = entry_of(module, _SLOPES)
    if of_kind is None:
        return None
    smallest, largest = of_kind(module)
    if not (math.isfinite(smallest) and math.isfinite(largest)):
        raise BoundError(
            f"{type(module).__name__} has a parameter that is not finite: repair the model"
        )
    return smallest, largest


def _always(smallest: float, largest: float) -> Callable[[Any], Slopes]:
    return lambda module: (smallest, largest)


def _supremum(p: Function, q: Function, r: Function) -> float:
    """Upper bound of p + q r on [0, inf): p, q increasing, q and r >= 0, r decreasing.

    The terms at `FARTHEST` must be within rounding of their limits.
    """
    edges = torch.linspace(0.0, FARTHEST, PIECES + 1, dtype=torch.float64)
    low, high = edges[:-1], edges[1:]
    attained = -math.inf
    for _ in range(ROUNDS):
        most = p(high) + q(high) * r(low)
        attained = max(attained, (p(low) + q(low) * r(low)).amax().item())
        highest = most.amax().item()
        if highest <= attained + EXACTNESS:
            break
        left = most > attained
        low, high = low[left], high[left]
        middle = (low + high) / 2
        low, high = torch.cat([low, middle]), torch.cat([middle, high])
    return highest + ROUNDING * max(1.0, abs(highest))


def _derivative_of_mish(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """tanh(softplus(x)), and the square of the hyperbolic secant."""
    # exp(softplus) = 1 + exp(x)
    squared = (1 + x.exp()) ** 2
    return x.exp() * (2 + x.exp()) / (squared + 1), 4 * squared / (squared + 1) ** 2


@cache
def _gelu() -> Slopes:
    # f' = Phi + x phi has f'' = (2 - x^2) phi: its maximum is at the root of two, f'(-x) = 1 - f'
    largest = (1 + math.erf(1)) / 2 + math.exp(-1) / math.sqrt(math.pi) + ROUNDING
    return 1 - largest, largest


@cache
def _gelu_by_tanh() -> Slopes:
    scale, cubic = math.sqrt(2 / math.pi), 0.044715

    def inner(x: torch.Tensor) -> torch.Tensor:
        return scale * (x + cubic * x**3)

    largest = _supremum(
        lambda x: (1 + inner(x).tanh()) / 2,
        lambda x: x * scale * (1 + 3 * cubic * x**2) / 2,
        lambda x: inner(x).clamp(max=300).cosh() ** -2,
    )
    return 1 - largest, largest


@cache
def _silu() -> Slopes:
    largest = _supremum(torch.sigmoid, lambda x: x * torch.sigmoid(x), lambda x: torch.sigmoid(-x))
    return 1 - largest, largest


@cache
def _mish() -> Slopes:
    largest = _supremum(
        lambda x: _derivative_of_mish(x)[0],
        lambda x: x * torch.sigmoid(x),
        lambda x: _derivative_of_mish(x)[1],
    )
    smallest = -_supremum(
        lambda y: -_derivative_of_mish(-y)[0],
        lambda y: y * _derivative_of_mish(-y)[1],
        lambda y: torch.sigmoid(-y),
    )
    return smallest, largest


def _selu(module: nn.Module) -> Slopes:
    # torch's own constants: the derivative on the left is scale * alpha at 0
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return 0.0, alpha * scale * (1 + ROUNDING)


def _elu(module: Any) -> Slopes:
    # alpha exp(x) on the left
    return _ends(0.0, 1.0, module.alpha)


def _celu(module: Any) -> Slopes:
    # exp(x / alpha) on the left
    if not module.alpha > 0:
        raise UnknownLayerError(f"CELU with alpha {module.alpha}: give a positive alpha")
    return 0.0, 1.0


def _ends(*values: float) -> Slopes:
    """The smallest and the largest; not a number if one is not."""
    if any(math.isnan(value) for value in values):
        return math.nan, math.nan
    return min(values), max(values)


def _softplus(module: Any) -> Slopes:
    # torch continues by the identity beyond the threshold, which is a jump
    jump = math.log1p(math.exp(-module.threshold)) if module.threshold > -700 else math.inf
    if not module.beta > 0 or jump > 2.0**-25 * module.threshold:
        raise UnknownLayerError(
            f"softplus with beta {module.beta} and threshold {module.threshold} jumps at the"
            " threshold: leave it at 20"
        )
    return 0.0, 1.0


def _leaky_relu(module: Any) -> Slopes:
    return _ends(1.0, module.negative_slope)


def _rrelu(module: Any) -> Slopes:
    # in evaluation mode the mean of its two ends
    return _ends(1.0, (module.lower + module.upper) / 2)


def _prelu(module: Any) -> Slopes:
    return _ends(1.0, *module.weight.detach().double().flatten().tolist())


def _threshold(module: Any) -> Slopes:
    if module.value != module.threshold:
        raise UnknownLayerError(
            f"a threshold at {module.threshold} with the value {module.value} jumps: give both the"
            " same number"
        )
    return 0.0, 1.0


_SLOPES: dict[type[nn.Module] | str, Callable[[Any], Slopes]] = {
    nn.Identity: _always(1.0, 1.0),
    nn.ReLU: _always(0.0, 1.0),
    nn.ReLU6: _always(0.0, 1.0),
    nn.Hardtanh: _always(0.0, 1.0),
    nn.Sigmoid: _always(0.0, 0.25),
    nn.LogSigmoid: _always(0.0, 1.0),
    # 1/6 as torch's gradient has it, which is rounded up to single precision
    nn.Hardsigmoid: _always(0.0, torch.tensor(1 / 6).item()),
    nn.Tanh: _always(0.0, 1.0),
    nn.Tanhshrink: _always(0.0, 1.0),
    nn.Softsign: _always(0.0, 1.0),
    nn.Softshrink: _always(0.0, 1.0),
    # (2 x + 3) / 6 between -3 and 3
    nn.Hardswish: _always(-0.5, 1.5),
    nn.GELU: lambda module: _gelu() if module.approximate == "none" else _gelu_by_tanh(),
    nn.SiLU: lambda module: _silu(),
    nn.Mish: lambda module: _mish(),
    nn.SELU: _selu,
    nn.ELU: _elu,
    nn.CELU: _celu,
    nn.Softplus: _softplus,
    nn.LeakyReLU: _leaky_relu,
    nn.RReLU: _rrelu,
    nn.PReLU: _prelu,
    nn.Threshold: _threshold,
}

ACTIVATIONS = tuple(_SLOPES)
"""Classes of modules that have slopes."""
