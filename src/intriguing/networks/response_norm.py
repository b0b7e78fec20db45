"""Local response normalisation (Krizhevsky et al. 2012, section 3.3) by shifted sums."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from intriguing.errors import ModelError


class ResponseNorm(nn.Module):
    """y_i = x_i / (k + alpha sum_j x_j^2)^(3/4) over ``size`` neighbouring channels.

    The same map as `torch.nn.LocalResponseNorm` with ``alpha * size`` and beta = 0.75, which goes
    by way of a three-dimensional pool and of powers; here the windows are sums of shifted channels,
    the power two square roots, and the gradient is in closed form.

    Parameters
    ----------
    size : int
        Channels of a window, odd.
    alpha : float
        Factor of the plain sum of squares.
    k : float
        Positive.
    """

    beta = 0.75

    def __init__(self, size: int = 5, alpha: float = 1e-4, k: float = 2.0):
        super().__init__()
        if size % 2 == 0 or size < 1 or not k > 0:
            raise ModelError(f"size is {size} and k {k}: give an odd size and a positive k")
        self.size, self.alpha, self.k = size, alpha, k

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return _Normalised.apply(images, self.size, self.alpha, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, k={self.k}"


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, size: int, alpha: float, k: float) -> torch.Tensor:
        total, power = _power(x, size, alpha, k)
        ctx.save_for_backward(x, total, power)
        ctx.settings = size, alpha, k
        return x * power

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        x, total, power = ctx.saved_tensors
        size, alpha, k = ctx.settings
        if torch.is_grad_enabled():  # of a second derivative they are part
            total, power = _power(x, size, alpha, k)
        scaled = upstream * power
        inner = _windows(scaled * x / total, size)
        return scaled - (2 * ResponseNorm.beta * alpha) * x * inner, None, None, None


def _power(x: torch.Tensor, size: int, alpha: float, k: float) -> tuple[torch.Tensor, torch.Tensor]:
    """k + alpha sum_j x_j^2, and its power -3/4."""
    total = alpha * _windows(x * x, size) + k
    root = total.rsqrt()
    return total, root * root.sqrt()


def _windows(values: torch.Tensor, size: int) -> torch.Tensor:
    """Sum over the ``size`` channels around each, of (B, C, H, W)."""
    total = values.clone()
    for shift in range(1, min(size // 2 + 1, values.shape[1])):
        total[:, shift:] += values[:, :-shift]
        total[:, :-shift] += values[:, shift:]
    return total
