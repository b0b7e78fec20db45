"""Activations of a named layer over images, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import fx, nn

from intriguing.device import device_of
from intriguing.errors import UnitsError, UnknownLayerError
from intriguing.networks.logits import in_training, in_words
from intriguing.networks.predictions import rows_at_once
from intriguing.networks.tracing import named_layers

INPUT = "input"
# numbers of a layer's output, or of scores at its positions, that are in memory at once
NUMBERS = 1 << 24
# how a layer with several positions counts its units
POSITIONS = ("largest", "separate")


def layer_names(model: nn.Module, images: torch.Tensor | None = None) -> list[str]:
    """Names that `activations` takes, in the order of execution.

    Those of the table of bounds (``FC1``, ``ReLU1``, ``max-pool1``), for a model that cannot be
    traced the paths of its modules, and ``input``, the pixels themselves.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    images : Tensor (N, C, H, W), optional
        Images that it takes: with them models can be traced that ask for shapes.

    Examples
    --------
    >>> layer_names(nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU()).eval())
    ['input', 'reshape1', 'FC1', 'ReLU1']
    """
    nodes = _traced(model, images)[1]
    return [INPUT, *(nodes or (path for path, _ in model.named_modules() if path))]


def _traced(
    model: nn.Module, images: torch.Tensor | None
) -> tuple[fx.GraphModule | None, dict[str, fx.Node]]:
    """The graph of a model and its layers by name; without layers if it cannot be traced."""
    # a graph from an image may hold for one image alone
    for image in (None, None if images is None else images[:1]):
        try:
            return named_layers(model, image)
        except UnknownLayerError:
            continue
    return None, {}


class Activations:
    """Activations of a layer for some images: iterate over it, as often as needed.

    Each batch is a float32 Tensor (B, P, C): P positions (1 for a dense layer) of C units. Units of
    a layer with positions are its channels, the axis after the batch; if they are ``separate``,
    every number of its output is a unit, and P is 1.

    Attributes
    ----------
    images : int
        Number of images.
    units : int
        C.
    """

    def __init__(
        self, model: nn.Module, images: torch.Tensor, layer: str, positions: str = "largest"
    ):
        if positions not in POSITIONS:
            raise UnitsError(f"positions is {positions!r}: choose from {', '.join(POSITIONS)}")
        if images.ndim != 4 or not len(images):
            raise UnitsError(
                f"the images have the shape {tuple(images.shape)}: give at least one, (N, C, H, W)"
            )
        if in_training(model):
            raise UnitsError("the model is in training mode: call model.eval() first")
        self.layer, self._images = layer, images
        # every pixel is a unit
        self._positions = "separate" if layer == INPUT else positions
        self._device = device_of(model, images)
        self._part = _up_to(model, layer, images[:1].to(self._device))
        self.images = len(images)
        first = self._of(images[:1])
        self._rows = max(1, min(rows_at_once(images), NUMBERS // max(1, first.numel())))
        self.positions, self.units = first.shape[1:]

    def __iter__(self) -> Iterator[torch.Tensor]:
        for start in range(0, self.images, self._rows):
            yield self._of(self._images[start : start + self._rows])

    @torch.no_grad()
    def _of(self, images: torch.Tensor) -> torch.Tensor:
        try:
            output = self._part(images.clone().to(self._device))
        except UnitsError:
            raise
        except Exception as error:  # whatever the model's own code raises
            raise UnitsError(
                f"the model fails on images of shape {tuple(images.shape[1:])}"
                f" ({in_words(error)}): give it images that it takes"
            ) from error
        if not torch.is_tensor(output) or output.ndim < 2 or len(output) != len(images):
            raise UnitsError(
                f"layer {self.layer} does not give a tensor with a row for each image: choose"
                " another layer"
            )
        if not output.isfinite().all():
            raise UnitsError(
                f"layer {self.layer} gives NaN or infinity: the model's weights or the images are"
                " damaged"
            )
        output = output.float()
        if self._positions == "separate" or output.ndim == 2:
            return output.reshape(len(output), 1, -1)
        return output.flatten(2).transpose(1, 2)


def activations(
    model: nn.Module, images: torch.Tensor, layer: str, *, positions: str = "largest"
) -> Activations:
    """Activations of a layer, computed a batch at a time whenever they are iterated over.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    images : Tensor (N, C, H, W)
    layer : str
        A name of `layer_names`, or the path of a module.
    positions : {"largest", "separate"}
        Whether the units of a convolution are its channels, whose score is the largest over the
        positions, or all numbers of its output, as for filters that do not share weights.

    Returns
    -------
    Activations

    Raises
    ------
    UnitsError
        If the layer does not exist or does not give finite numbers for each image.
    """
    return Activations(model, images, layer, positions)


def _up_to(model: nn.Module, layer: str, images: torch.Tensor) -> nn.Module:
    """The part of a model up to a layer, whose output is that layer's."""
    if layer == INPUT:
        return nn.Identity()
    traced, nodes = _traced(model, images)
    if traced is not None and layer in nodes:
        return _cut(traced, nodes[layer])
    modules = dict(model.named_modules())
    if layer in modules and layer:
        return _Watched(model, modules[layer], layer)
    raise UnitsError(
        f"the network has no layer {layer}: choose from {', '.join(layer_names(model, images))}"
    )


def _cut(traced: fx.GraphModule, last: fx.Node) -> fx.GraphModule:
    """A graph as far as one of its operations."""
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in traced.graph.nodes:
        copies[node] = graph.node_copy(node, lambda source: copies[source])
        if node is last:
            break
    graph.output(copies[last])
    part = fx.GraphModule(traced, graph)
    part.graph.eliminate_dead_code()
    part.recompile()
    return part


class _Reached(Exception):
    """The layer has run; the rest of the network need not."""


class _Watched(nn.Module):
    """A model that stops at one of its modules and gives that one's output."""

    def __init__(self, model: nn.Module, module: nn.Module, path: str):
        super().__init__()
        self.model, self.module, self.path = model, module, path

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        outputs: list[torch.Tensor] = []

        def stop(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
            outputs.append(output)
            raise _Reached

        handle = self.module.register_forward_hook(stop)
        try:
            self.model(images)
        except _Reached:
            return outputs[0]
        finally:
            handle.remove()
        raise UnitsError(f"the model does not run {self.path}: choose another layer")
