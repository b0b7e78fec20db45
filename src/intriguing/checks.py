"""What an attack demands of its images, labels, targets and model, checked before it starts."""

import torch

from intriguing.device import device_of
from intriguing.errors import AttackError, ModelError


def checked_device(model, images):
    """Where a model computes; `AttackError` unless it is a torch.nn.Module."""
    if not isinstance(model, torch.nn.Module):
        raise AttackError(
            f"the model is a {type(model).__name__}: wrap it into a torch.nn.Module that gives"
            " logits"
        )
    return device_of(model, images)


def check_settings(margin, batch_size, memory_mb, levels):
    """Raise `AttackError` unless the settings common to all attacks make sense."""
    if not 0 <= margin < float("inf"):
        raise AttackError(f"margin is {margin}: give a finite number of at least 0")
    if batch_size is not None:
        check_count("batch_size", batch_size)
    if not memory_mb > 0:
        raise AttackError(f"memory_mb is {memory_mb}: give a positive number")
    if levels is not None and (not isinstance(levels, int) or levels < 2):
        raise AttackError(
            f"levels is {levels!r}: give a whole number of at least 2, or None for no rounding"
        )


def check_count(name, value):
    """Raise `AttackError` unless ``value`` is a whole number of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise AttackError(f"{name} is {value!r}: give a whole number of at least 1")


def check_search(settings, kind):
    """Raise `AttackError` unless settings are of a solver's ``kind`` and all are positive."""
    if not isinstance(settings, kind):
        expected = f"{kind.__module__.removeprefix('intriguing.')}.{kind.__name__}"
        raise AttackError(f"settings is a {type(settings).__name__}: give intriguing.{expected}")
    for name, value in vars(settings).items():
        if not value > 0:
            raise AttackError(f"the setting {name} is {value}: give a positive number")


def check_images(images, labels):
    """Raise `AttackError` unless images are float (N, C, H, W) in [0, 1] with a label each."""
    for name, value in (("images", images), ("labels", labels)):
        _check_tensor(value, name)
    if not images.is_floating_point():
        raise AttackError(
            f"images must be floating point in [0, 1], not {images.dtype}: divide 8-bit images"
            " by 255"
        )
    fits = labels.ndim == 1 and len(images) == len(labels)
    if images.ndim < 2 or not images.shape[1:].numel() or not fits:
        raise AttackError(
            f"images of shape {tuple(images.shape)} and labels of shape {tuple(labels.shape)} do"
            " not fit: give images along the first axis and a vector with one label for each"
        )
    # no copies of what may be a large part of the memory; NaN is passed on by both
    lowest, highest = images.flatten(1).amin(1), images.flatten(1).amax(1)
    bad = ~(lowest.isfinite() & highest.isfinite())
    if bad.any():
        raise AttackError(f"image {_first(bad)} holds NaN or infinity: repair or drop it")
    bad = (lowest < 0) | (highest > 1)
    if bad.any():
        raise AttackError(
            f"image {_first(bad)} leaves [0, 1]: scale the images and put any normalisation inside"
            " the model"
        )
    _check_integers(labels, "labels")


def check_model(model, images):
    """Raise unless the model is in evaluation mode and gives finite logits; return their number."""
    if torch.is_inference_mode_enabled():
        raise AttackError("inside torch.inference_mode() there are no gradients: leave it first")
    if any(module.training for module in model.modules()):
        raise AttackError(
            "the model is in training mode, where dropout and batch norm are random: call"
            " model.eval() first"
        )
    other = {p.dtype for p in model.parameters() if p.is_floating_point()} - {torch.float32}
    if other:
        raise AttackError(
            f"the model computes in {other.pop()}, but examples are float32: call model.float()"
        )
    with torch.no_grad():
        first, again = model(images[:2]), model(images[:2])
    rows = min(2, len(images))
    if not torch.is_tensor(first) or first.ndim != 2 or len(first) != rows or first.shape[1] < 2:
        shape = tuple(first.shape) if torch.is_tensor(first) else type(first).__name__
        raise ModelError(
            f"the model gives {shape} for {rows} images instead of logits ({rows}, classes)"
        )
    if not first.isfinite().all():
        raise ModelError("the model gives NaN or infinity: its weights are damaged, train it again")
    if not torch.equal(first, again):
        raise AttackError(
            "the model gives different logits for the same image: make it deterministic first"
        )
    totals = first.double().sum(1)
    if (first >= 0).all() and torch.allclose(totals, torch.ones_like(totals), atol=1e-4):
        raise ModelError(
            "the model's outputs are probabilities, not logits: remove its final softmax"
        )
    return first.shape[1]


def check_classes(values, classes, name):
    """Raise `AttackError` unless all values are class numbers."""
    bad = (values < 0) | (values >= classes)
    if bad.any():
        row = _first(bad)
        raise AttackError(
            f"{name} {values[row].item()} of image {row} is no class: the model has {classes},"
            " counted from 0"
        )


def checked_targets(targets, labels, classes):
    """Targets as int64 beside the labels; `AttackError` unless each is a class, not the label."""
    if isinstance(targets, str):
        raise AttackError(
            f"targets is {targets!r}: give classes, choose_targets({targets!r}, model, images,"
            " labels)"
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


def _check_tensor(value, name):
    if not torch.is_tensor(value):
        raise AttackError(
            f"{name} must be a torch.Tensor, not {type(value).__name__}: convert them with"
            " torch.as_tensor"
        )


def _check_integers(values, name):
    if values.is_floating_point() or values.is_complex() or values.dtype == torch.bool:
        raise AttackError(f"{name} must be integers, not {values.dtype}")


def _first(mask):
    return mask.nonzero()[0, 0].item()
