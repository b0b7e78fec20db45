"""The images that excite directions of a layer most, found a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from intriguing.errors import UnitsError
from intriguing.units.families import describe, directions
from intriguing.units.recorded import NUMBERS, Activations, activations

# scores that are sorted at once
SORTED = 1 << 24


@dataclass(frozen=True, eq=False)
class TopImages:
    """The images that excite each direction most.

    Parameters
    ----------
    indices : int64 Tensor (D, k)
        Images, the first excites most; of equal scores, the first image.
    scores : float32 Tensor (D, k)
    mean, deviation : float32 Tensor (D,)
        Of the scores of all images.
    tied : bool Tensor (D,)
        Whether an image that is left out has the score of the last one, as for a unit that is 0 for
        most images: which ones are shown is then arbitrary.
    """

    indices: torch.Tensor
    scores: torch.Tensor
    mean: torch.Tensor
    deviation: torch.Tensor
    tied: torch.Tensor


def top_images(
    model: nn.Module,
    images: torch.Tensor,
    layer: str,
    vectors: torch.Tensor | None = None,
    *,
    k: int = 10,
    positions: str = "largest",
) -> TopImages:
    """The k images that excite each direction of a layer most (Szegedy et al. 2013, section 3).

    Parameters
    ----------
    model : Module
        In evaluation mode.
    images : Tensor (N, C, H, W)
        Held out from training.
    layer : str
        As in `recorded.activations`.
    vectors : Tensor (D, units), optional
        By default the units themselves, those left out that are the same for all images.
    k : int
    positions : {"largest", "separate"}
        As in `recorded.activations`.

    Returns
    -------
    TopImages

    Raises
    ------
    UnitsError
        If k is larger than the number of images, or the directions do not fit the layer.

    See Also
    --------
    intriguing.units.directions : Families of directions.
    intriguing.units.coherence : How alike these images are.
    """
    found = activations(model, images, layer, positions=positions)
    if vectors is None:
        vectors = directions("units", describe(found), number=found.units)
    return leading(scores(found, vectors), k)


def scores(layer: Activations, vectors: torch.Tensor) -> torch.Tensor:
    """Score of each direction for each image: float32 Tensor (D, N).

    Parameters
    ----------
    layer : Activations
    vectors : Tensor (D, C)
    """
    if not torch.is_tensor(vectors) or vectors.ndim != 2 or vectors.shape[1] != layer.units:
        shape = tuple(getattr(vectors, "shape", ()))
        raise UnitsError(
            f"the directions are a {type(vectors).__name__} of shape {shape}: give a Tensor"
            f" (directions, {layer.units}), a number for each unit of layer {layer.layer}"
        )
    if not vectors.isfinite().all():
        raise UnitsError("a direction holds NaN or infinity: give finite numbers")
    found = torch.empty(len(vectors), layer.images)
    rows = max(1, NUMBERS // max(1, layer.positions * len(vectors)))
    at = 0
    for batch in layer:
        for part in batch.split(rows):
            found[:, at : at + len(part)] = (part @ vectors.to(part).T).amax(1).T
            at += len(part)
    return found


def leading(scored: torch.Tensor, k: int) -> TopImages:
    """The k images of largest score of each direction, from scores (D, N)."""
    number = scored.shape[1]
    if not isinstance(k, int) or not 1 <= k <= number:
        raise UnitsError(f"k is {k}, but there are {number} images: choose one from 1 to {number}")
    rows = max(1, SORTED // number)
    parts = [_leading(part, k) for part in scored.split(rows)]
    indices, tied = (torch.cat(values) for values in zip(*parts, strict=True))
    deviation, mean = torch.std_mean(scored, 1, correction=0)
    return TopImages(indices, scored.gather(1, indices), mean, deviation, tied)


def _leading(scored: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    values, indices = scored.topk(k, 1)
    # topk breaks ties as it likes, and by the number of threads; rows with a tie that matters are
    # sorted, which is slower and keeps the order of the images
    least = values[:, -1:]
    tied = (scored >= least).sum(1) > k
    unclear = tied | (values[:, 1:] == values[:, :-1]).any(1)
    if unclear.any():
        ordered = scored[unclear].sort(dim=1, descending=True, stable=True)
        indices[unclear] = ordered.indices[:, :k]
    return indices, tied
