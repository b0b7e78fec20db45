"""Which images an attack distorts, and the rule that chooses the class they are moved to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intriguing.artifacts.dataset import DatasetFile, Split
from intriguing.tasks import class_index


@dataclass(frozen=True)
class TargetRule:
    """An experiment's ``targets``.

    name : str
        Rule of `attacks.choose_targets`, ``any`` (untargeted) or ``class``.
    class_name : str or None
        With ``class``: the class that all images are moved to.
    """

    name: str
    class_name: str | None = None

    @classmethod
    def of(cls, value: str | Mapping[str, str]) -> TargetRule:
        """The rule of an experiment or of an artifact's settings: a name or ``{"class": NAME}``."""
        return cls(value) if isinstance(value, str) else cls("class", value["class"])

    @property
    def untargeted(self) -> bool:
        """Whether any class but the label will do."""
        return self.name == "any"

    def label(self, class_names: Sequence[str]) -> int | None:
        """Label of the one class that all images are moved to; None for the other rules."""
        return None if self.class_name is None else class_index(class_names, self.class_name)

    def __str__(self) -> str:
        return self.name if self.class_name is None else f"class {self.class_name}"


def sample_of(data: DatasetFile, entry: Mapping[str, Any]) -> Split:
    """The images that an attack distorts.

    Parameters
    ----------
    data : artifacts.dataset.DatasetFile
    entry : mapping
        ``split``, ``count`` and ``targets`` of the attack. Images of the class that all others are
        moved to take no part.
    """
    without = TargetRule.of(entry["targets"]).label(data.class_names)
    return data.sample(entry["split"], entry["count"], without)
