"""Progress of long work: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

logger = logging.getLogger(__name__)


class Progress:
    """Count finished units of work and show how fast they go.

    Parameters
    ----------
    description : str
        What is being done.
    total : int
        Units at most.
    unit : str
        Their name in the plural.
    every : float
        Seconds between two lines in the log.
    """

    def __init__(self, description: str, total: int, unit: str, every: float = 5.0):
        self.description, self.total, self.unit, self.every = description, total, unit, every
        self.finished = 0
        self._bar: Any = None

    def __enter__(self) -> Progress:
        self._start = self._last = time.monotonic()
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=self.total, desc=self.description, unit=f" {self.unit}", leave=False
            )
        return self

    def advance(self, units: int = 1, **details: Any) -> None:
        """Record ``units`` as finished; ``details`` are shown next to the count."""
        self.finished += units
        if self._bar is not None:
            self._bar.update(units)
            self._bar.set_postfix(details, refresh=False)
        if time.monotonic() - self._last >= self.every:
            self._last = time.monotonic()
            self._log(details)

    def _log(self, details: dict[str, Any]) -> None:
        rate = self.finished / max(1e-9, time.monotonic() - self._start)
        extra = "".join(f", {name} {value}" for name, value in details.items())
        logger.info(
            "%s: %d of at most %d %s, %.4g per second%s",
            *(self.description, self.finished, self.total, self.unit, rate, extra),
        )

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        self._log({})
