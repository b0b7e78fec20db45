"""Rules that choose the class an image is moved to. The paper does not state its own for MNIST."""

import torch

from intriguing.attacks import inputs
from intriguing.errors import AttackError

RULES = ("next", "random", "least_likely", "nearest")


@torch.no_grad()
def choose_targets(rule, model, images, labels, *, seed=0, batch_size=512):
    """One target class for each image, never its label.

    Parameters
    ----------
    rule : str
        ``next``: the class after the label, cyclically; ``random``: uniform over the others,
        drawn from ``seed``; ``least_likely``: the smallest logit; ``nearest``: the class whose
        boundary with the label is nearest when the logits are linearised at the image.
    images : Tensor (N, C, H, W)
    labels : int64 Tensor (N,)

    Returns
    -------
    int64 Tensor (N,)
    """
    if rule not in RULES:
        raise AttackError(f"unknown target rule {rule!r}: choose one of {', '.join(RULES)}")
    images = images.to(inputs.device_of(model, images))
    labels = labels.to(images.device)
    if not len(labels):
        return labels
    with torch.no_grad():
        classes = model(images[:1]).shape[1]
    if rule == "next":
        return (labels + 1) % classes
    if rule == "random":
        generator = torch.Generator().manual_seed(seed)
        offset = torch.randint(1, classes, (len(labels),), generator=generator)
        return (labels + offset.to(labels.device)) % classes
    score = _least_logit if rule == "least_likely" else _linearised_distance
    chosen = [
        score(model, images[i : i + batch_size], labels[i : i + batch_size])
        for i in range(0, len(labels), batch_size)
    ]
    return torch.cat(chosen)


def _least_logit(model, images, labels):
    return model(images).scatter(1, labels[:, None], torch.inf).argmin(1)


def _linearised_distance(model, images, labels):
    # |f_label - f_k| / |grad (f_label - f_k)| for each class k, one backward pass a class
    points = images.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = model(points)
        gaps = logits.gather(1, labels[:, None]) - logits
        totals = gaps.sum(0).unbind()
    distances = torch.full_like(gaps, torch.inf)
    for k, total in enumerate(totals):
        (gradient,) = torch.autograd.grad(total, points, retain_graph=True)
        norm = gradient.flatten(1).norm(dim=1).clamp(min=1e-30)
        distances[:, k] = gaps[:, k].detach().abs() / norm
    return distances.scatter(1, labels[:, None], torch.inf).argmin(1)
