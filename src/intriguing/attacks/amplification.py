"""Adversarial examples moved on along their own direction, as in the paper's Table 4."""

from __future__ import annotations

import math

import torch

from intriguing import checks
from intriguing.attacks.adversarial_set import root_mean_square
from intriguing.errors import AttackError

# how far, relative to what is asked for, rounding may leave a distortion above it
ROUNDING = 1e-6


def amplify(
    images: torch.Tensor,
    adversarial: torch.Tensor,
    distortion: float | torch.Tensor,
    *,
    clip: bool = True,
) -> torch.Tensor:
    """Adversarial examples at a larger distortion: on along x' - x, from each original x.

    With n pixels an example becomes x + distortion · √n · (x' - x) / ‖x' - x‖₂. The formula of
    Szegedy et al. 2013 (section 4.2) lacks the √n: see `amplify_as_printed`.

    Parameters
    ----------
    images : float Tensor (N, C, H, W) in [0, 1]
        The originals.
    adversarial : float Tensor (N, C, H, W)
        Their adversarial examples.
    distortion : float, or Tensor (N,)
        Root mean square difference per pixel, before clipping: one for all, or one for each.
    clip : bool
        Keep the result in [0, 1], which makes the distortion smaller.

    Returns
    -------
    float Tensor (N, C, H, W)

    Raises
    ------
    AttackError
        If an example is its original, so that it has no direction, or is farther from it than it
        is to be.

    See Also
    --------
    amplify_as_printed : The paper's formula, unchanged.

    Examples
    --------
    >>> import torch
    >>> from intriguing.attacks import amplify
    >>> images, adversarial = torch.full((1, 4), 0.5), torch.tensor([[0.5, 0.5, 0.5, 0.6]])
    >>> amplify(images, adversarial, 0.1)
    tensor([[0.5000, 0.5000, 0.5000, 0.7000]])
    """
    length = _lengths(images, adversarial)
    wanted = torch.as_tensor(distortion, dtype=torch.float64, device=images.device)
    if not (wanted.isfinite().all() and (wanted >= 0).all()) or wanted.ndim > 1:
        raise AttackError("the distortion must be finite and at least 0: give one, or one for each")
    if wanted.ndim and len(wanted) != len(images):
        raise AttackError(
            f"{len(wanted)} distortions for {len(images)} images: give one, or one for each"
        )
    farther = length > wanted * (1 + ROUNDING)
    if farther.any():
        raise AttackError(
            f"{farther.sum().item()} of {len(images)} examples already have a distortion larger"
            f" than {_least(wanted):g}, up to {length.max().item():.4g}: amplify to a larger one,"
            " or give each its own"
        )
    moved = _along(images, adversarial, wanted / length)
    return moved.clamp(0, 1) if clip else moved


def amplify_as_printed(
    images: torch.Tensor, adversarial: torch.Tensor, length: float
) -> torch.Tensor:
    """The paper's formula, unchanged: x + length · (x' - x) / ‖x' - x‖₂.

    The result has a root mean square difference of length / √n, on MNIST (n = 784) a 28th of
    ``length``: for the paper's 0.1 that is less than what the examples have, not more.

    Parameters
    ----------
    images, adversarial : float Tensors (N, C, H, W)
    length : float
        Euclidean length of the difference.

    Returns
    -------
    float Tensor (N, C, H, W)

    Raises
    ------
    AttackError
        If an example is its original, so that it has no direction.

    See Also
    --------
    amplify : The formula corrected.

    Examples
    --------
    >>> import torch
    >>> from intriguing.attacks import amplify_as_printed
    >>> images, adversarial = torch.full((1, 4), 0.5), torch.tensor([[0.5, 0.5, 0.5, 0.7]])
    >>> amplify_as_printed(images, adversarial, 0.1)
    tensor([[0.5000, 0.5000, 0.5000, 0.6000]])
    """
    pixels = images[:1].numel()
    factor = length / (math.sqrt(max(1, pixels)) * _lengths(images, adversarial))
    return _along(images, adversarial, factor)


def _lengths(images: torch.Tensor, adversarial: torch.Tensor) -> torch.Tensor:
    """Root mean square difference of each pair, float64 Tensor (N,), none of them 0."""
    if images.shape != adversarial.shape:
        raise AttackError(
            f"the adversarial examples have the shape {tuple(adversarial.shape)}, the images"
            f" {tuple(images.shape)}: give an example for each image"
        )
    checks.check_images(images, torch.zeros(len(images), dtype=torch.int64))
    length = root_mean_square(adversarial - images)
    if not (length > 0).all():
        raise AttackError(
            f"{(~(length > 0)).sum().item()} of {len(images)} adversarial examples are the"
            " original, or not finite, and have no direction: leave them out"
        )
    return length


def _along(images: torch.Tensor, adversarial: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    factor = factor.reshape(-1, *[1] * (images.ndim - 1))
    moved = images.double() + factor * (adversarial - images).double()
    return moved.to(images.dtype)


def _least(values: torch.Tensor) -> float:
    return values.min().item()
