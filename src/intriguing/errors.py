"""The exceptions of this package: each message is one sentence that names the remedy."""

from collections.abc import Iterable
from typing import Any

# characters of a value, and names of a list, that a sentence shows
LONGEST, MOST = 80, 12


def quoted(value: Any) -> str:
    """A value as a sentence names it."""
    return shortened(repr(value))


def shortened(words: str) -> str:
    """The start of a long text."""
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"


def listed(names: Iterable[str]) -> str:
    """Names to choose from, the first of many."""
    shown = [shortened(name) for name in names]
    return ", ".join(shown[:MOST] + ["…"] * (len(shown) > MOST))


class IntriguingError(Exception):
    """Base of all errors that a user can fix; its message is the sentence to show."""


class ExperimentError(IntriguingError):
    """An experiment file is invalid: unknown key, wrong type, a name that refers to nothing."""


class DataError(IntriguingError):
    """A data set is missing, truncated or altered."""


class ArtifactError(IntriguingError):
    """A file that an earlier job wrote is missing, truncated, foreign or cannot be written."""


class ModelError(IntriguingError):
    """A network cannot be built, gives no logits, or holds weights that are not finite."""


class DeviceError(IntriguingError):
    """The requested device is not available."""


class TrainingError(IntriguingError):
    """Training diverged or was asked for something that the network cannot do."""


class AttackError(IntriguingError, ValueError):
    """The input of an attack is not valid."""


class BoundError(IntriguingError, ValueError):
    """A Lipschitz bound is requested for weights, sizes or a layer for which there is none."""


class UnknownLayerError(BoundError):
    """A network cannot be bounded because it has a layer or operation without a bound."""


class UnitsError(IntriguingError, ValueError):
    """Units or directions of a layer cannot be compared as asked."""
