"""A network of untied local filters in the manner of Le et al. 2012 ("QuocNet"), for small images.

Stacks of local filters, L2 pooling and local contrast normalisation, learned without labels by
`training.reconstruction` and then fixed, under a linear classifier (Szegedy et al. 2013, sections 2
and 4.2). Le et al. had three stacks with fields of 18x18 for images of 200x200.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import nn

from intriguing.errors import ModelError
from intriguing.networks.local_layers import L2Pool2d, LocalContrastNorm2d, LocallyConnected2d

# from this many pixels a side on, images take the large fields
LARGE = 24


class QuocNet(nn.Module):
    """Local filters, L2 pools and contrast normalisation, under a linear classifier.

    Le et al. learn from raw pixels, and so does this with ``input_contrast=0``. The reconstruction
    of what nearby pixels share outweighs all else then, and the filters are blurred spots after as
    many steps as make them edges where the image's own contrast is normalised first.

    Parameters
    ----------
    input_shape : tuple of int
        (C, H, W).
    classes : int
        Number of logits.
    **options
        Fields of `Options`.

    Attributes
    ----------
    preprocessing : Sequential
        Empty, or the normalisation of the image.
    stacks : Sequential of Sequential
        Each with ``filters`` (`LocallyConnected2d`), ``pool`` and ``contrast``.
    classifier : Linear

    Raises
    ------
    ModelError
        If an option is not usable or a map becomes smaller than the window that looks at it.
    TypeError
        If an option is unknown.
    """

    unsupervised = "intriguing.training.reconstruction:ReconstructionTica"
    """Settings of the training of its code, which comes before that of ``classifier``."""

    def __init__(self, input_shape: Sequence[int], classes: int, **options: Any):
        super().__init__()
        chosen = Options(**options).for_images(min(input_shape[1:]))
        self.preprocessing = nn.Sequential()
        if chosen.input_contrast:
            self.preprocessing.append(
                LocalContrastNorm2d(chosen.input_contrast, chosen.input_floor)
            )
        shape, stacks = tuple(input_shape), []
        for sizes in chosen.stacks():
            stack, shape = sizes.build(shape, chosen.epsilon)
            stacks.append(stack)
        self.stacks = nn.Sequential(*stacks)
        self.classifier = nn.Linear(math.prod(shape), classes)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Features of the last stack, Tensor (B, F)."""
        return torch.flatten(self.stacks(self.preprocessing(images)), 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.encode(images))


@dataclass(frozen=True)
class Options:
    """Sizes of a `QuocNet`.

    The defaults (None) depend on the size of the images alone. From 24 pixels a side on they are
    two stacks with fields of 8, stride 2, and of 4, stride 1, and pools over 3x3: the first leaves
    11x11 of 32x32 and 9x9 of 28x28, so that a second field of 8 with stride 2 would leave too
    little to pool over. Below, fields of 3 and 2 with stride 1 and pools over 2x2.

    fields, strides, maps : sequence of int
        Side and stride of the receptive fields and filters at each position, one number a stack. A
        field sees all maps of the stack before.
    pool, pool_strides : int or sequence of int
        Side and stride of the pools, for all stacks or each.
    contrast : int or sequence of int
        Side of the windows of contrast normalisation, odd.
    input_contrast : int
        Side of the window of a contrast normalisation of the image itself, which comes before the
        first stack: 9 for large images and 5 for small ones by default; 0: none.
    input_floor : float
        Least deviation that the image's normalisation divides by. Larger than the floor of 0.01 in
        the stacks: noise in even surfaces, which lies below it, is amplified by its inverse.
    epsilon : float
        Constant under the root of the pools, sqrt(epsilon + sum of squares).
    """

    fields: Sequence[int] | None = None
    strides: Sequence[int] | None = None
    maps: Sequence[int] = (16, 64)
    pool: int | Sequence[int] | None = None
    pool_strides: int | Sequence[int] = 1
    contrast: int | Sequence[int] = 3
    input_contrast: int | None = None
    input_floor: float = 0.1
    epsilon: float = 1e-2

    def for_images(self, side: int) -> Options:
        """With the defaults for images of ``side`` pixels filled in."""
        large = side >= LARGE
        defaults: dict[str, Any] = {
            "fields": (8, 4) if large else (3, 2),
            "strides": (2, 1) if large else (1, 1),
            "pool": 3 if large else 2,
            "input_contrast": 9 if large else 5,
        }
        missing = {name: value for name, value in defaults.items() if getattr(self, name) is None}
        return replace(self, **missing)

    def stacks(self) -> list[Stack]:
        """Sizes of each stack."""
        count = len(_numbers("fields", self.fields))
        names = [field.name for field in fields(Stack) if field.name != "index"]
        columns = [_for_each(name, getattr(self, name), count) for name in names]
        return [
            Stack(index, **dict(zip(names, sizes, strict=True)))
            for index, sizes in enumerate(zip(*columns, strict=True))
        ]


@dataclass(frozen=True)
class Stack:
    """Sizes of one stack, as in `Options`; ``index`` counts from 0."""

    index: int
    fields: int
    strides: int
    maps: int
    pool: int
    pool_strides: int
    contrast: int

    def build(self, shape: Sequence[int], epsilon: float) -> tuple[nn.Sequential, tuple[int, ...]]:
        """The stack for maps of a shape (C, H, W), and the shape that it gives."""
        self._check_room("fields", self.fields, shape)
        filters = LocallyConnected2d(shape, self.maps, self.fields, self.strides)
        filtered = filters.output_shape
        self._check_room("pool", self.pool, filtered)
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            filters=filters,
            pool=L2Pool2d(self.pool, self.pool_strides, epsilon),
            contrast=LocalContrastNorm2d(self.contrast),
        )
        sizes = [(side - self.pool) // self.pool_strides + 1 for side in filtered[1:]]
        return nn.Sequential(layers), (self.maps, *sizes)

    def _check_room(self, name: str, side: int, shape: Sequence[int]) -> None:
        if side > min(shape[1:]):
            raise ModelError(
                f"{name} is {side} in stack {self.index + 1}, whose maps are {shape[1]}x{shape[2]}"
                " there: give a smaller one, smaller strides or fields before it, or fewer stacks"
            )


def _numbers(name: str, values: Any) -> tuple[int, ...]:
    whole = isinstance(values, list | tuple) and len(values) > 0
    if not whole or not all(isinstance(v, int) and v > 0 for v in values):
        raise ModelError(f"{name} is {values!r}: give positive whole numbers, one for each stack")
    return tuple(values)


def _for_each(name: str, value: int | Sequence[int], count: int) -> tuple[int, ...]:
    values = _numbers(name, [value] * count if isinstance(value, int) else value)
    if len(values) != count:
        raise ModelError(
            f"{name} is {value!r} for {count} stacks (as many as fields): give one number for each"
        )
    return values
