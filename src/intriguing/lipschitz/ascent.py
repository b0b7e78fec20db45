"""Images with a larger Jacobian than given ones: a better lower bound of a network's constant."""

from __future__ import annotations

import torch
from torch import nn

from intriguing.lipschitz.network import MANY_CLASSES, jacobian_norms
from intriguing.networks.logits import logits_of
from intriguing.networks.precision import in_double_precision

# length of the first step, as a share of the square root of the number of pixels; later ones are
# shorter, to 0
LENGTH = 0.03
# images to start from
STARTS = 16


def raised_images(
    model: nn.Module, images: torch.Tensor, steps: int, starts: int = STARTS
) -> torch.Tensor:
    """Images of the box at which the Jacobian d logits / d image has a larger norm.

    Gradient ascent on the largest singular value, from the images at which it is largest: with its
    singular vectors u and v fixed, the gradient is that of u' J v. Where a network is piecewise
    linear the gradient is 0 and nothing is gained. With more than `network.MANY_CLASSES` classes
    the second derivatives cost too much, and there are no such images.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    images : float Tensor (N, C, H, W)
        In [0, 1].
    steps : int
    starts : int
        Number of images to start from.

    Returns
    -------
    float Tensor (M, C, H, W)
        The best point of each path, of the images' type; M is ``starts`` or N, 0 with many classes.
    """
    double = in_double_precision(model).cpu()
    points = images.detach().double().cpu()
    if not len(points) or logits_of(double, points[:1]).shape[1] > MANY_CLASSES:
        return images[:0]
    norms = jacobian_norms(model, points)
    points = points[norms.topk(min(starts, len(points))).indices]
    best, highest = points.clone(), torch.zeros(len(points), dtype=points.dtype)
    for step in range(steps + 1):
        norms, slopes = _norms(double, points)
        better = norms > highest
        best[better], highest[better] = points[better], norms[better]
        length = LENGTH * points[0].numel() ** 0.5 * (1 - step / (steps + 1))
        sizes = slopes.flatten(1).norm(dim=1).clamp_min(1e-30).view(-1, *[1] * (points.ndim - 1))
        points = (points + length * slopes / sizes).clamp(0, 1)
    return best.to(images.dtype)


def _norms(model: nn.Module, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Norms of the Jacobians, and their gradients at the points."""
    points = points.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = logits_of(model, points)
        rows = [
            torch.autograd.grad(logit.sum(), points, create_graph=True)[0].flatten(1)
            for logit in logits.unbind(1)
        ]
        jacobians = torch.stack(rows, 1)
        left, values, right = torch.linalg.svd(jacobians.detach(), full_matrices=False)
        along = torch.einsum("nk,nki,ni->", left[:, :, 0], jacobians, right[:, 0])
        slopes = torch.zeros_like(points)
        if along.requires_grad:
            (found,) = torch.autograd.grad(along, points, allow_unused=True)
            slopes = slopes if found is None else found
    return values[:, 0], slopes
