"""The result of an attack: every image that was tried, found or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from intriguing.artifacts.files import read_arrays, write_arrays
from intriguing.errors import ArtifactError


@dataclass(repr=False)
class AdversarialSet:
    """Distorted images with what is known of each; row i belongs to the i-th image given.

    Parameters
    ----------
    images : float32 Tensor (N, C, H, W) in [0, 1]
        The distorted image; the last candidate where no adversarial example was found; the
        original where the model misclassifies it already.
    distortion : float64 Tensor (N,)
        Root of the mean square difference to the original over all pixels.
    success : bool Tensor (N,)
        The image, evaluated alone, is classified as its target with the required margin.
    already_wrong : bool Tensor (N,)
        The model misclassifies the original. Such an image is not attacked: distortion 0, no
        success, and it counts neither in averages nor in rates.
    labels, targets : int64 Tensor (N,)
        True class and target class (-1: none; untargeted: the class reached).
    loss_weight : float64 Tensor (N,)
        The c found; NaN where there is none.
    evaluations : int64 Tensor (N,)
        Gradient evaluations spent on the image.
    settings : mapping
        How the set was made; written into the file. Not to be changed: see `with_settings`.

    Examples
    --------
    >>> import torch
    >>> from intriguing.attacks import gaussian_noise
    >>> noisy = gaussian_noise(torch.rand(3, 1, 8, 8), torch.tensor([0, 1, 2]), 0.1, seed=5)
    >>> noisy.with_settings(split="test").settings
    {'attack': 'gaussian_noise', 'seed': 5, 'clip': False, 'split': 'test'}
    """

    images: torch.Tensor
    distortion: torch.Tensor
    success: torch.Tensor
    already_wrong: torch.Tensor
    labels: torch.Tensor
    targets: torch.Tensor
    loss_weight: torch.Tensor
    evaluations: torch.Tensor
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def untried(
        cls, images: torch.Tensor, labels: torch.Tensor, settings: Mapping[str, Any]
    ) -> Self:
        """The set before the attack: the originals, nothing found."""
        number, device = len(labels), images.device
        return cls(
            images=images.clone(),
            distortion=torch.zeros(number, dtype=torch.float64, device=device),
            success=torch.zeros(number, dtype=torch.bool, device=device),
            already_wrong=torch.zeros(number, dtype=torch.bool, device=device),
            labels=labels.clone(),
            targets=torch.full_like(labels, -1),
            loss_weight=torch.full((number,), torch.nan, dtype=torch.float64, device=device),
            evaluations=torch.zeros(number, dtype=torch.int64, device=device),
            settings=settings,
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        found = f"{self.success.sum().item()} of {self.attacked.sum().item()} found"
        mean = self.distortion[self.success].mean().item()
        return f"AdversarialSet({len(self)} images, {found}, mean distortion {mean:.4g})"

    @property
    def attacked(self) -> torch.Tensor:
        """Images that count: the model classifies the original correctly, bool Tensor (N,)."""
        return ~self.already_wrong

    @property
    def success_rate(self) -> float:
        """Share of the attacked images for which an adversarial example was found."""
        return self.success[self.attacked].double().mean().item()

    def with_settings(self, /, **more: Any) -> Self:
        """The same set (its tensors are shared, not copied) with more settings.

        Parameters
        ----------
        **more
            Take precedence over present settings of the same name.

        Returns
        -------
        AdversarialSet
        """
        return dataclasses.replace(self, settings={**self.settings, **more})

    @classmethod
    def join(cls, parts: Sequence[AdversarialSet]) -> Self:
        """One set of several, in order.

        Raises
        ------
        ArtifactError
            If they were made with different settings.
        """
        first = {**parts[0].settings}
        for part in parts:
            changed = [
                key
                for key in {**first, **part.settings}
                if first.get(key) != part.settings.get(key)
            ]
            if changed:
                raise ArtifactError(
                    f"these adversarial sets differ in {', '.join(changed)}: make all of them with"
                    " the same settings"
                )
        joined = {name: torch.cat([getattr(part, name) for part in parts]) for name in _TENSORS}
        return cls(**joined, settings=first)

    def save(self, path: str | Path, **more: Any) -> None:
        """Write to a safetensors file; keyword arguments are added to the settings."""
        arrays = {name: getattr(self, name).cpu().numpy() for name in _TENSORS}
        write_arrays(path, arrays, {**self.settings, **more})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a set written by `save`.

        Raises
        ------
        ArtifactError
            If the file is missing, truncated or does not hold an adversarial set.
        """
        arrays, settings = read_arrays(path)
        if not set(_TENSORS) <= set(arrays):
            raise ArtifactError(f"{path} does not hold an adversarial set: delete it and run again")
        tensors = {name: torch.from_numpy(np.asarray(arrays[name])) for name in _TENSORS}
        return cls(**tensors, settings=settings)


_TENSORS = tuple(
    field.name for field in dataclasses.fields(AdversarialSet) if field.name != "settings"
)


def root_mean_square(difference: torch.Tensor) -> torch.Tensor:
    """Distortion of each row, float64 Tensor (N,): comparable with a Gaussian's deviation."""
    return difference.flatten(1).double().square().mean(1).sqrt()
