"""Quick adversarial examples for the output of any layer: linearised steps to the nearest class.

Coarser than `attacks.minimum_distortion` and many times cheaper: training needs thousands of them
again and again. The steps to the boundary are those of DeepFool (Moosavi-Dezfooli et al. 2016,
arXiv 1511.04599), kept in a box, then shortened by bisection.
"""

from __future__ import annotations

import math

import torch
from torch import nn

# linearisations, halvings of the segment to the original, and longest step as a share of the
# square root of the number of units: far from the boundary a sigmoid's slopes say little of it
STEPS, HALVINGS, LONGEST = 12, 8, 0.06
# how far beyond the linearised boundary a step ends
OVERSHOOT = 1.05
# points worked on at once
BATCH = 1024


def towards_boundary(
    model: nn.Module, points: torch.Tensor, labels: torch.Tensor, length: float
) -> torch.Tensor:
    """Points moved by a given length against their labels, not kept in a box.

    The direction is that in which the label's logit falls fastest relative to the smooth maximum
    of the others. Unlike the gradient of the cross-entropy it does not vanish where the model is
    certain.

    Parameters
    ----------
    model : Module
        From points to logits.
    points : float Tensor (N, n)
    labels : int64 Tensor (N,)
    length : float
        In the Euclidean norm.
    """
    with torch.enable_grad():
        points = points.detach().requires_grad_(True)
        logits = model(points)
        own = logits.gather(1, labels[:, None])[:, 0]
        others = logits.scatter(1, labels[:, None], -math.inf).logsumexp(1)
        (slopes,) = torch.autograd.grad((others - own).sum(), points)
    sizes = torch.linalg.vector_norm(slopes, dim=1, keepdim=True).clamp_min(1e-30)
    return points.detach() + length * slopes / sizes


@torch.no_grad()
def nearest_boundary(
    model: nn.Module, points: torch.Tensor, labels: torch.Tensor, box: tuple[float, float]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Points of the box just beyond the nearest boundary of the labels.

    Parameters
    ----------
    model : Module
        From points to logits: the layers above the one that is perturbed.
    points : float Tensor (N, n)
        In the box.
    labels : int64 Tensor (N,)
    box : (float, float)

    Returns
    -------
    points : float Tensor (N, n)
        The original where no other class was reached, or the model misclassifies it.
    reached : bool Tensor (N,)
        Where the point has another class than its label and the original had the label.
    """
    parts = [
        _of_batch(model, some, theirs, box)
        for some, theirs in zip(points.split(BATCH), labels.split(BATCH), strict=True)
    ]
    moved, reached = (torch.cat(part) for part in zip(*parts, strict=True))
    return moved, reached


def _of_batch(
    model: nn.Module, originals: torch.Tensor, labels: torch.Tensor, box: tuple[float, float]
) -> tuple[torch.Tensor, torch.Tensor]:
    points = originals.clone()
    right = ~_crossed(model(points), labels)
    longest = LONGEST * math.sqrt(points.shape[1])
    waiting = right.nonzero()[:, 0]
    for _ in range(STEPS):
        if not len(waiting):
            break
        step = _step(model, points[waiting], labels[waiting], box)
        length = step.norm(dim=1, keepdim=True)
        step = step * (longest / length.clamp_min(1e-12)).clamp_max(1.0)
        points[waiting] = (points[waiting] + step).clamp(*box)
        waiting = waiting[~_crossed(model(points[waiting]), labels[waiting])]
    reached = right & _crossed(model(points), labels)
    low = torch.zeros(len(points), 1, dtype=points.dtype, device=points.device)
    high = torch.ones_like(low)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        beyond = _crossed(model(torch.lerp(originals, points, middle)), labels)[:, None]
        low, high = torch.where(beyond, low, middle), torch.where(beyond, middle, high)
    points = torch.lerp(originals, points, high)
    return torch.where(reached[:, None], points, originals), reached


def _crossed(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return logits.argmax(1) != labels


def _step(
    model: nn.Module, points: torch.Tensor, labels: torch.Tensor, box: tuple[float, float]
) -> torch.Tensor:
    """To just beyond the nearest linearised boundary; coordinates at a side of the box stay."""
    with torch.enable_grad():
        points = points.detach().requires_grad_(True)
        logits = model(points)
        rows = [
            torch.autograd.grad(logits[:, label].sum(), points, retain_graph=True)[0]
            for label in range(logits.shape[1])
        ]
    slopes = torch.stack(rows, 1)
    row = torch.arange(len(points), device=points.device)
    gaps = logits.detach()[row, labels][:, None] - logits.detach()
    slopes = slopes - slopes[row, labels][:, None]
    blocked = ((points <= box[0])[:, None] & (slopes < 0)) | (
        (points >= box[1])[:, None] & (slopes > 0)
    )
    slopes = slopes.masked_fill(blocked, 0.0)
    squares = slopes.square().sum(2).clamp_min(1e-24)
    distances = (gaps / squares.sqrt()).scatter(1, labels[:, None], math.inf)
    nearest = distances.argmin(1)
    scale = OVERSHOOT * gaps[row, nearest] / squares[row, nearest]
    return scale[:, None] * slopes[row, nearest]
