"""A network of untied local filters in the manner of Le et al. 2012 ("QuocNet"), for small images.

Stacks of local filters, L2 pooling and local contrast normalisation, learned without labels by
`intriguing.training.reconstruction` and then fixed, under a linear classifier (Szegedy et al. 2013, sections
2 and 4.2). Le et al. had three stacks with fields of 18x18 for images of 200x200.
"""

import math
from collections import OrderedDict

import torch
from torch import nn

from intriguing.errors import ModelError
from intriguing.networks.local_layers import L2Pool2d, LocalContrastNorm2d, LocallyConnected2d

# from this many pixels a side on, images take the large fields
LARGE = 24


class QuocNet(nn.Module):
    """Local filters, L2 pools and contrast normalisation, under a linear classifier.

    The defaults depend on the size of the images alone. From 24 pixels a side on they are two
    stacks with fields of 8, stride 2, and of 4, stride 1, and pools over 3x3: the first leaves
    11x11 of 32x32 and 9x9 of 28x28, so that a second field of 8 with stride 2 would leave too
    little to pool over. Below, fields of 3 and 2 with stride 1 and pools over 2x2.

    Le et al. learn from raw pixels, and so does this with ``input_contrast=0``. The reconstruction
    of what nearby pixels share outweighs all else then, and the filters are blurred spots after as
    many steps as make them edges where the image's own contrast is normalised first.

    Parameters
    ----------
    input_shape : tuple of int
        (C, H, W).
    classes : int
        Number of logits.
    fields, strides, maps : sequence of int, optional
        Side and stride of the receptive fields and filters at each position, one number a stack. A
        field sees all maps of the stack before.
    pool, pool_strides : int or sequence of int
        Side and stride of the pools, for all stacks or each.
    contrast : int or sequence of int
        Side of the windows of contrast normalisation, odd.
    input_contrast : int, optional
        Side of the window of a contrast normalisation of the image itself, which comes before the
        first stack: 9 for large images and 5 for small ones by default; 0: none.
    input_floor : float
        Least deviation that the image's normalisation divides by. Larger than the floor of 0.01 in
        the stacks: noise in even surfaces, which lies below it, is amplified by its inverse.
    epsilon : float
        Of the pools, sqrt(epsilon + sum of squares).

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
        If an option is not usable or a map becomes smaller than what is to look at it.
    """

    def __init__(
        self,
        input_shape,
        classes,
        *,
        fields=None,
        strides=None,
        maps=(16, 64),
        pool=None,
        pool_strides=1,
        contrast=3,
        input_contrast=None,
        input_floor=0.1,
        epsilon=1e-2,
    ):
        super().__init__()
        large = min(input_shape[1:]) >= LARGE
        if fields is None:
            fields = (8, 4) if large else (3, 2)
        count = len(_numbers("fields", fields))
        if strides is None:
            strides = (2, 1) if large else (1, 1)
        if pool is None:
            pool = 3 if large else 2
        if input_contrast is None:
            input_contrast = 9 if large else 5
        options = {"fields": fields, "strides": strides, "maps": maps, "pool": pool}
        options |= {"pool_strides": pool_strides, "contrast": contrast}
        options = {name: _for_each(name, value, count) for name, value in options.items()}
        self.preprocessing = nn.Sequential()
        if input_contrast:
            self.preprocessing.append(LocalContrastNorm2d(input_contrast, input_floor))
        shape, stacks = tuple(input_shape), []
        for index in range(count):
            chosen = {name: values[index] for name, values in options.items()}
            stack, shape = _stack(index, shape, epsilon, **chosen)
            stacks.append(stack)
        self.stacks = nn.Sequential(*stacks)
        self.classifier = nn.Linear(math.prod(shape), classes)

    def encode(self, images):
        """Features of the last stack, Tensor (B, F)."""
        return torch.flatten(self.stacks(self.preprocessing(images)), 1)

    def forward(self, images):
        return self.classifier(self.encode(images))


def _stack(index, shape, epsilon, *, fields, strides, maps, pool, pool_strides, contrast):
    """One stack for maps of a shape (C, H, W), and the shape that it gives."""
    _check_room(index, "fields", fields, shape)
    filters = LocallyConnected2d(shape, maps, fields, strides)
    filtered = filters.output_shape
    _check_room(index, "pool", pool, filtered)
    layers = OrderedDict(
        filters=filters,
        pool=L2Pool2d(pool, pool_strides, epsilon),
        contrast=LocalContrastNorm2d(contrast),
    )
    sizes = [(side - pool) // pool_strides + 1 for side in filtered[1:]]
    return nn.Sequential(layers), (maps, *sizes)


def _check_room(index, name, side, shape):
    if side > min(shape[1:]):
        raise ModelError(
            f"{name} is {side} in stack {index + 1}, whose maps are {shape[1]}x{shape[2]} there:"
            " give a smaller one, smaller strides or fields before it, or fewer stacks"
        )


def _numbers(name, values):
    whole = isinstance(values, list | tuple) and len(values) > 0
    if not whole or not all(isinstance(v, int) and v > 0 for v in values):
        raise ModelError(f"{name} is {values!r}: give positive whole numbers, one for each stack")
    return tuple(values)


def _for_each(name, value, count):
    values = _numbers(name, [value] * count if isinstance(value, int) else value)
    if len(values) != count:
        raise ModelError(
            f"{name} is {value!r} for {count} stacks (as many as fields): give one number for each"
        )
    return values
