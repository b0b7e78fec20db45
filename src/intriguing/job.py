"""What every script needs around its call of the library: a log, an exit code, and digests."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from intriguing.artifacts import digests
from intriguing.errors import IntriguingError

# settings of the C library's malloc (`man mallopt`): numbers of the keys, and bytes
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT, LARGEST = 256 * 2**20, 32 * 2**20
# environment variable: a file for the sentence that make prints as its last line
LAST_LINE = "INTRIGUING_LAST_LINE"


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run the body with messages going to the job's log.

    An `IntriguingError` ends the process with its sentence as the last line of the log (Snakemake
    shows the logs of failed jobs) and exit status 1. Any other exception is a bug of ours: the log
    gets the traceback. Inputs are compared with the digests that the jobs before recorded, and
    those of the outputs are recorded (`artifacts.digests`).

    Parameters
    ----------
    snakemake : object
        What Snakemake gives a script: ``log``, ``input``, ``output``, and ``wildcards`` with the
        ``experiment``.
    """
    log_path = snakemake.log[0]
    results = _results(log_path, snakemake.wildcards.experiment)
    handler = logging.FileHandler(log_path, "w", encoding="utf-8")
    logging.basicConfig(
        handlers=[handler], level=logging.INFO, format="%(asctime)s %(message)s", force=True
    )
    logging.captureWarnings(True)
    keep_freed_memory()
    try:
        digests.set_back(results, snakemake.input)
        digests.check(results, snakemake.input)
        digests.forget(results, snakemake.output)
        yield
        digests.record(results, snakemake.output, snakemake.input)
        _log_needs()
    except IntriguingError as error:
        _end(log_path, f"error: {error}\n")
    except Exception:
        _explain(log_path, results, snakemake.input)
        bug = "error: internal error (a bug in this workflow): please report the lines above\n"
        _end(log_path, traceback.format_exc() + bug)
    finally:
        handler.close()


def _log_needs() -> None:
    """Note what the job needed, from which the resources of the rules are set."""
    try:
        import resource
    except ImportError:  # Windows
        return
    import psutil

    used = resource.getrusage(resource.RUSAGE_SELF)
    kilobyte = 1 if sys.platform == "darwin" else 1024
    logging.getLogger(__name__).info(
        "done: %.1f s of processor time, at most %.0f MiB of memory, %.1f s in all",
        used.ru_utime + used.ru_stime,
        used.ru_maxrss * kilobyte / 2**20,
        time.time() - psutil.Process().create_time(),
    )


@dataclass(frozen=True)
class Needs:
    """What a job needed.

    processor_seconds : float
    memory_mib : int
        The most that it held.
    wall_seconds : float or None
        From the start of its process; None in logs of versions that did not note it.
    """

    processor_seconds: float
    memory_mib: int
    wall_seconds: float | None


# what `_log_needs` writes
_NEEDS = re.compile(
    r"done: ([\d.]+) s of processor time, at most (\d+) MiB of memory(?:, ([\d.]+) s in all)?$",
    re.MULTILINE,
)


def needs_of(log_path: str | Path) -> Needs | None:
    """What the job of a log needed; None without a log, or if the job did not succeed."""
    try:
        found = _NEEDS.search(Path(log_path).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    if found is None:
        return None
    wall = float(found[3]) if found[3] else None
    return Needs(float(found[1]), int(found[2]), wall)


def _explain(log_path: str, results: Path, inputs: Sequence[str]) -> None:
    """End with a sentence if inputs have been set aside while the job ran."""
    try:
        digests.require(results, inputs)
    except IntriguingError as error:
        _end(log_path, f"error: {error}\n")


def _results(log_path: str, experiment: str) -> Path:
    """Folder of the experiment's results, in which its logs are."""
    parts = Path(log_path).parts
    ends = [end for end in range(1, len(parts)) if parts[end - 1 : end + 1] == (experiment, "logs")]
    return Path(*parts[: ends[0]])


def keep_freed_memory() -> None:
    """Let this process use freed memory again instead of giving it back to the kernel at once.

    A step of a network allocates and frees some dozen tensors of megabytes. By default glibc
    returns many of them, and up to a third of the time goes into clearing their pages when they are
    allocated again. Blocks above 32 MB are still returned, and what exceeds 256 MB at the end of
    the heap. Without effect where the C library has no such setting.
    """
    # None is the process itself, of which Windows has no such handle
    with contextlib.suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, LARGEST)
        mallopt(M_TRIM_THRESHOLD, KEPT)


def stop(*sentences: str) -> NoReturn:
    """End Snakemake with sentences as its last lines.

    An exception would be shown with its places in the files of the workflow. If the environment
    variable `LAST_LINE` names a file, the last sentence goes there instead: make shows it.
    """
    lines = list(sentences)
    if _left_to_make(lines[-1].removeprefix("error: ")):
        lines.pop()
    sys.exit("\n".join(lines) or 1)


def _left_to_make(sentence: str) -> bool:
    path = os.environ.get(LAST_LINE)
    if path:
        with contextlib.suppress(OSError):
            Path(path).write_text(f"{sentence}\n", encoding="utf-8")
            return True
    return False


def explain_lock(record: logging.LogRecord) -> bool:
    """Filter of Snakemake's log that leaves make a sentence if another build has locked the folder.

    Snakemake ends then without asking the workflow, whose ``onerror`` is for failed jobs.

    Returns
    -------
    bool
        True: every message is shown.
    """
    if record.getMessage().startswith("LockException:"):
        _left_to_make(
            "another build runs in this folder: wait for it, or run .venv/bin/snakemake --unlock if"
            " it was killed"
        )
    return True


def stop_after_failed_jobs(log_paths: str | Sequence[str]) -> NoReturn:
    """End Snakemake with the sentences of the jobs that failed.

    Parameters
    ----------
    log_paths : path, or sequence of path
        What Snakemake calls ``log`` then: by its version, one or several of its logs.
    """
    paths = [log_paths] if isinstance(log_paths, str) else list(log_paths)
    lines = [line for path in paths for line in Path(path).read_text("utf-8").splitlines()]
    found = list(dict.fromkeys(line for line in lines if line.startswith("error: ")))
    if any(_INTERRUPTED in line for line in lines):
        found = ["error: interrupted: the same command continues from here"]
    unknown = "error: a job failed without a sentence, killed perhaps: its log is named above"
    logs = ", ".join(map(os.path.relpath, paths))
    stop(f"the log of this run is {logs}", *(found or [unknown]))


# what Snakemake's log says after Ctrl-C
_INTERRUPTED = "on user request"


def _end(log_path: str | Path, words: str) -> NoReturn:
    try:
        with open(log_path, "a", encoding="utf-8") as log:
            log.write(words)
    except OSError:  # the disk of the log is full
        sys.stderr.write(words)
    sys.exit(1)
