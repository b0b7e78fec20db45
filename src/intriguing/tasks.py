"""What a network distinguishes: all classes of a data set, or one of them from the rest."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intriguing.errors import DataError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Task:
    """The classes of a network and how the labels of the data become its own.

    class_names : tuple of str
        One for each logit.
    positive : int or None
        The label that a binary network recognises (its logit 1); None: all labels as they are.
    """

    class_names: tuple[str, ...]
    positive: int | None = None

    @classmethod
    def of(cls, class_names: Sequence[str], positive: str | None = None) -> Task:
        """The task of all classes, or that of the class named ``positive`` against the rest.

        Raises
        ------
        DataError
            If no class has that name.
        """
        if positive is None:
            return cls(tuple(class_names))
        label = class_index(class_names, positive)
        return cls((f"not {class_names[label]}", class_names[label]), label)

    def labels(self, labels: torch.Tensor) -> torch.Tensor:
        """Labels of the data (int64 Tensor (N,)) as labels of this task."""
        return labels if self.positive is None else (labels == self.positive).long()


def class_index(class_names: Sequence[str], name: str) -> int:
    """Label of a class by its name, in which composed and decomposed accents are the same.

    Raises
    ------
    DataError
        If there is none of that name.
    """
    names = [_composed(known) for known in class_names]
    if _composed(name) not in names:
        known = ", ".join(class_names[:12]) + (", …" if len(class_names) > 12 else "")
        raise DataError(f"the data have no class {name!r}: choose one of {known}")
    return names.index(_composed(name))


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
