"""The attacked classifier and the loss of the paper, for a batch of images at once.

    F_c(x) = ||x - x0||^2 + c * loss(x, target)

The paper writes ``c |r| + loss`` and asks for the *minimum* c, which would give the largest
distortion; with c on the loss the smallest c that succeeds gives the smallest (same path of
minimisers, right direction). The square makes the distortion term smooth without changing that
path: the minimisers of both forms are the points of least norm for their loss.
"""

import copy
import math
from dataclasses import dataclass

import torch

# Matrix products choose their kernels by the number of rows, and other kernels round differently;
# so do vectorised functions (sigmoid, exp) by where a block of 32 numbers ends. In multiples of 32
# rows, on one thread, each row comes out the same whatever stands beside it.
ROWS = 32


class Classifier:
    """The attacked model, seen by the optimiser: rows of pixels in, logits out.

    Parameters
    ----------
    model : Module
    shape : tuple
        (C, H, W) of one image.
    multiple : int
        Batches are filled up to multiples of so many rows.
    dtype : torch.dtype
        In which the model computes; what goes in and comes out keeps its own.
    """

    def __init__(self, model, shape, multiple=ROWS, dtype=torch.float32):
        self.model, self.shape, self.multiple = model, tuple(shape), multiple
        self.dtype = dtype

    @classmethod
    def independent(cls, model, shape, multiple, device):
        """A classifier each of whose rows comes out the same wherever it stands in a batch.

        Some processors round a row by where it lies in memory, if the number of units does not
        suit them; the path of a search would then depend on its company. In double precision
        the difference drowns when the result is rounded to single.
        """
        single = cls(model, shape, multiple)
        if device.type != "cpu" or multiple == 1 or single._rows_agree():
            return single
        double = cls(copy.deepcopy(model).double(), shape, multiple, torch.float64)
        try:
            double.logits(torch.zeros(1, math.prod(shape)))
        except RuntimeError:  # tensors that are no parameters or buffers stay in single precision
            return single
        return double

    def _rows_agree(self):
        """Whether equal rows have equal logits and gradients, bit by bit."""
        generator = torch.Generator().manual_seed(0)
        point = torch.rand(1, math.prod(self.shape), generator=generator)
        found = []
        for rows in (self.multiple, 2 * self.multiple):
            logits, pullback = self.differentiate(point.expand(rows, -1).clone())
            upstream = torch.randn(1, logits.shape[1], generator=torch.Generator().manual_seed(1))
            gradients = pullback(upstream.expand(rows, -1).contiguous())
            found += [(logits, gradients)]
        first = [values[:1] for values in found[0]]
        return all(
            (values == own).all() for pair in found for values, own in zip(pair, first, strict=True)
        )

    @torch.no_grad()
    def logits(self, points):
        """Logits (B, classes) of ``points`` (B, n)."""
        padded = self._padded(points).to(self.dtype)
        return self.model(padded.view(-1, *self.shape))[: len(points)].to(points.dtype)

    def differentiate(self, points):
        """Logits and their pullback.

        Returns
        -------
        logits : Tensor (B, classes)
        pullback : callable
            From ``upstream`` (B, classes) to its product with the Jacobian, Tensor (B, n); may be
            called several times.
        """
        rows = len(points)
        padded = self._padded(points.detach()).to(self.dtype).requires_grad_(True)
        with torch.enable_grad():
            logits = self.model(padded.view(-1, *self.shape))

        def pullback(upstream, keep=False):
            upstream = upstream.to(self.dtype)
            filler = upstream.new_zeros(len(padded) - rows, upstream.shape[1])
            upstream = torch.cat([upstream, filler]) if len(filler) else upstream
            if not logits.requires_grad:  # a constant model
                return torch.zeros_like(points)
            (gradient,) = torch.autograd.grad(
                logits, padded, upstream, retain_graph=keep, allow_unused=True
            )
            if gradient is None:
                return torch.zeros_like(points)
            return gradient[:rows].to(points.dtype)

        return logits.detach()[:rows].to(points.dtype), pullback

    def _padded(self, points):
        missing = -len(points) % self.multiple
        if not missing:
            # a leaf of its own, so that the caller's tensor stays out of the graph
            return points.view_as(points)
        return torch.cat([points, points[:1].expand(missing, -1)])


def contenders(targets, rivals, classes, dtype):
    """Which logits take part: Tensor (B, classes), 0 for those that do and -inf for the others.

    Parameters
    ----------
    targets : int64 Tensor (B,)
    rivals : int64 Tensor (B,)
        The one class that the target has to beat; -1: all of them.
    """
    allowed = torch.zeros(len(targets), classes, dtype=dtype, device=targets.device)
    paired = rivals >= 0
    allowed.masked_fill_(paired[:, None], -torch.inf)
    both = torch.stack([targets, torch.where(paired, rivals, targets)], 1)
    return allowed.scatter_(1, both, 0.0)


def target_margin(logits, targets):
    """Logit of the target minus the largest other logit, Tensor (B,)."""
    column = targets[:, None]
    others = logits.scatter(1, column, -torch.inf)
    return logits.gather(1, column)[:, 0] - others.amax(1)


@dataclass
class Evaluation:
    """The classifier seen from one point of each row.

    loss : Tensor (B,)
        Softmax cross-entropy with respect to the target class.
    gradient : Tensor (B, n)
        Gradient of the loss with respect to the image.
    margin : Tensor (B,)
        Logit of the target class minus the largest rival's; positive: it is beaten.
    """

    loss: torch.Tensor
    gradient: torch.Tensor
    margin: torch.Tensor


def evaluate(classifier, points, targets, allowed, required):
    """Loss, gradient and margin at ``points`` (B, n), by one forward and one backward pass.

    ``allowed`` is as `contenders` gives it: cross-entropy and margin are among those classes. The
    target's logit enters the loss less the margin ``required`` (B,): a softmax that is saturated
    before that margin is reached would have no gradient left.
    """
    logits, pullback = classifier.differentiate(points)
    logits = logits + allowed
    column = targets[:, None]
    shifted = logits.scatter_add(1, column, -required[:, None])
    log_probabilities = torch.log_softmax(shifted, 1)
    loss = -log_probabilities.gather(1, column)[:, 0]
    # d loss / d logits in closed form: one backward pass from the logits, no graph for the loss
    upstream = log_probabilities.exp_()
    upstream.scatter_add_(1, column, -torch.ones_like(loss)[:, None])
    return Evaluation(loss, pullback(upstream), target_margin(logits, targets))
