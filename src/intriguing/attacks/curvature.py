"""Limited-memory BFGS for a batch: every row has curvature pairs of its own.

Nocedal & Wright, *Numerical Optimization* (2nd ed.), section 7.2, compact form (7.24 for the
inverse: Byrd, Nocedal & Schnabel 1994, theorem 2.2), with two changes that the attack needs:

- The memory keeps s and the difference of the *loss* gradient. The objective is
  ``||x - x0||^2 + c * loss``, so y = 2 s + c * dg holds for every c: pairs survive a change of c.
- Inner products run over the free variables only, so that the step is a quasi-Newton step on the
  face of the box on which the image lies.

All inner products of a turn come from one matrix product a row; everything else works on matrices
as small as the memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from intriguing.attacks.batching import Rows

# a pair counts only with curvature s'y above this fraction of |s| |y| (Nocedal & Wright 6.2)
LEAST_CURVATURE = 1e-6
# H0 = I / 2: the Hessian is 2 I plus the loss's, of low rank for a linear model (at most
# classes - 1), so this is exact off its range, where a scale s'y / y'y is not
INITIAL = 0.5
# rows whose vectors fit into a processor's cache together
BLOCK = 64


@dataclass(init=False, eq=False, repr=False)
class CurvatureMemory(Rows):
    """Curvature pairs (s, dg) of the last ``size`` accepted steps of each row.

    Parameters
    ----------
    rows, variables : int
        Batch size B and number of pixels n.
    size : int
        Pairs per row (m in Nocedal & Wright).

    Attributes
    ----------
    vectors : Tensor (B, 2m+1, n)
        First the steps, then the changes of the gradient, then the present gradient.
    newest : int64 Tensor (B,)
        Where the last pair lies: each row has its own, so that it does not depend on the others.
    """

    vectors: torch.Tensor
    newest: torch.Tensor

    def __init__(
        self,
        rows: int,
        variables: int,
        size: int,
        *,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        self.vectors = torch.zeros(rows, 2 * size + 1, variables, dtype=dtype, device=device)
        self.newest = torch.full((rows,), size - 1, device=device)
        self.size = size
        # a buffer, since a large one costs more to allocate than to fill
        self._masked = torch.empty_like(self.vectors[:BLOCK])

    def push(self, steps: torch.Tensor, changes: torch.Tensor, rows: torch.Tensor) -> None:
        """Store the pairs of some rows (numbers); the oldest of each drops out."""
        slot = (self.newest[rows] + 1) % self.size
        self.newest[rows] = slot
        self.vectors[rows, slot] = steps[rows]
        self.vectors[rows, self.size + slot] = changes[rows]

    def forget(self, rows: torch.Tensor) -> None:
        """Clear the memory of some rows (numbers)."""
        self.vectors[rows] = 0
        self.newest[rows] = self.size - 1

    def direction(
        self, gradient: torch.Tensor, free: torch.Tensor, weight: torch.Tensor
    ) -> torch.Tensor:
        """Quasi-Newton descent direction on the free variables, Tensor (B, n).

        Parameters
        ----------
        gradient, free : Tensor (B, n)
            Gradient of the objective, or a multiple (the direction is the same multiple), and the
            factor of `box.free_variables`.
        weight : Tensor (B,)
            The present c of each row.
        """
        size = self.size
        self.vectors[:, -1] = gradient
        order = self._by_age()
        # rows last: everything below is elementwise over them, and fast if they are contiguous
        entries = (order[:, None] * len(order) + order).flatten(0, 1)
        products = self._products(free).flatten(1).t().gather(0, entries)
        products = products.view(len(order), len(order), -1)
        ss, sd, sg = products[:size].split([size, size, 1], 1)
        _, dd, dg = products[size:-1].split([size, size, 1], 1)
        sy = torch.addcmul(2 * ss, weight, sd)
        dy = torch.addcmul(2 * sd.transpose(0, 1), weight, dd)
        yy = torch.addcmul(2 * sy, weight, dy)
        yg = torch.addcmul(2 * sg, weight, dg)[:, 0]
        of_steps, of_y = _compact_form(sy, yy, sg[:, 0], yg, ss)
        # H g = g / 2 + S of_steps + Y of_y with Y = 2 S + c D
        of_gradient = torch.full_like(of_y[:1], INITIAL)
        by_age = torch.cat([of_steps + 2 * of_y, weight * of_y, of_gradient]).neg_()
        factors = torch.empty_like(by_age).scatter_(0, order, by_age).t().contiguous()
        return torch.bmm(factors[:, None], self.vectors)[:, 0].mul_(free)

    def _products(self, free: torch.Tensor) -> torch.Tensor:
        """Inner products of all vectors over the free variables, Tensor (B, 2m+1, 2m+1)."""
        rows, number = self.vectors.shape[:2]
        products = self.vectors.new_empty(rows, number, number)
        for start in range(0, rows, BLOCK):
            vectors = self.vectors[start : start + BLOCK]
            factor = free[start : start + BLOCK, None]
            # free is 0 or 1: masking one side is enough
            masked = torch.mul(vectors, factor, out=self._masked[: len(vectors)])
            torch.bmm(masked, vectors.transpose(1, 2), out=products[start : start + BLOCK])
        return products

    def _by_age(self) -> torch.Tensor:
        """Numbers of the vectors with the pairs from old to new, int64 Tensor (2m+1, B)."""
        age = torch.arange(1, self.size + 1, device=self.newest.device)
        steps = (self.newest + age[:, None]) % self.size
        return torch.cat([steps, self.size + steps, torch.full_like(steps[:1], 2 * self.size)])


def _compact_form(
    sy: torch.Tensor, yy: torch.Tensor, sg: torch.Tensor, yg: torch.Tensor, ss: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Coefficients of S and Y in H g, from inner products with the pairs from old to new.

    Byrd, Nocedal & Schnabel 1994, theorem 2.2: with R the upper triangle of S'Y and D its
    diagonal, S gets R^-T ((D + Y'Y / 2) R^-1 S'g - Y'g / 2) and Y gets -R^-1 S'g / 2.

    Parameters
    ----------
    sy, yy, ss : Tensor (m, m, B)
    sg, yg : Tensor (m, B)

    Returns
    -------
    of_steps, of_y : Tensor (m, B)
    """
    size = len(sg)
    curvature = torch.stack([sy[i, i] for i in range(size)])
    squares = torch.stack([ss[i, i] * yy[i, i] for i in range(size)])
    valid = curvature > LEAST_CURVATURE * squares.sqrt()
    # a pair that does not count drops out of both triangular systems
    inverse = torch.where(valid, 1 / curvature, 0.0)
    first = torch.empty_like(sg)
    for i in reversed(range(size)):
        rest = sg[i]
        for j in range(i + 1, size):
            rest = torch.addcmul(rest, sy[i, j], first[j], value=-1)
        first[i] = rest * inverse[i]
    right = torch.addcmul(-INITIAL * yg, curvature, first)
    for j in range(size):
        right.addcmul_(yy[:, j], first[j], value=INITIAL)
    second = torch.empty_like(sg)
    for i in range(size):
        rest = right[i]
        for j in range(i):
            rest = torch.addcmul(rest, sy[j, i], second[j], value=-1)
        second[i] = rest * inverse[i]
    return second, -INITIAL * first
