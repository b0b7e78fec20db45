"""Local response normalisation (Krizhevsky et al. 2012, section 3.3) by a banded matrix."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from intriguing.errors import ModelError

# numbers worked on at once on a CPU, in whose cache the intermediate results then stay
BLOCK = 2**18


class ResponseNorm(nn.Module):
    """y_i = x_i / (k + alpha sum_j x_j^2)^(3/4) over ``size`` neighbouring channels.

    The same map as `torch.nn.LocalResponseNorm` with ``alpha * size`` and beta = 0.75, which goes
    by way of a three-dimensional pool and of powers; here the sums over windows are a product with
    a banded matrix, the power two square roots, and the gradient is in closed form. The output is
    in the memory format ``channels_last``.

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
    # With s = k + alpha sum_j x_j^2, y = x s^-3/4, and the gradient of <u, y> is
    # u s^-3/4 - 2 beta alpha x sum_j u_j x_j s_j^-7/4, the sum over the same windows. Below, root
    # is s^-1/2, and names that end in _ are blocks of rows.

    @staticmethod
    def forward(ctx: Any, images: torch.Tensor, size: int, alpha: float, k: float) -> torch.Tensor:
        x = _rows(images)
        band, offset = alpha * _band(x, size), x.new_tensor(k)
        y, root = torch.empty_like(x), torch.empty_like(x)
        squares = torch.empty_like(x[: _height(x)])
        for x_, y_, root_ in _blocks(x, y, root):
            squares_ = torch.mul(x_, x_, out=squares[: len(x_)])
            torch.addmm(offset, squares_, band, out=root_).rsqrt_()
            torch.sqrt(root_, out=y_).mul_(root_).mul_(x_)
        ctx.save_for_backward(images, root)
        ctx.settings = size, alpha, k
        return _images(y, images)

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        images, root = ctx.saved_tensors
        size, alpha, k = ctx.settings
        x, u = _rows(images), _rows(upstream)
        band = (-2 * ResponseNorm.beta * alpha) * _band(x, size)
        if torch.is_grad_enabled():  # a second derivative will be taken: plain operations
            s = torch.addmm(x.new_tensor(k), x * x, alpha * _band(x, size))
            gradient = u * s**-0.75 + x * ((u * x * s**-1.75) @ band)
        else:
            gradient = torch.empty_like(x)
            factors, sums = (torch.empty_like(x[: _height(x)]) for _ in range(2))
            for x_, u_, root_, gradient_ in _blocks(x, u, root, gradient):
                torch.sqrt(root_, out=gradient_).mul_(root_).mul_(u_)
                factors_ = torch.mul(gradient_, x_, out=factors[: len(x_)]).mul_(root_).mul_(root_)
                sums_ = torch.mm(factors_, band, out=sums[: len(x_)])
                gradient_.addcmul_(sums_, x_)
        return _images(gradient, images), None, None, None


def _rows(images: torch.Tensor) -> torch.Tensor:
    """Images (B, C, H, W) as a contiguous matrix (B H W, C); of ``channels_last`` ones a view."""
    return images.permute(0, 2, 3, 1).reshape(-1, images.shape[1]).contiguous()


def _images(rows: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The inverse of `_rows`, for images of the shape of ``like``."""
    number, channels, height, width = like.shape
    return rows.view(number, height, width, channels).permute(0, 3, 1, 2)


def _band(x: torch.Tensor, size: int) -> torch.Tensor:
    """Matrix (C, C), 1 where two channels are in one window."""
    channel = torch.arange(x.shape[1], device=x.device)
    return ((channel[:, None] - channel).abs() <= size // 2).to(x.dtype)


def _height(x: torch.Tensor) -> int:
    """Rows of a block; on a GPU all of them."""
    return max(1, BLOCK // x.shape[1] if x.device.type == "cpu" else len(x))


def _blocks(*matrices: torch.Tensor) -> Any:
    return zip(*(matrix.split(_height(matrix)) for matrix in matrices), strict=True)
