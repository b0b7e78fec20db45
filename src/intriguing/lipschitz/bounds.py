"""What is known of a Lipschitz constant in the Euclidean norm. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Bounds:
    """A certified interval, and what other methods give (None where a method does not apply).

    Parameters
    ----------
    lower : float
        A ratio of distances that some pair of inputs attains, minus the rounding error of
        computing it.
    upper : float
        A number that no pair of inputs exceeds, rounding included. For a linear layer both bound
        the operator norm.
    paper : float or None
        Szegedy et al. 2013, section 4.3, with the right power of the stride: the supremum of the
        symbol over all frequencies, bounded from a grid; for a dense layer its operator norm.
    paper_as_printed : float or None
        The same as printed, too small by a factor of the stride: not a bound where the stride is
        larger than 1.
    unfold : float or None
        sqrt(windows that share a pixel) times the norm of the kernel reshaped to a matrix.
    article : float or None
        Kernel height times width times that norm, from the article that popularised the paper.
    toeplitz : float or None
        LipBound (Araujo et al. 2021, arXiv 2006.08391), which ignores the stride.
    gram : float or None
        Gram iteration (Delattre et al. 2023) at each frequency of a torus; single precision.
    method : str
        The method that gave ``upper``.

    Examples
    --------
    >>> Bounds(0.9, 1.0).upper
    1.0
    >>> Bounds.exactly(2) == Bounds(2.0, 2.0)
    True
    """

    lower: float
    upper: float
    paper: float | None = None
    paper_as_printed: float | None = None
    unfold: float | None = None
    article: float | None = None
    toeplitz: float | None = None
    gram: float | None = None
    method: str = "closed form"

    @classmethod
    def exactly(cls, constant: float) -> Bounds:
        """Bounds of a constant that is attained and known in closed form."""
        return cls(float(constant), float(constant))


COMPARISONS = ("paper", "paper_as_printed", "unfold", "article", "toeplitz", "gram")
"""Fields of `Bounds` that hold what other methods give."""


@dataclass(frozen=True, eq=False)
class Constants:
    """The certified constants of a network that its certificates need.

    Parameters
    ----------
    upper : float
        Certified Lipschitz constant of the map from the image to all logits.
    pairwise : float64 Tensor (classes, classes) or None
        Certified constant of logit i minus logit j; None where only ``upper`` is known.

    See Also
    --------
    intriguing.lipschitz.certified_radii : Radii from these constants.
    intriguing.lipschitz.network_bounds : Constants of a model, and everything else known of it.
    """

    upper: float
    pairwise: torch.Tensor | None = None
