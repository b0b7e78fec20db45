"""Rules that choose the class an image is moved to. The paper does not state its own for MNIST."""

from __future__ import annotations

import torch

from intriguing import checks
from intriguing.attacks import box
from intriguing.attacks.objective import Classifier
from intriguing.errors import AttackError
from intriguing.networks.logits import logits_of

RULES = ("next", "random", "least_likely", "nearest")


@torch.no_grad()
def choose_targets(
    rule: str,
    model: torch.nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    *,
    seed: int = 0,
    batch_size: int = 512,
) -> torch.Tensor:
    """One target class for each image, never its label.

    Parameters
    ----------
    rule : str
        ``next``: the class after the label, cyclically; ``random``: uniform over the others,
        drawn from ``seed``; ``least_likely``: the smallest logit; ``nearest``: the class whose
        boundary with the label is nearest when the logits are linearised at the image.
    model : Module
    images : Tensor (N, C, H, W)
    labels : int64 Tensor (N,)
    seed : int
    batch_size : int

    Returns
    -------
    int64 Tensor (N,)

    Raises
    ------
    AttackError, ModelError
        If the rule is unknown, or images, labels or model are not what an attack takes.

    See Also
    --------
    lbfgs, minimum_distortion : Attacks that take the targets.

    Examples
    --------
    >>> import torch
    >>> from intriguing.attacks import choose_targets
    >>> model = torch.nn.Linear(4, 3).eval()
    >>> choose_targets("next", model, torch.rand(3, 4), labels=torch.tensor([0, 1, 2]))
    tensor([1, 2, 0])
    """
    if rule not in RULES:
        hint = " (untargeted: give minimum_distortion no targets)" if rule == "any" else ""
        raise AttackError(f"unknown target rule {rule!r}: choose one of {', '.join(RULES)}{hint}")
    checks.check_images(images, labels)
    images = images.detach().to(checks.checked_device(model, images)).float()
    labels = labels.to(images.device).long()
    if not len(labels):
        return labels
    classes = checks.check_model(model, images)
    checks.check_classes(labels, classes, "label")
    if rule == "next":
        return (labels + 1) % classes
    if rule == "random":
        generator = torch.Generator().manual_seed(seed)
        offset = torch.randint(1, classes, (len(labels),), generator=generator)
        return (labels + offset.to(labels.device)) % classes
    if rule == "nearest":
        classifier = Classifier(model, images.shape[1:])
        ranked, _ = nearest_classes(classifier, images.flatten(1), labels, 1, batch_size=batch_size)
        return ranked[:, 0]
    chosen = [
        logits_of(model, part).scatter(1, own[:, None], torch.inf).argmin(1)
        for part, own in zip(images.split(batch_size), labels.split(batch_size), strict=True)
    ]
    return torch.cat(chosen)


# with more classes than this, only those of the largest logits are ranked: a gradient each
RANKED = 32


def nearest_classes(
    classifier: Classifier,
    points: torch.Tensor,
    labels: torch.Tensor,
    count: int,
    *,
    batch_size: int,
    inside_box: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Classes whose boundary with the label is nearest when the logits are linearised.

    The distance to class k is |f_label - f_k| / |grad (f_label - f_k)|, as in DeepFool
    (Moosavi-Dezfooli et al. 2016, equation 8).

    Parameters
    ----------
    classifier : objective.Classifier
    points : Tensor (N, n)
    labels : int64 Tensor (N,)
    count : int
        Classes to return for each point; at most all but the label.
    inside_box : bool
        Leave out of the gradient the pixels that would have to leave [0, 1]: on images with much
        black or white this ranks better.

    Returns
    -------
    classes : int64 Tensor (N, count)
        Nearest first.
    distances : Tensor (N, count)
    """
    batches = zip(points.split(batch_size), labels.split(batch_size), strict=True)
    parts = [_nearest_of_batch(classifier, x, y, count, inside_box) for x, y in batches]
    return torch.cat([classes for classes, _ in parts]), torch.cat([far for _, far in parts])


def _nearest_of_batch(
    classifier: Classifier,
    points: torch.Tensor,
    labels: torch.Tensor,
    count: int,
    inside_box: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    logits, pullback = classifier.differentiate(points)
    column = labels[:, None]
    others = logits.scatter(1, column, -torch.inf)
    ranked = others.topk(min(RANKED, logits.shape[1] - 1)).indices
    distances = torch.empty(ranked.shape, dtype=logits.dtype, device=logits.device)
    for place in range(ranked.shape[1]):
        rival = ranked[:, place : place + 1]
        upstream = torch.zeros_like(logits)
        upstream.scatter_(1, column, 1.0).scatter_(1, rival, -1.0)
        gradient = pullback(upstream, keep=place + 1 < ranked.shape[1])
        if inside_box:
            gradient = box.inward(-gradient, points)
        norm = torch.linalg.vector_norm(gradient, dim=1).clamp(min=1e-30)
        gap = (logits.gather(1, column) - logits.gather(1, rival))[:, 0]
        distances[:, place] = (gap.abs() / norm).nan_to_num(torch.inf)
    distances, order = distances.sort(dim=1, stable=True)
    return ranked.gather(1, order[:, :count]), distances[:, :count]
