"""Optimisers of torch that leave its compiler alone.

Methods of torch's optimisers keep themselves out of compiled graphs. For that the first call of
each loads the compiler, which takes as long as loading torch; nothing is compiled here.
"""

from __future__ import annotations

from inspect import unwrap
from typing import Any

import torch


class _Eager(torch.optim.Optimizer):
    add_param_group: Any = unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad: Any = unwrap(torch.optim.Optimizer.zero_grad)


class LBFGS(_Eager, torch.optim.LBFGS):
    """`torch.optim.LBFGS`."""


class Adam(_Eager, torch.optim.Adam):
    """`torch.optim.Adam`."""

    step: Any = torch.no_grad()(unwrap(torch.optim.Adam.step))
