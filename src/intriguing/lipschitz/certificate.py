"""Radii inside which no adversarial example can lie, and the check that none does.

If logit y exceeds logit j by a margin m at an image, and y minus j has the Lipschitz constant L,
then j cannot reach y within a distance m / L (Euclidean norm of the distortion). For all logits
together y minus j has at most sqrt(2) times their constant (Tsuzuku et al. 2018, proposition 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from intriguing import checks
from intriguing.errors import BoundError
from intriguing.lipschitz.bounds import Constants
from intriguing.lipschitz.rounding import UNIT
from intriguing.networks.logits import in_training, logits_of
from intriguing.networks.precision import in_double_precision

# a fraction of the radius, for the rounding of logits in float64
DOWN = 1 - 1e-9
# rounding of a logit, relative to the largest and for each pixel that enters it
ROUNDING = 4 * UNIT


@dataclass(frozen=True, eq=False)
class Radii:
    """Certified radii of N images, as Euclidean norms of the distortion; 0 where misclassified.

    Parameters
    ----------
    simple : float64 Tensor (N,)
        Margin over (sqrt(2) times the network's constant).
    pairwise : float64 Tensor (N,)
        Smallest over the other classes of margin over the pair's own constant.
    targeted : float64 Tensor (N,) or None
        For the target alone, which is at least ``pairwise``; ``pairwise`` where there is no target.
    """

    simple: torch.Tensor
    pairwise: torch.Tensor
    targeted: torch.Tensor | None = None


class Examples(Protocol):
    """Adversarial examples, as in an `AdversarialSet`."""

    @property
    def images(self) -> torch.Tensor:
        """Float Tensor (N, C, H, W)."""

    @property
    def success(self) -> torch.Tensor:
        """Bool Tensor (N,)."""


@torch.no_grad()
def certified_radii(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    bounds: Constants,
    targets: torch.Tensor | None = None,
    *,
    batch_size: int = 512,
) -> Radii:
    """Radii within which the model gives each image its label, whatever the distortion.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    images : float Tensor (N, C, H, W)
        In [0, 1].
    labels : int64 Tensor (N,)
    bounds : Constants
        What `network_bounds` returned for the same model, or its ``upper`` and ``pairwise``.
    targets : int64 Tensor (N,), optional
        Classes for the targeted radius; negative where there is none.
    batch_size : int
        Images in one forward pass.

    Returns
    -------
    Radii

    Raises
    ------
    AttackError
        If images or labels are not valid.
    BoundError
        If the bounds are not of this model, or it is in training mode.

    See Also
    --------
    check_no_example_inside : The check against an attack.

    Examples
    --------
    >>> from intriguing.lipschitz import network_bounds
    >>> model = nn.Linear(1, 2).eval()
    >>> weight = model.weight.data.copy_(torch.tensor([[1.0], [-1.0]]))
    >>> bias = model.bias.data.copy_(torch.tensor([0.0, 1.0]))
    >>> bounds = network_bounds(model, (1,))
    >>> radii = certified_radii(model, torch.tensor([[0.75]]), torch.tensor([0]), bounds)
    >>> round(radii.pairwise.item(), 6)
    0.25
    """
    checks.check_images(images, labels)
    if not isinstance(bounds, Constants):
        raise BoundError(
            f"bounds is a {type(bounds).__name__}: give what network_bounds returned for this model"
        )
    if in_training(model):
        raise BoundError("the model is in training mode: call model.eval() first")
    double = in_double_precision(model)
    logits = torch.cat([logits_of(double, part) for part in images.double().split(batch_size)])
    checks.check_classes(labels, logits.shape[1], "label")
    constants = bounds.pairwise
    if constants is None:
        constants = torch.full((logits.shape[1],) * 2, 2**0.5 * bounds.upper, dtype=torch.float64)
    if len(constants) != logits.shape[1]:
        raise BoundError(
            f"bounds are of a network of {len(constants)} classes, but the model has"
            f" {logits.shape[1]}: give the bounds of this model"
        )
    labels = labels.long()
    column = labels[:, None]
    margins = logits.gather(1, column) - logits
    # the margin of logits that nearly cancel is mostly rounding
    rounding = ROUNDING * images[0].numel() * logits.abs().amax(1, keepdim=True)
    others = (margins - rounding).scatter(1, column, torch.inf)
    smallest = others.amin(1).clamp(min=0)
    simple = DOWN * smallest / (2**0.5 * bounds.upper)
    radii = (DOWN * others / constants[labels]).nan_to_num(posinf=torch.inf)
    right = smallest > 0
    pairwise = torch.where(right, radii.amin(1), 0.0)
    targeted = None
    if targets is not None:
        to_target = radii.gather(1, targets.clamp(min=0)[:, None])[:, 0].clamp(min=0)
        aimed = (targets >= 0) & (targets != labels)
        targeted = torch.where(right, torch.where(aimed, to_target, pairwise), 0.0)
    return Radii(torch.where(right, simple, 0.0), pairwise, targeted)


def check_no_example_inside(
    adversarial: Examples,
    originals: torch.Tensor,
    radii: Radii,
    *,
    names: Sequence[object] | None = None,
) -> None:
    """Raise unless every adversarial example lies outside its image's certified radius.

    Parameters
    ----------
    adversarial : AdversarialSet
        Or anything with ``images`` and ``success``.
    originals : float Tensor (N, C, H, W)
    radii : Radii
    names : sequence, optional
        What to call the images in the message; their numbers by default.

    Raises
    ------
    BoundError
        Naming the first image with an example inside. Then one of the two halves is wrong, the
        claim of the attack or the bound.

    See Also
    --------
    certified_radii
    """
    norms = (adversarial.images.double() - originals.double()).flatten(1).norm(dim=1)
    radius = torch.maximum(radii.simple, radii.pairwise)
    if radii.targeted is not None:
        radius = torch.maximum(radius, radii.targeted)
    inside = adversarial.success & (norms < radius)
    if inside.any():
        row = int(inside.nonzero()[0, 0].item())
        name = row if names is None else names[row]
        raise BoundError(
            f"image {name} has an adversarial example at distance {norms[row]:.6g}, inside its"
            f" certified radius {radius[row]:.6g} ({inside.sum()} such images): the bound or the"
            " attack is wrong; please report this"
        )
