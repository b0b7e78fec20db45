"""Progress of long work: a bar on a terminal, plain lines in a log."""

import logging
import sys
import time

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

    def __init__(self, description, total, unit, every=5.0):
        self.description, self.total, self.unit, self.every = description, total, unit, every
        self.finished = 0
        self._bar = None

    def __enter__(self):
        self._start = self._last = time.monotonic()
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=self.total, desc=self.description, unit=f" {self.unit}", leave=False
            )
        return self

    def advance(self, units=1, **details):
        """Record ``units`` as finished; ``details`` are shown beside the count."""
        self.finished += units
        if self._bar is not None:
            self._bar.update(units)
            self._bar.set_postfix(details, refresh=False)
        if time.monotonic() - self._last >= self.every:
            self._last = time.monotonic()
            self._log(details)

    def _log(self, details):
        rate = self.finished / max(1e-9, time.monotonic() - self._start)
        extra = "".join(f", {name} {value}" for name, value in details.items())
        logger.info(
            "%s: %d of at most %d %s, %.4g per second%s",
            *(self.description, self.finished, self.total, self.unit, rate, extra),
        )

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()
        self._log({})
