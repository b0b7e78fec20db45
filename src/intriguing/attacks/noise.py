"""Gaussian noise: the control that adversarial examples are compared with."""

from __future__ import annotations

import math

import torch

from intriguing import checks
from intriguing.attacks.adversarial_set import AdversarialSet, root_mean_square
from intriguing.errors import AttackError
from intriguing.networks.logits import logits_of


def gaussian_noise(
    images: torch.Tensor,
    labels: torch.Tensor,
    standard_deviation: float | torch.Tensor,
    *,
    seed: int = 0,
    clip: bool = False,
    exact: bool = False,
) -> AdversarialSet:
    """Images with independent Gaussian noise on each pixel.

    Parameters
    ----------
    images : float Tensor (N, C, H, W) in [0, 1]
    labels : int Tensor (N,)
    standard_deviation : float, or Tensor (N,)
        One for all images, or one for each.
    seed : int
        The same seed gives the same noise.
    clip : bool
        Keep the result in [0, 1]. The distortion then falls short of the standard deviation (on
        MNIST, where most pixels are 0, by about a third); without it the two agree as in the
        paper's tables.
    exact : bool
        Scale the noise of each image so that its root mean square is the deviation itself, not
        only on average (before clipping).

    Returns
    -------
    AdversarialSet
        ``targets`` are -1, ``success`` is False throughout: noise aims at nothing. With ``clip``
        off the images leave the box.

    Raises
    ------
    AttackError
        If an image leaves the box, or a deviation is negative or not finite.

    See Also
    --------
    noise_tolerance : How much noise each image takes.

    Examples
    --------
    >>> import torch
    >>> from intriguing.attacks import gaussian_noise
    >>> images, labels = torch.rand(2, 1, 28, 28), torch.tensor([3, 7])
    >>> gaussian_noise(images, labels, 0.3, exact=True).distortion
    tensor([0.3000, 0.3000], dtype=torch.float64)
    """
    checks.check_images(images, labels)
    images, labels = images.detach().float(), labels.long()
    noise = _standard_noise(images, seed)
    deviation = torch.as_tensor(standard_deviation, dtype=torch.float32, device=images.device)
    if not (deviation >= 0).all() or deviation.isinf().any() or deviation.ndim > 1:
        raise AttackError("the standard deviation must be finite and at least 0")
    if deviation.ndim and len(deviation) != len(images):
        raise AttackError(
            f"{len(deviation)} standard deviations for {len(images)} images: give one, or one for"
            " each"
        )
    if exact:
        noise = noise / _per_image(_root_mean_square(noise), images)
    noisy = images + noise * _per_image(deviation, images)
    noisy = noisy.clamp(0, 1) if clip else noisy
    settings = {"attack": "gaussian_noise", "seed": seed, "clip": clip}
    result = AdversarialSet.untried(noisy, labels, settings)
    result.distortion = root_mean_square(noisy - images)
    return result


# standard deviations tried by `noise_tolerance`: 5 % apart
WEAKEST, STRONGEST, STEP = 1e-3, 10.0, 1.05


@torch.no_grad()
def noise_tolerance(
    model: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    seed: int = 0,
    batch_size: int = 512,
) -> torch.Tensor:
    """Distortion by Gaussian noise at which each image is first misclassified.

    One random direction for each image is followed outwards (not clipped to the box) in steps of
    5 %: how much noise an image tolerates, to compare with an adversary's distortion.

    Parameters
    ----------
    model : Module
    images : float Tensor (N, C, H, W) in [0, 1]
    labels : int Tensor (N,)
    seed : int
    batch_size : int

    Returns
    -------
    float64 Tensor (N,)
        Root mean square of the noise; 0 where the class is wrong without any; 10, the largest
        tried, where it never changes. On the CPU, wherever the model computes.

    See Also
    --------
    minimum_distortion : The same of an adversary.

    Examples
    --------
    >>> import torch
    >>> from intriguing.attacks import noise_tolerance
    >>> class Bright(torch.nn.Module):  # class 1 from a mean of 0.5 on
    ...     def forward(self, images):
    ...         return torch.stack([0 * images[:, 0] + 0.5, images.mean(1)], 1)
    >>> tolerance = noise_tolerance(Bright(), torch.tensor([[0.9], [0.6]]), torch.tensor([0, 1]))
    >>> tolerance[0].item(), 0.0 < tolerance[1].item() <= 10.0
    (0.0, True)
    """
    checks.check_images(images, labels)
    device = checks.checked_device(model, images)
    images, labels = images.to(device), labels.to(device)
    noise = _standard_noise(images, seed)
    noise = noise / _per_image(_root_mean_square(noise), images)
    tolerated = torch.full((len(images),), STRONGEST, dtype=torch.float64, device=device)
    standing = torch.arange(len(images), device=device)
    steps = math.ceil(math.log(STRONGEST / WEAKEST) / math.log(STEP))
    for deviation in [0.0, *(WEAKEST * STEP**k for k in range(steps)), STRONGEST]:
        if not len(standing):
            break
        wrong = torch.cat(
            [
                logits_of(model, images[rows] + deviation * noise[rows]).argmax(1) != labels[rows]
                for rows in standing.split(batch_size)
            ]
        )
        tolerated[standing[wrong]] = deviation
        standing = standing[~wrong]
    return tolerated.cpu()


def _standard_noise(images: torch.Tensor, seed: int) -> torch.Tensor:
    """Noise of deviation 1, the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(images.shape, generator=generator).to(images.device)


def _root_mean_square(noise: torch.Tensor) -> torch.Tensor:
    return noise.flatten(1).square().mean(1).sqrt()


def _per_image(values: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, *[1] * (images.ndim - 1))
