"""The penalised objective of the paper, for a batch of images at once.

    F_c(x) = ||x - x0||^2 + c * loss(x, target)

The paper writes ``c |r| + loss`` and asks for the *minimum* c, which would give the largest
distortion; with c on the loss the smallest c that succeeds gives the smallest (same path of
minimisers, right direction). The square makes the distortion term smooth without changing that
path: the minimisers of both forms are the points of least norm for their loss.
"""

from dataclasses import dataclass

import torch


@dataclass
class Evaluation:
    """The classifier seen from one point of each row.

    loss : Tensor (B,)
        Softmax cross-entropy with respect to the target class.
    gradient : Tensor (B, n)
        Gradient of the loss with respect to the image.
    margin : Tensor (B,)
        Logit of the target class minus the largest other logit; positive: classified as target.
    """

    loss: torch.Tensor
    gradient: torch.Tensor
    margin: torch.Tensor


def target_margin(logits, targets):
    """Logit of the target minus the largest other logit, Tensor (B,)."""
    column = targets[:, None]
    others = logits.scatter(1, column, -torch.inf)
    return logits.gather(1, column)[:, 0] - others.amax(1)


def evaluate(model, images, targets, shape):
    """Loss, gradient and margin at ``images`` (B, n), by one forward and one backward pass."""
    points = images.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = model(points.view(-1, *shape))
    values = logits.detach()
    log_probabilities = torch.log_softmax(values, 1)
    loss = -log_probabilities.gather(1, targets[:, None])[:, 0]
    # d loss / d logits in closed form: one backward pass from the logits, no graph for the loss
    upstream = log_probabilities.exp_()
    upstream.scatter_add_(1, targets[:, None], -torch.ones_like(loss)[:, None])
    (gradient,) = torch.autograd.grad(logits, points, upstream)
    return Evaluation(loss, gradient, target_margin(values, targets))
