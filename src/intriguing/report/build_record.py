"""How an experiment was built: when, with which versions, on which machine, and how long it took.

This is a file of its own, ``build.json``, beside the page: two rebuilds differ in it, while they
agree in every byte of the page and of what ``SHA256SUMS`` lists.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

import intriguing
from intriguing.artifacts.files import read_json
from intriguing.artifacts.model import MACHINE
from intriguing.job import needs_of

PACKAGES = ("torch", "torchvision", "numpy", "snakemake")


def now() -> str:
    """The present time in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def versions() -> dict[str, str]:
    """Versions of Python, of this package, and of `PACKAGES`."""
    return {
        "python": platform.python_version(),
        "intriguing": intriguing.__version__,
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def machine() -> dict[str, Any]:
    """The machine of this process, without its name or anything of its user.

    Returns
    -------
    dict
        ``processor``, ``cores`` (as many threads as it runs at once), ``memory_gib``, ``system``.
    """
    # what follows the number of a kernel's release names who built it
    release = platform.release().partition("-")[0]
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {release}, {platform.machine()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor()
    named = (line.partition(":") for line in lines)
    models = (value.strip() for key, _, value in named if key.strip() == "model name")
    return next(models, platform.processor() or platform.machine())


def machines_of(folders: Iterable[str | Path]) -> list[dict[str, Any]]:
    """What decided how models were rounded, each with the number of ``models`` it applies to.

    Parameters
    ----------
    folders : iterable of path
        Of trained models; those without a record (`device.rounding`) are left out.
    """
    paths = [Path(folder) / MACHINE for folder in folders]
    found = [tuple(sorted(read_json(path).items())) for path in paths if path.exists()]
    return [{**dict(facts), "models": number} for facts, number in Counter(found).items()]


def needs_by_rule(logs: Mapping[str, Sequence[str | Path]]) -> dict[str, dict[str, Any]]:
    """What the jobs of each rule needed: `needs_of_jobs` for each.

    Parameters
    ----------
    logs : mapping of str to sequence of path
        The log of every job, by rule.
    """
    return {rule: needs_of_jobs(paths) for rule, paths in logs.items()}


def needs_of_jobs(logs: Sequence[str | Path]) -> dict[str, Any]:
    """What some jobs needed, as far as it is known.

    Parameters
    ----------
    logs : sequence of path
        One for each job. It may be missing, where a result came from a cache or another folder, or
        be that of an older version, which did not note every need.

    Returns
    -------
    dict
        ``jobs``; ``timed``, how many of them noted their needs; the sum of their
        ``processor_seconds`` and ``wall_seconds``, and the largest ``peak_memory_mib``. None where
        nothing is known, ``wall_seconds`` also where a timed job did not note it.
    """
    known = [needs for needs in map(needs_of, logs) if needs is not None]
    walls = [needs.wall_seconds for needs in known if needs.wall_seconds is not None]
    processor = round(sum(needs.processor_seconds for needs in known), 1)
    return {
        "jobs": len(logs),
        "timed": len(known),
        "processor_seconds": processor if known else None,
        "wall_seconds": round(sum(walls), 1) if known and len(walls) == len(known) else None,
        "peak_memory_mib": max((needs.memory_mib for needs in known), default=None),
    }
