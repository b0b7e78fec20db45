"""The symbol of a strided convolution, and bounds on its norm over a torus or all frequencies.

The taps of a kernel of stride s fall into s phases an axis: tap t = s q + r belongs to phase r. A
convolution on an infinite grid is then a multiplication, at each frequency xi, by the matrix

    A(xi) = sum_q P[:, :, q] exp(-i q.xi)      of shape D x (C s^2),

P holding the kernel by output channel, input channel and phase, and offset q. (Szegedy et al. 2013,
section 4.3, write the same as a sum over aliases; there the factor must be 1/s an axis.)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import torch

from intriguing.lipschitz.norms import largest_norm, norm_estimate
from intriguing.lipschitz.rounding import UNIT
from intriguing.lipschitz.windows import Axis

# numbers in one stack of symbols: larger blocks of memory are cleared again for each stack
LARGEST_STACK = 1 << 20
# this many frequencies of a torus tell which shift of it probably has the lowest norm
LOOKED_AT = 12
# points of the grid for each offset of the symbol, an axis: the bound is then at most 0.9 % an axis
# above the supremum
GRID = 12


class Symbol:
    """Symbol of a kernel.

    Parameters
    ----------
    kernel : float64 Tensor (D, C, kh, kw)
    strides, dilations : sequence of two int

    Attributes
    ----------
    phases : float64 Tensor (D, used columns, offsets)
        P, without the columns of zeros.
    offsets : list of two int
        Number of offsets q along each axis.
    error : float
        Bound on the norm of the rounding error of A(xi).
    """

    def __init__(self, kernel: torch.Tensor, strides: Sequence[int], dilations: Sequence[int]):
        outputs, inputs, *taps = kernel.shape
        reach = [d * (k - 1) for k, d in zip(taps, dilations, strict=True)]
        self.offsets = [r // s + 1 for r, s in zip(reach, strides, strict=True)]
        phases = torch.zeros(outputs, inputs, *strides, *self.offsets, dtype=kernel.dtype)
        for th, tw in itertools.product(*map(range, taps)):
            (qh, rh), (qw, rw) = (
                divmod(d * t, s) for d, t, s in zip(dilations, (th, tw), strides, strict=True)
            )
            phases[:, :, rh, rw, qh, qw] = kernel[:, :, th, tw]
        phases = phases.flatten(4)
        # phases that no tap falls into are columns of zeros
        phases = phases.flatten(1, 3)
        used = phases.ne(0).any(2).any(0)
        self.phases = phases[:, used if used.any() else slice(1)]
        # rounding of an entry, sum_q P_q exp(-i q xi): that of the sum, and of the angles
        magnitudes = torch.linalg.vector_norm(self.phases.abs().sum(2)).item()
        self.error = UNIT * (math.prod(self.offsets) + 32 * sum(self.offsets) + 16) * magnitudes

    def at(
        self, frequencies: torch.Tensor, dtype: torch.dtype = torch.complex128
    ) -> Iterator[torch.Tensor]:
        """Matrices A(xi), in stacks: iterator of complex Tensor (F, D, C s^2).

        Parameters
        ----------
        frequencies : float64 Tensor (F, 2)
            In radians per step of the stride.
        dtype : torch.dtype
            Type of the matrices.
        """
        size = self.phases[:, :, 0].numel()
        for part in frequencies.split(max(1, LARGEST_STACK // size)):
            places = torch.cartesian_prod(*(torch.arange(q) for q in self.offsets)).double()
            angles = part @ places.view(-1, 2).T
            taps = self.phases.flatten(0, 1).T
            stack = torch.complex(angles.cos() @ taps, -(angles.sin() @ taps)).to(dtype)
            yield stack.view(len(part), *self.phases.shape[:2])

    def torus_norm(self, points: Sequence[int], shifts: Sequence[float] = (0.0, 0.0)) -> float:
        """Certified largest norm over the frequencies of a torus.

        Parameters
        ----------
        points : sequence of two int
            Frequencies an axis: pixels of the torus over the stride.
        shifts : sequence of two float
            0 or 1/2: the grid is moved by this many spacings, which amounts to multiplying the
            input by a phase that grows along the axis and gives another valid bound.
        """
        return largest_norm(self.at(torus_frequencies(points, shifts)), error=self.error)

    def torus_estimate(self, points: Sequence[int], shifts: Sequence[float]) -> float:
        """A lower estimate of `torus_norm` from a few of its frequencies."""
        frequencies = torus_frequencies(points, shifts)
        return norm_estimate(self.at(frequencies[:: max(1, len(frequencies) // LOOKED_AT)]))

    def supremum(self) -> float:
        """Certified bound on the norm over all frequencies, from a grid.

        For unit vectors u, v, u'A(xi)v is a trigonometric polynomial of degree (K - 1) / 2 about
        its centre in each variable, so that the supremum is at most the largest value on n points
        over cos(pi (K - 1) / (2 n)) (Ehlich & Zeller 1964).
        """
        points = [max(GRID * (q - 1), 1) for q in self.offsets]
        correction = math.prod(
            math.cos(math.pi * (q - 1) / (2 * n)) for q, n in zip(self.offsets, points, strict=True)
        )
        return self.torus_norm(points) / correction


def torus_frequencies(points: Sequence[int], shifts: Sequence[float]) -> torch.Tensor:
    """Frequencies 2 pi (j + shift) / n of both axes, one of each conjugate pair: Tensor (F, 2)."""
    numbers = torch.cartesian_prod(*(torch.arange(n) for n in points)).view(-1, 2)
    sizes, moved = torch.tensor(points), torch.tensor(shifts, dtype=torch.float64)
    # real kernels: the symbol at -xi is the conjugate of that at xi
    opposite = (-numbers - (2 * moved).long()) % sizes
    rank = numbers[:, 0] * sizes[1] + numbers[:, 1]
    selected = rank <= opposite[:, 0] * sizes[1] + opposite[:, 1]
    return 2 * math.pi * (numbers[selected] + moved) / sizes


def live_kernel(kernel: torch.Tensor, axes: Sequence[Axis]) -> torch.Tensor:
    """Kernel without the outer taps that see no pixel in any window, 0 for the inner ones."""
    for dim, axis in enumerate(axes, start=2):
        if axis.mode != "zeros":
            continue
        live = torch.from_numpy(axis.live_taps)
        shape = [1, 1, 1, 1]
        shape[dim] = len(live)
        kernel = kernel * live.view(shape)
        seen = live.nonzero()[:, 0]
        if len(seen):
            kernel = kernel.narrow(dim, int(seen[0]), int(seen[-1] - seen[0]) + 1)
    return kernel
