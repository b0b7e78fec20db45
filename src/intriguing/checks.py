"""What an attack demands of its images, labels, targets, model and settings."""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import torch

from intriguing.device import device_of
from intriguing.errors import AttackError, ModelError, quoted
from intriguing.networks.logits import in_training, logits_of

Settings = TypeVar("Settings")


# how far a pixel may lie outside [0, 1]: some roundings, as scaling and resizing leave them
BESIDE = 1e-6
# how much logits may depend on the company of an image, as a share of the largest: roundings
COMPANY = 1e-4
COMPANIONS = 4
# lengths, per pixel, over which a gradient is compared with differences; how many directions; the
# cosine from which on they agree
LENGTHS = (1e-3, 1e-2, 1e-1)
DIRECTIONS = 4
AGREEMENT = 0.5


def checked_device(model: torch.nn.Module, images: torch.Tensor) -> torch.device:
    """Where a model computes; `AttackError` unless it is a torch.nn.Module."""
    if not isinstance(model, torch.nn.Module):
        raise AttackError(
            f"the model is a {type(model).__name__}: wrap it in a torch.nn.Module that returns"
            " logits"
        )
    return device_of(model, images)


def check_count(name: str, value: object) -> None:
    """Raise `AttackError` unless ``value`` is a whole number of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise AttackError(f"{name} is {quoted(value)}: give a whole number of at least 1")


def search_settings(
    settings: Settings | Mapping[str, Any] | None, kind: type[Settings]
) -> Settings:
    """Numerical settings of a search, as an instance of their dataclass.

    Parameters
    ----------
    settings : kind, mapping or None
        The settings themselves, some of their fields by name, or None for the defaults.
    kind : type
        A dataclass with a default for each field.

    Raises
    ------
    AttackError
        If they are of another type, a name is unknown, or a value is not positive.
    """
    if settings is None:
        return kind()
    defaults = {field.name: field.default for field in fields(kind)}  # type: ignore[arg-type]
    if isinstance(settings, Mapping):
        for name in settings:
            if name not in defaults:
                raise AttackError(
                    f"unknown setting {quoted(name)}{_suggestion(name, list(defaults))}"
                )
        settings = kind(**settings)
    if not isinstance(settings, kind):
        raise AttackError(
            f"settings is a {type(settings).__name__}: give {kind.__module__}.{kind.__name__}, or"
            " a mapping of its fields"
        )
    for name, default in defaults.items():
        value, whole = getattr(settings, name), isinstance(default, int)
        number = isinstance(value, numbers.Integral if whole else numbers.Real)
        if not number or isinstance(value, bool) or not value > 0:
            expected = "whole number of at least 1" if whole else "positive number"
            raise AttackError(f"the setting {name} is {quoted(value)}: give a {expected}")
    return settings


def _suggestion(word: object, known: list[str]) -> str:
    close = difflib.get_close_matches(str(word), known, 1)
    return f"; did you mean {close[0]!r}?" if close else f": choose among {', '.join(known)}"


def check_batch(images: torch.Tensor, labels: torch.Tensor) -> None:
    """Raise `AttackError` unless images are floating point, along the first axis, with labels."""
    for name, value in (("images", images), ("labels", labels)):
        _check_tensor(value, name)
    if not images.is_floating_point():
        raise AttackError(
            f"images must be floating point in [0, 1], not {images.dtype}: divide 8-bit images"
            " by 255"
        )
    matching = labels.ndim == 1 and len(images) == len(labels)
    if images.ndim < 2 or not images.shape[1:].numel() or not matching:
        raise AttackError(
            f"images of shape {tuple(images.shape)} and labels of shape {tuple(labels.shape)} do"
            " not match: give images along the first axis and a vector with one label for each"
        )


def check_images(images: torch.Tensor, labels: torch.Tensor) -> None:
    """Raise `AttackError` unless images are a batch (`check_batch`) in [0, 1] with labels."""
    check_batch(images, labels)
    # no copies of what may be a large part of the memory; NaN is passed on by both
    lowest, highest = images.flatten(1).amin(1), images.flatten(1).amax(1)
    bad = ~(lowest.isfinite() & highest.isfinite())
    if bad.any():
        raise AttackError(f"image {_first(bad)} holds NaN or infinity: fix or remove it")
    outside = torch.maximum(-lowest, highest - 1)
    bad = outside > BESIDE
    if bad.any():
        row = _first(bad)
        value = (lowest if -lowest[row] > highest[row] - 1 else highest)[row].item()
        raise AttackError(
            f"image {row} leaves [0, 1] with a pixel of {value:g}: scale the images and put any"
            " normalisation inside the model"
        )
    _check_integers(labels, "labels")


def check_model(model: torch.nn.Module, images: torch.Tensor) -> int:
    """Raise unless the model is in evaluation mode and gives finite logits; return their number."""
    if torch.is_inference_mode_enabled():
        raise AttackError("there are no gradients inside torch.inference_mode(): leave it first")
    if in_training(model):
        raise AttackError(
            "the model is in training mode, where dropout and batch norm are random: call"
            " model.eval() first"
        )
    other = {p.dtype for p in model.parameters() if p.is_floating_point()} - {torch.float32}
    if other:
        raise AttackError(
            f"the model computes in {other.pop()}, but examples are float32: call model.float()"
        )
    some = images[:COMPANIONS]
    if len(some) == 1:  # in other company than its own
        some = torch.cat([some, 1 - some])
    with torch.no_grad():
        first, again = logits_of(model, some), logits_of(model, some)
        alone = torch.cat([logits_of(model, image) for image in some.split(1)])
    if not first.isfinite().all():
        raise ModelError("the model gives NaN or infinity: its weights are damaged, train it again")
    if not torch.equal(first, again):
        raise AttackError(
            "the model gives different logits for the same image: make it deterministic first"
        )
    if ((first - alone).abs() > COMPANY * first.abs().amax()).any():
        raise AttackError(
            "the model's answer for an image depends on the other images of the batch, as with"
            " batch norm that has no running statistics: let it answer for each image alone"
        )
    totals = first.double().sum(1)
    if (first >= 0).all() and torch.allclose(totals, torch.ones_like(totals), atol=1e-4):
        raise ModelError(
            "the model's outputs are probabilities, not logits: remove its final softmax"
        )
    return first.shape[1]


@torch.no_grad()
def check_gradient(model: torch.nn.Module, images: torch.Tensor) -> None:
    """Raise `AttackError` unless the gradient of the logits at some images fits the logits.

    In random directions it is compared with differences of the logits over several lengths. What
    agrees over one of them passes: kinks, saturated units and straight-through estimators do over
    some. A model that ignores the image passes, too.
    """
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(images.device)

    # off the kinks on which black pixels lie
    points = images[:COMPANIONS] + LENGTHS[0] * normal(*images[:COMPANIONS].shape)
    with torch.enable_grad():
        points.requires_grad_(True)
        logits = logits_of(model, points)
        combination = normal(*logits.shape)
        gradient = torch.zeros_like(points)
        if logits.requires_grad:
            (found,) = torch.autograd.grad((logits * combination).sum(), points, allow_unused=True)
            gradient = gradient if found is None else found
    points = points.detach()
    directions = [normal(*points.shape) for _ in range(DIRECTIONS)]
    slopes = torch.stack([(gradient * move).flatten(1).sum(1) for move in directions])
    agreements = []
    for length in LENGTHS:
        ends = [
            [logits_of(model, points + sign * length * move) for sign in (1, -1)]
            for move in directions
        ]
        rises = torch.stack([(combination * (end - start)).sum(1) for end, start in ends])
        rounding = 1e-5 * logits.abs().amax() * logits.shape[1] ** 0.5
        seen = rises.abs().amax() > rounding
        product = (slopes * rises).sum() / (slopes.norm() * rises.norm()).clamp(min=1e-30)
        agreements.append(product.item() if seen else None)
    if agreements[-1] is not None and not gradient.any():
        raise AttackError(
            "no gradient of the logits reaches the image, although they depend on it: remove"
            " torch.no_grad, detach and rounding from the model's forward, or give rounding a"
            " straight-through gradient"
        )
    if all(value is not None and value < AGREEMENT for value in agreements):
        raise AttackError(
            "the gradient of the logits does not fit them: part of the model is hidden from it by"
            " torch.no_grad, detach or rounding in forward; remove these, or give rounding a"
            " straight-through gradient"
        )


def check_classes(values: torch.Tensor, classes: int, name: str) -> None:
    """Raise `AttackError` unless all values are class numbers."""
    bad = (values < 0) | (values >= classes)
    if bad.any():
        row = _first(bad)
        raise AttackError(
            f"{name} {values[row].item()} of image {row} is not a valid class: the model has"
            f" {classes}, numbered from 0"
        )


def checked_targets(targets: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Targets as int64 where the labels are; `AttackError` unless each is another class."""
    if isinstance(targets, str):
        raise AttackError(
            f"targets is {quoted(targets)}: give class numbers, such as"
            f" choose_targets({quoted(targets)}, model, images, labels)"
        )
    _check_tensor(targets, "targets")
    targets = targets.to(labels.device)
    if targets.shape != labels.shape:
        raise AttackError(f"{len(targets)} targets for {len(labels)} images: give one for each")
    _check_integers(targets, "targets")
    check_classes(targets, classes, "target")
    same = targets == labels
    if same.any():
        raise AttackError(f"the target of image {_first(same)} is its label: choose another class")
    return targets.long()


def _check_tensor(value: object, name: str) -> None:
    if not torch.is_tensor(value):
        raise AttackError(
            f"{name} must be a torch.Tensor, not {type(value).__name__}: convert them with"
            " torch.as_tensor"
        )


def _check_integers(values: torch.Tensor, name: str) -> None:
    if values.is_floating_point() or values.is_complex() or values.dtype == torch.bool:
        raise AttackError(f"{name} must be integers, not {values.dtype}")


def _first(mask: torch.Tensor) -> int:
    return int(mask.nonzero()[0, 0].item())
