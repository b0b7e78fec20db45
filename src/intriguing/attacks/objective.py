"""The attacked classifier and the loss of the paper, for a batch of images at once.

    F_c(x) = ||x - x0||^2 + c * loss(x, target)

The paper writes ``c |r| + loss`` and asks for the *minimum* c, which would give the largest
distortion; with c on the loss the smallest c that succeeds gives the smallest. The square makes the
distortion term smooth: every minimiser with the norm itself is one with its square, for another c,
though not the other way round (docs/attack.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from intriguing.attacks.batching import Rows
from intriguing.attacks.problems import Problems
from intriguing.errors import ModelError
from intriguing.networks.logits import logits_of
from intriguing.networks.precision import in_double_precision

# Matrix products choose their kernels by the number of rows, and other kernels round differently;
# so do vectorised functions (sigmoid, exp) by where a block of 32 numbers ends. In multiples of 32
# rows, on one thread, each row comes out the same whatever the other rows are.
ROWS = 32


class Pullback(Protocol):
    """Product of the Jacobian of the logits with a vector of each row."""

    def __call__(self, upstream: torch.Tensor, keep: bool = False) -> torch.Tensor:
        """From ``upstream`` (B, classes) to Tensor (B, n); ``keep``: it is called once more."""


class Classifier:
    """The attacked model, seen by the optimiser: rows of pixels in, logits out.

    Parameters
    ----------
    model : Module
    shape : sequence of int
        (C, H, W) of one image.
    multiple : int
        Batches are filled up to multiples of this many rows.
    dtype : torch.dtype
        In which the model computes; what goes in and comes out keeps its own.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        shape: Sequence[int],
        multiple: int = ROWS,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.model, self.shape, self.multiple = model, tuple(shape), multiple
        self.dtype = dtype

    @classmethod
    def independent(
        cls, model: torch.nn.Module, shape: Sequence[int], multiple: int, device: torch.device
    ) -> Classifier:
        """A classifier each of whose rows comes out the same wherever it stands in a batch.

        Some processors round a row by where it lies in memory, if the number of units does not
        suit them; the path of a search would then depend on its company. In double precision
        the difference drowns when the result is rounded to single.
        """
        single = cls(model, shape, multiple)
        if device.type != "cpu" or multiple == 1 or single._rows_agree():
            return single
        try:
            double = cls(in_double_precision(model), shape, multiple, torch.float64)
            double.logits(torch.zeros(1, math.prod(shape)))
        except ModelError:  # casts, and tensors that are not parameters or buffers
            return single
        return double

    def _rows_agree(self) -> bool:
        """Whether equal rows have equal logits and gradients, bit by bit."""
        generator = torch.Generator().manual_seed(0)
        point = torch.rand(1, math.prod(self.shape), generator=generator)
        results = []
        for rows in (self.multiple, 2 * self.multiple):
            logits, pullback = self.differentiate(point.expand(rows, -1).clone())
            upstream = torch.randn(1, logits.shape[1], generator=torch.Generator().manual_seed(1))
            gradients = pullback(upstream.expand(rows, -1).contiguous())
            results.append((logits, gradients))
        first = [values[:1] for values in results[0]]
        return all(
            bool((values == own).all())
            for pair in results
            for values, own in zip(pair, first, strict=True)
        )

    @torch.no_grad()
    def logits(self, points: torch.Tensor) -> torch.Tensor:
        """Logits (B, classes) of ``points`` (B, n)."""
        padded = self._padded(points).to(self.dtype)
        logits = logits_of(self.model, padded.view(-1, *self.shape))
        return logits[: len(points)].to(points.dtype)

    def differentiate(self, points: torch.Tensor) -> tuple[torch.Tensor, Pullback]:
        """Logits and their pullback.

        Returns
        -------
        logits : Tensor (B, classes)
        pullback : Pullback
        """
        rows = len(points)
        padded = self._padded(points.detach()).to(self.dtype).requires_grad_(True)
        with torch.enable_grad():
            logits = logits_of(self.model, padded.view(-1, *self.shape))

        def pullback(upstream: torch.Tensor, keep: bool = False) -> torch.Tensor:
            upstream = upstream.to(self.dtype)
            filler = upstream.new_zeros(len(padded) - rows, upstream.shape[1])
            upstream = torch.cat([upstream, filler]) if len(filler) else upstream
            if not logits.requires_grad:  # a constant model
                return torch.zeros_like(points)
            with torch.enable_grad():
                # a number, whose gradient is theirs bit by bit: for others torch loads sympy
                along = (logits * upstream).sum()
            (gradient,) = torch.autograd.grad(along, padded, retain_graph=keep, allow_unused=True)
            if gradient is None:
                return torch.zeros_like(points)
            return gradient[:rows].to(points.dtype)

        return logits.detach()[:rows].to(points.dtype), pullback

    def _padded(self, points: torch.Tensor) -> torch.Tensor:
        missing = -len(points) % self.multiple
        if not missing:
            # a leaf of its own, so that the caller's tensor stays out of the graph
            return points.view_as(points)
        return torch.cat([points, points[:1].expand(missing, -1)])


def contenders(
    targets: torch.Tensor, rivals: torch.Tensor, classes: int, dtype: torch.dtype
) -> torch.Tensor:
    """Which logits take part: Tensor (B, classes), 0 for those that do and -inf for the others.

    Parameters
    ----------
    targets : int64 Tensor (B,)
    rivals : int64 Tensor (B,)
        The one class that the target has to beat; -1: all of them.
    classes : int
    dtype : torch.dtype
    """
    allowed = torch.zeros(len(targets), classes, dtype=dtype, device=targets.device)
    paired = rivals >= 0
    allowed.masked_fill_(paired[:, None], -torch.inf)
    both = torch.stack([targets, torch.where(paired, rivals, targets)], 1)
    return allowed.scatter_(1, both, 0.0)


def target_margin(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Logit of the target minus the largest other logit, Tensor (B,)."""
    column = targets[:, None]
    others = logits.scatter(1, column, -torch.inf)
    return logits.gather(1, column)[:, 0] - others.amax(1)


@dataclass(eq=False, repr=False)
class Constraint(Rows):
    """What each row of a batch has to satisfy: margin(logits) >= required.

    Parameters
    ----------
    targets : int64 Tensor (B,)
    allowed : Tensor (B, classes)
        Which classes compete, as `contenders` gives it.
    required : Tensor (B,)
        Margin in logits.
    """

    targets: torch.Tensor
    allowed: torch.Tensor
    required: torch.Tensor

    @classmethod
    def of(cls, problems: Problems, classes: int) -> Constraint:
        """The constraints of some problems, each of which has a target."""
        dtype = problems.originals.dtype
        allowed = contenders(problems.targets, problems.rivals, classes, dtype)
        return cls(problems.targets, allowed, problems.required)

    def margin(self, logits: torch.Tensor) -> torch.Tensor:
        """Logit of the target minus the largest rival's, Tensor (B,)."""
        return target_margin(logits + self.allowed, self.targets)


@dataclass(eq=False, repr=False)
class Evaluation:
    """The classifier seen from one point of each row.

    Parameters
    ----------
    loss : Tensor (B,)
        Softmax cross-entropy with respect to the target class.
    gradient : Tensor (B, n)
        Gradient of the loss with respect to the image.
    margin : Tensor (B,)
        Logit of the target class minus the largest rival's; positive: that one is beaten.
    """

    loss: torch.Tensor
    gradient: torch.Tensor
    margin: torch.Tensor


def evaluate(classifier: Classifier, points: torch.Tensor, constraint: Constraint) -> Evaluation:
    """Loss, gradient and margin at ``points`` (B, n), by one forward and one backward pass.

    Cross-entropy and margin are among the classes that compete. The target's logit enters the loss
    less the required margin: a softmax that is saturated before that margin is reached would have
    no gradient left.
    """
    logits, pullback = classifier.differentiate(points)
    logits = logits + constraint.allowed
    column = constraint.targets[:, None]
    shifted = logits.scatter_add(1, column, -constraint.required[:, None])
    log_probabilities = torch.log_softmax(shifted, 1)
    loss = -log_probabilities.gather(1, column)[:, 0]
    # d loss / d logits in closed form: one backward pass from the logits, no graph for the loss
    upstream = log_probabilities.exp_()
    upstream.scatter_add_(1, column, -torch.ones_like(loss)[:, None])
    return Evaluation(loss, pullback(upstream), target_margin(logits, constraint.targets))
