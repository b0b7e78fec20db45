"""How alike the images are that excite a direction most: labels, pixels, another network's view."""

from __future__ import annotations

import pandas
import torch

from intriguing.errors import UnitsError
from intriguing.units.top import SORTED

RESERVED = ("purity", "class", "entropy")


def coherence(
    indices: torch.Tensor,
    labels: torch.Tensor,
    **views: torch.Tensor,
) -> pandas.DataFrame:
    """Measures of some directions' top images.

    Parameters
    ----------
    indices : int64 Tensor (D, k)
        `top.TopImages.indices`.
    labels : int64 Tensor (N,)
    **views : Tensor (N, ...)
        What the images look like, by the name of the measure: their pixels, or the features of
        another network.

    Returns
    -------
    DataFrame
        A row for each direction. ``purity``: share of the most frequent class; ``class``: that
        class, the first of several; ``entropy``: of the shares of the classes, in bits. For each
        view, the mean cosine between the vectors of two of the images, less the mean of all images
        (Klindt et al. 2023, arXiv 2310.11431, equation 1, with this similarity).

    Raises
    ------
    UnitsError
        If labels or views are not as many as the indices need, or one image has no pair.
    """
    indices, labels = torch.as_tensor(indices).cpu(), _labels(labels)
    views = {name: torch.as_tensor(view).cpu() for name, view in views.items()}
    if indices.ndim != 2 or not indices.shape[1]:
        raise UnitsError(
            f"the indices have the shape {tuple(indices.shape)}: give (directions, k), as"
            " top_images does"
        )
    if indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < len(labels):
        raise UnitsError(
            f"labels are for {len(labels)} images, but the indices go from {int(indices.min())}"
            f" to {int(indices.max())}: give a label for each image"
        )
    for name, view in views.items():
        if name in RESERVED:
            raise UnitsError(f"a view is called {name}, which is a measure: choose another name")
        if len(view) != len(labels) or not view.isfinite().all():
            raise UnitsError(
                f"{name} is for {len(view)} images, or holds NaN or infinity: give finite numbers"
                f" for each of the {len(labels)} images"
            )
    k = indices.shape[1]
    # classes need not be numbered from 0
    classes, places = labels.unique(return_inverse=True)
    counts = torch.zeros(len(indices), len(classes), dtype=torch.float64)
    counts.scatter_add_(1, places[indices], torch.ones_like(indices, dtype=torch.float64))
    shares = counts / k
    best = shares.argmax(1)
    found = {
        "purity": shares.amax(1).numpy(),
        "class": classes[best].numpy(),
        "entropy": -torch.special.xlogy(shares, shares).sum(1).numpy()
        / torch.log(torch.tensor(2.0, dtype=torch.float64)).item(),
    }
    for name, view in views.items():
        if k < 2:
            raise UnitsError(f"{name} compares pairs of images: choose a k of at least 2")
        found[name] = _similarity(indices, view).numpy()
    return pandas.DataFrame(found)


def _similarity(indices: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    """Mean cosine over the pairs of each row, float64 Tensor (D,)."""
    vectors = view.flatten(1).float()
    vectors = vectors - vectors.mean(0)
    vectors = torch.nn.functional.normalize(vectors, dim=1)
    k = indices.shape[1]
    rows = max(1, SORTED // max(1, k * vectors.shape[1]))
    parts = []
    for part in indices.split(rows):
        chosen = vectors[part].double()
        # the sum over all pairs, those of an image with itself included
        total = chosen.sum(1).square().sum(1)
        own = chosen.square().sum((1, 2))
        parts.append((total - own) / (k * (k - 1)))
    return torch.cat(parts)


def _labels(labels: torch.Tensor) -> torch.Tensor:
    found = torch.as_tensor(labels).cpu()
    if found.ndim != 1 or found.is_floating_point():
        raise UnitsError(
            f"the labels have the shape {tuple(found.shape)} and the type {found.dtype}: give"
            " whole numbers, one for each image"
        )
    return found


def best_class(scored: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Area under the ROC curve of each direction for the class that it detects best.

    Parameters
    ----------
    scored : float32 Tensor (D, N)
        `top.scores`.
    labels : int64 Tensor (N,)

    Returns
    -------
    float64 Tensor (D,)
        Probability that an image of that class has a larger score than one of another (Mann and
        Whitney), ties counted half. The best of several classes is above 0.5 by chance alone.
    """
    labels, scored = _labels(labels), scored.cpu()
    if scored.ndim != 2 or scored.shape[1] != len(labels):
        raise UnitsError(
            f"the scores have the shape {tuple(scored.shape)}: give (directions, {len(labels)}),"
            " one for each label"
        )
    classes, places = labels.unique(return_inverse=True)
    members = torch.nn.functional.one_hot(places, len(classes)).double()
    sizes = members.sum(0)
    others = len(labels) - sizes
    if len(classes) < 2:
        raise UnitsError("all images have the same label: give images of at least two classes")
    rows = max(1, SORTED // (4 * max(1, scored.shape[1])))
    parts = []
    for part in scored.split(rows):
        sums = _ranks(part) @ members
        areas = (sums - sizes * (sizes + 1) / 2) / (sizes * others)
        parts.append(areas.amax(1))
    return torch.cat(parts)


def _ranks(scored: torch.Tensor) -> torch.Tensor:
    """Ranks 1 ... N in each row, the mean of them where scores are equal; float64."""
    ordered, order = scored.sort(dim=1, stable=True)
    number = scored.shape[1]
    ranks = torch.arange(1, number + 1, dtype=torch.float64).expand(scored.shape).clone()
    tied = (ordered[:, 1:] == ordered[:, :-1]).any(1)
    if tied.any():
        values = ordered[tied]
        before = torch.searchsorted(values, values)
        until = torch.searchsorted(values, values, right=True)
        ranks[tied] = (before + until + 1).double() / 2
    return torch.empty_like(ranks).scatter_(1, order, ranks)
