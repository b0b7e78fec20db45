"""What every script needs around its call of the library: a log and an exit code."""

import contextlib
import logging
import sys
import traceback
from pathlib import Path

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


def sentences(log_paths):
    """The sentences with which jobs ended, once each, in the logs of a workflow.

    Parameters
    ----------
    log_paths : path, or sequence of path
        What Snakemake calls ``log`` once jobs have failed, by its version.
    """
    paths = [log_paths] if isinstance(log_paths, str) else log_paths
    lines = [line for path in paths for line in Path(path).read_text("utf-8").splitlines()]
    return list(dict.fromkeys(line for line in lines if line.startswith("error: ")))


def _end(log_path, words):
    try:
        with open(log_path, "a", encoding="utf-8") as log:
            log.write(words)
    except OSError:  # the disk of the log is full
        sys.stderr.write(words)
    sys.exit(1)
