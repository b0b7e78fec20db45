"""Gaussian noise: the control that adversarial examples are compared with."""

import math

import torch

from intriguing import checks
from intriguing.attacks.adversarial_set import AdversarialSet, root_mean_square
from intriguing.errors import AttackError


def gaussian_noise(images, labels, standard_deviation, *, seed=0, clip=False, exact=False):
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
    """
    checks.check_images(images, labels)
    images, labels = images.float(), labels.long()
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(images.shape, generator=generator).to(images.device)
    deviation = torch.as_tensor(standard_deviation, dtype=torch.float32, device=images.device)
    if not (deviation >= 0).all() or deviation.isinf().any() or deviation.ndim > 1:
        raise AttackError("the standard deviation must be finite and at least 0")
    if deviation.ndim and len(deviation) != len(images):
        raise AttackError(
            f"{len(deviation)} standard deviations for {len(images)} images: give one, or one for"
            " each"
        )
    if exact:
        rms = noise.flatten(1).square().mean(1).sqrt()
        noise = noise / rms.view(-1, *[1] * (images.ndim - 1))
    noisy = images + noise * deviation.reshape(-1, *[1] * (images.ndim - 1))
    noisy = noisy.clamp(0, 1) if clip else noisy
    settings = {"attack": "gaussian_noise", "seed": seed, "clip": clip}
    made = AdversarialSet.untried(noisy, labels, settings)
    made.distortion = root_mean_square(noisy - images)
    return made


# standard deviations tried by `noise_tolerance`: 5 % apart
WEAKEST, STRONGEST, STEP = 1e-3, 10.0, 1.05


@torch.no_grad()
def noise_tolerance(model, images, labels, *, seed=0, batch_size=512):
    """Distortion by Gaussian noise at which each image is first misclassified.

    One random direction for each image is followed outwards (not clipped to the box) in steps of
    5 %: what an image tolerates of noise, beside what it tolerates of an adversary.

    Parameters
    ----------
    model : Module
    images : float Tensor (N, C, H, W) in [0, 1]
    labels : int Tensor (N,)
    seed : int

    Returns
    -------
    float64 Tensor (N,)
        Root mean square of the noise; 0 where the class is wrong without any; 10, the largest
        tried, where it never changes.
    """
    checks.check_images(images, labels)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(images.shape, generator=generator).to(images.device)
    rms = noise.flatten(1).square().mean(1).sqrt()
    noise = noise / rms.view(-1, *[1] * (images.ndim - 1))
    tolerated = torch.full((len(images),), STRONGEST, dtype=torch.float64)
    standing = torch.arange(len(images))
    steps = math.ceil(math.log(STRONGEST / WEAKEST) / math.log(STEP))
    for deviation in [0.0, *(WEAKEST * STEP**k for k in range(steps)), STRONGEST]:
        if not len(standing):
            break
        wrong = torch.cat(
            [
                model(images[rows] + deviation * noise[rows]).argmax(1) != labels[rows]
                for rows in standing.split(batch_size)
            ]
        )
        tolerated[standing[wrong]] = deviation
        standing = standing[~wrong]
    return tolerated
