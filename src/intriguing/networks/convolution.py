"""Convolutions of images whose channels lie next to each other in memory."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class ChannelsLastConv2d(nn.Conv2d):
    """A `torch.nn.Conv2d` that computes, and answers, in the memory format ``channels_last``.

    So do the layers after it, whatever the format of the images; on a CPU convolutions and
    overlapping pools are faster in it. The weights are stored as in any convolution: L-BFGS needs
    contiguous ones. No padding but with zeros.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        # a copy, as with one channel `contiguous` would leave the strides as they are
        weight = self.weight.clone(memory_format=torch.channels_last)
        settings = self.stride, self.padding, self.dilation, self.groups
        return functional.conv2d(images, weight, self.bias, *settings)
