"""Lipschitz bounds: certified intervals for layers and networks, and radii that follow from them.

Everything is about the Euclidean norm of inputs and outputs.
"""

from intriguing.lipschitz.bounds import Bounds
from intriguing.lipschitz.certificate import certified_radii, check_no_example_inside
from intriguing.lipschitz.convolution import convolution_bounds, transposed_convolution_bounds
from intriguing.lipschitz.dense import dense_bounds
from intriguing.lipschitz.layers import register, residual_sum_bounds
from intriguing.lipschitz.local import local_bounds
from intriguing.lipschitz.network import layer_bounds, network_bounds
from intriguing.lipschitz.normalisation import (
    batch_norm_constant,
    contrast_bounds,
    local_contrast_bounds,
    lrn_bounds,
)
from intriguing.lipschitz.pooling import (
    adaptive_average_pool_constant,
    adaptive_max_pool_constant,
    average_pool_constant,
    l2_pool_constant,
    max_pool_constant,
)

__all__ = [
    "Bounds",
    "adaptive_average_pool_constant",
    "adaptive_max_pool_constant",
    "average_pool_constant",
    "batch_norm_constant",
    "certified_radii",
    "check_no_example_inside",
    "contrast_bounds",
    "convolution_bounds",
    "dense_bounds",
    "l2_pool_constant",
    "layer_bounds",
    "local_bounds",
    "local_contrast_bounds",
    "lrn_bounds",
    "max_pool_constant",
    "network_bounds",
    "register",
    "residual_sum_bounds",
    "transposed_convolution_bounds",
]
