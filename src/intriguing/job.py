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
    with open(log_path, "w", encoding="utf-8", buffering=1) as log:
        logging.basicConfig(
            stream=log, level=logging.INFO, format="%(asctime)s %(message)s", force=True
        )
        logging.captureWarnings(True)
        try:
            yield
        except IntriguingError as error:
            log.write(f"error: {error}\n")
            sys.exit(1)
        except Exception:
            traceback.print_exc(file=log)
            log.write("error: this is a defect of the workflow; please report the lines above\n")
            sys.exit(1)
