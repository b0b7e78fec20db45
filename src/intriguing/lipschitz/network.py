"""Bounds of a whole network: per layer, composed, and by methods that look at layers together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas
import torch
from torch import nn

from intriguing.errors import BoundError
from intriguing.lipschitz import layers
from intriguing.lipschitz.bounds import COMPARISONS, Constants
from intriguing.lipschitz.chain import DenseChain, dense_chain
from intriguing.lipschitz.graph import BoundedGraph, bound_graph
from intriguing.lipschitz.norms import operator_norm
from intriguing.lipschitz.rounding import UNIT
from intriguing.networks.logits import described, in_words
from intriguing.networks.precision import in_double_precision

# with more classes the Jacobian is not formed: steps of a power iteration, and the length of a move
# whose difference of logits stands for a derivative
MANY_CLASSES = 64
POWER_STEPS, DIFFERENCE = 16, 1e-5
# random images at which it is taken if none are given, and with many classes
SAMPLES, FEW_SAMPLES = 64, 4
# rounding of a Jacobian in float64, relative
DOWN = 1 - 1e-9
UP = 1 + 1e-14
# standard deviation of the noise that moves an image off the kinks
OFF_KINKS = 1e-6


def layer_bounds(
    model: nn.Module, input_shape: Sequence[int], *, compare: bool = True, partial: bool = False
) -> pandas.DataFrame:
    """One row a layer, in the order of execution.

    Parameters
    ----------
    model : Module
        In evaluation mode, of layers that are known (`register` adds to them).
    input_shape : tuple
        (C, H, W) of an image.
    compare : bool
        Also compute what other methods give, which takes longer than the interval.
    partial : bool
        Go on where a layer has no bound: its row has an infinite one.

    Returns
    -------
    pandas.DataFrame
        ``layer`` (kind and number, as in Conv1), ``name`` (path in the model), ``kind``, ``input``
        and ``weight`` shapes, ``stride``, the columns of `Bounds`, and the ``seconds`` spent.

    Raises
    ------
    BoundError
        If the model cannot be traced or a layer has no bound, unless ``partial``; the message names
        it.

    See Also
    --------
    network_bounds : The constant of the whole map.
    intriguing.lipschitz.register : Bounds of other layers.

    Examples
    --------
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2)).eval()
    >>> layer_bounds(model, (1, 9, 9))["layer"].tolist()
    ['Conv1', 'ReLU1', 'max-pool1']
    """
    return _table(bound_graph(model, input_shape, compare=compare, partial=partial))


def _table(graph: BoundedGraph) -> pandas.DataFrame:
    """The layers of a graph as a table."""
    numbers: dict[str, int] = {}
    rows = []
    for layer in graph.layers:
        numbers[layer.kind] = numbers.get(layer.kind, 0) + 1
        bounds = layer.bounds
        rows.append(
            {
                "layer": f"{layer.kind}{numbers[layer.kind]}",
                "name": layer.name,
                "kind": layer.kind,
                "input": _times(layer.input_shape),
                "weight": _times(layers.weight_shape(layer.module)),
                "stride": layers.stride_of(layer.module),
                "lower": bounds.lower,
                "upper": bounds.upper,
                **{name: getattr(bounds, name) for name in COMPARISONS},
                "method": bounds.method,
                "seconds": layer.seconds,
            }
        )
    return pandas.DataFrame(rows)


def _times(shape: Sequence[int] | None) -> str:
    return "" if shape is None else "×".join(map(str, shape))


@dataclass(frozen=True, kw_only=True, eq=False)
class NetworkBounds(Constants):
    """What is known of a network's Lipschitz constant, from the image to all logits.

    Parameters
    ----------
    lower : float
        Largest norm of the Jacobian at the images that were used.
    product : float
        Layers' upper bounds composed: products along chains, sums at branches.
    paper : float
        The same with the paper's bounds, every pool 1: not a bound where pools overlap.
    eclipse : float or None
        ECLipsE-Fast, where all layers are dense.
    multipliers : float or None
        The same with multipliers found by gradient descent (`chain`); at most ``eclipse``.
    lipsdp : float or None
        LipSDP, where requested, all layers are dense and no activation falls.
    upper : float
        The smallest certified constant.
    pairwise : float64 Tensor (classes, classes) or None
        Certified constant of logit i minus logit j; None if the network does not end in a dense
        layer.
    layers : pandas.DataFrame
        As `layer_bounds` returns it.
    reason : str
        Why there is no bound (``partial``); otherwise empty.
    """

    lower: float
    product: float
    paper: float
    eclipse: float | None
    multipliers: float | None
    lipsdp: float | None
    layers: pandas.DataFrame
    reason: str = ""


def network_bounds(
    model: nn.Module,
    input_shape: Sequence[int],
    images: torch.Tensor | None = None,
    *,
    compare: bool = False,
    lipsdp: bool = False,
    partial: bool = False,
    seed: int = 0,
) -> NetworkBounds:
    """Bounds of the map from image to logits.

    Parameters
    ----------
    model, input_shape
        As in `layer_bounds`.
    images : float Tensor (N, C, H, W), optional
        Where the Jacobian is taken for the lower bound; 64 uniform random images by default, 4 with
        more than 64 classes.
    compare : bool
        Fill in the comparison columns of the layers.
    lipsdp : bool
        Also solve LipSDP where all layers are dense (needs the optional packages of
        ``intriguing[lipsdp]``).
    partial : bool
        Go on where a layer has no bound: it and the network have an infinite one, so that nothing
        is certified, and ``reason`` names the layer; the other layers have theirs.
    seed : int
        Seed for the random images.

    Returns
    -------
    NetworkBounds

    Raises
    ------
    BoundError
        As `layer_bounds` (but an unknown layer is not an error if ``partial``), and if LipSDP is
        requested and its packages are missing.

    See Also
    --------
    layer_bounds : The table of layers alone.
    intriguing.lipschitz.certified_radii : Radii that follow from the constants.

    Examples
    --------
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    >>> bounds = network_bounds(model, (1, 4, 4))
    >>> bounds.lower <= bounds.upper <= bounds.product
    True
    """
    graph = bound_graph(model, input_shape, compare=compare, partial=partial)
    if images is not None:
        _check_images(images, input_shape)
    chain = dense_chain(graph)
    eclipse = None if chain is None else chain.constant()
    multipliers = None if chain is None else chain.best_constant()
    semidefinite = None
    if lipsdp and chain is not None and min(chain.lowest, default=0.0) >= 0:
        from intriguing.lipschitz.lipsdp import lipsdp_constant

        semidefinite = lipsdp_constant(chain)
    known = (graph.constant, eclipse, multipliers, semidefinite)
    upper = min(value for value in known if value is not None)
    if images is None:
        generator = torch.Generator().manual_seed(seed)
        number = SAMPLES if graph.outputs <= MANY_CLASSES else FEW_SAMPLES
        images = torch.rand(number, *input_shape, generator=generator)
    lower = jacobian_norms(model, images).amax().item() * DOWN if len(images) else 0.0
    if lower > upper:
        raise BoundError(
            f"the largest Jacobian norm found is {lower:.6g}, above the bound {upper:.6g}: correct"
            " the bounds that you registered; if there are none, please report this model"
        )
    return NetworkBounds(
        lower=lower,
        product=graph.constant,
        paper=graph.paper,
        eclipse=eclipse,
        multipliers=multipliers,
        lipsdp=semidefinite,
        upper=upper,
        pairwise=_pairwise(graph, chain, upper),
        layers=_table(graph),
        reason=graph.reason,
    )


def _check_images(images: torch.Tensor, input_shape: Sequence[int]) -> None:
    if not torch.is_tensor(images) or not images.is_floating_point():
        kind = images.dtype if torch.is_tensor(images) else type(images).__name__
        raise BoundError(f"images are {kind}: give a floating-point torch.Tensor")
    if tuple(images.shape[1:]) != tuple(input_shape):
        raise BoundError(
            f"images are {tuple(images.shape)} for an input_shape of {tuple(input_shape)}: give"
            " (N, *input_shape)"
        )
    if not images.isfinite().all():
        raise BoundError("images hold NaN or infinity: remove those")


def _pairwise(graph: BoundedGraph, chain: DenseChain | None, upper: float) -> torch.Tensor | None:
    """Constants of all differences of two logits: classes x classes."""
    if graph.last is None or graph.before_last is None:
        return None
    weight = graph.last.weight.detach().double().cpu()
    known = [graph.before_last * _distances(weight)]
    # the constant of a difference of two logits is at most root two times that of all of them
    known.append(torch.full_like(known[0], math.sqrt(2) * upper * UP))
    if chain is not None:
        known.append(chain.pairwise())
    return torch.stack(known).amin(0).fill_diagonal_(0.0)


def _distances(rows: torch.Tensor) -> torch.Tensor:
    """Distances between all rows, rounded up: Tensor (r, r)."""
    distances = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
    return distances * (1 + 4 * rows.shape[1] * UNIT)


def jacobian_norms(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Largest singular value of the Jacobian d logits / d image at each image, float64 Tensor (N,).

    In double precision, with a backward pass for each class; with many classes by a power
    iteration, then somewhat less than the largest singular value. Each image is moved by a tiny
    random amount, because black pixels often lie on kinks, where the derivative from autograd need
    not be one.

    Parameters
    ----------
    model : Module
    images : float Tensor (N, C, H, W)
    """
    generator = torch.Generator().manual_seed(0)
    double = in_double_precision(model).cpu()
    norms = []
    for image in images.detach().double().cpu().split(1):
        noise = torch.randn(image.shape, generator=generator, dtype=torch.float64)
        point = (image + OFF_KINKS * noise).requires_grad_(True)
        with torch.enable_grad():
            logits = _in_double(double, point)[0].flatten()
        try:
            norms.append(_jacobian_norm(double, logits, point))
        except RuntimeError as error:  # whatever torch cannot differentiate
            raise BoundError(
                f"the model has no gradient in double precision ({in_words(error)}): let it compute"
                " new tensors in place of changing those that were used"
            ) from error
    return torch.tensor(norms, dtype=torch.float64)


def _in_double(model: nn.Module, point: torch.Tensor) -> torch.Tensor:
    try:
        # a copy, which the model may change
        output = model(point.clone())
    except Exception as error:  # whatever the model's own code raises
        raise BoundError(
            "the model fails on a single image in double precision"
            f" ({in_words(error)}): make its tensors parameters or buffers (register_buffer)"
        ) from error
    if not torch.is_tensor(output):
        raise BoundError(
            f"the model gives {described(output)}: wrap it in a torch.nn.Module that returns only"
            " the tensor of logits"
        )
    return output


def _found_norm(model: nn.Module, logits: torch.Tensor, point: torch.Tensor) -> float:
    """|J'u| / |u| for the best u of a power iteration, at most the norm of J whatever u is.

    J v comes from a difference of logits: not every operation has a second derivative.
    """
    upstream = torch.randn(len(logits), generator=torch.Generator().manual_seed(0)).to(logits)
    best = 0.0
    for _ in range(POWER_STEPS):
        (gradient,) = torch.autograd.grad(logits, point, upstream, retain_graph=True)
        length = gradient.norm()
        best = max(best, (length / upstream.norm()).item())
        if not length:
            break
        move = DIFFERENCE * gradient / length
        with torch.no_grad():
            upstream = (_in_double(model, point + move) - _in_double(model, point - move)).flatten()
        if not upstream.any():
            break
    return best


def _jacobian_norm(model: nn.Module, logits: torch.Tensor, point: torch.Tensor) -> float:
    if not logits.requires_grad or not len(logits):  # no gradient reaches the image
        return 0.0
    if len(logits) > MANY_CLASSES:
        return _found_norm(model, logits, point)
    rows = [
        torch.autograd.grad(logit, point, retain_graph=True, allow_unused=True)[0]
        for logit in logits
    ]
    rows = [torch.zeros_like(point) if row is None else row for row in rows]
    return operator_norm(torch.stack(rows).flatten(1))[0]
