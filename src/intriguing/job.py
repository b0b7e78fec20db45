"""What every script needs around its call of the library: a log and an exit code."""

import contextlib
import logging
import sys
import traceback

from intriguing.errors import IntriguingError


@contextlib.contextmanager
def job(log_path):
    """Run the body with messages going to ``log_path``.

    An `IntriguingError` ends the process with its sentence as the last line of the log (Snakemake
    shows the logs of failed jobs) and exit status 1. Any other exception is a defect: the log gets
    the traceback.
    """
    logging.basicConfig(
        filename=log_path,
        filemode="w",
        encoding="utf-8",
        level=logging.INFO,
        format="%(asctime)s %(message)s",
        force=True,
    )
    logging.captureWarnings(True)
    try:
        yield
    except IntriguingError as error:
        _end(log_path, f"error: {error}\n")
    except Exception:
        defect = "error: this is a defect of the workflow; please report the lines above\n"
        _end(log_path, traceback.format_exc() + defect)


def _end(log_path, words):
    try:
        with open(log_path, "a", encoding="utf-8") as log:
            log.write(words)
    except OSError:  # the disk of the log is full
        sys.stderr.write(words)
    sys.exit(1)
