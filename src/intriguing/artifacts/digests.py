"""Digests of what jobs wrote, and the check of it before another job reads it.

Each output of a job leaves a record: ``digests/tables/table1.csv.sha256`` for
``tables/table1.csv``, with a line for each file in the format of ``sha256sum``. A file that does
not match its record, because a disk or a hand changed it, is set aside, so that the next run builds
it again; without this, numbers made from it would be wrong without a word.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

from intriguing.artifacts.files import write_text
from intriguing.errors import ArtifactError

FOLDER = "digests"
SET_ASIDE = ".damaged"
# put by Snakemake into a folder that a job has written
TIMESTAMP = ".snakemake_timestamp"
# how the cache that workflows share (``snakemake --cache``) names what it holds
CACHED = re.compile(r"[0-9a-f]{64}_")


def record(results: Path, outputs: Iterable[str]) -> None:
    """Write the records of files and folders that a job has finished.

    Parameters
    ----------
    results : Path
        Folder of the experiment's results.
    outputs : iterable of path
        Those elsewhere are left out.
    """
    for path in _inside(results, outputs):
        write_text(_record_of(results, path), sums(results, [results / path]))


def forget(results: Path, outputs: Iterable[str]) -> None:
    """Remove the records of files and folders that a job is about to write."""
    for path in _inside(results, outputs):
        with contextlib.suppress(OSError):
            _record_of(results, path).unlink(missing_ok=True)


def check(results: Path, inputs: Iterable[str]) -> None:
    """Compare files and folders with their records; those that have none are not looked at.

    Parameters
    ----------
    results : Path
        Folder of the experiment's results.
    inputs : iterable of path
        Those elsewhere are not looked at: they are the user's.

    Raises
    ------
    ArtifactError
        Names those that are missing, and those that do not match, which have been renamed: a run
        builds them again.
    """
    require(results, inputs)
    changed = [path for path in _inside(results, inputs) if not _matches(results, path)]
    if not changed:
        return
    for path in changed:
        _set_aside(results, path)
    names = " and ".join(str(results / path) for path in changed)
    raise ArtifactError(
        f"{names} changed after the workflow wrote it (an edit, or a damaged disk): it was renamed"
        f" to *{SET_ASIDE}; run snakemake again to rebuild it"
    )


def set_back(results: Path, inputs: Iterable[str]) -> None:
    """Give files and folders that are dated in the future the time of their record.

    Snakemake refuses an output that is older than an input, so that a clock that once was wrong
    would fail every job that reads such a file.
    """
    now = time.time()
    for path in _inside(results, inputs):
        artifact = results / path
        for dated in (artifact, artifact / TIMESTAMP):
            with contextlib.suppress(OSError):
                if dated.lstat().st_mtime > now:
                    recorded = min(_time_of(_record_of(results, path), now), now)
                    os.utime(dated, (recorded, recorded), follow_symlinks=False)


def require(results: Path, inputs: Iterable[str]) -> None:
    """Raise an `ArtifactError` if files or folders in the results are missing.

    Snakemake starts no job without them, but a job beside this one may set them aside.
    """
    missing = [path for path in _inside(results, inputs) if not (results / path).exists()]
    if missing:
        names = " and ".join(str(results / path) for path in missing)
        raise ArtifactError(f"{names} is missing: run snakemake again to rebuild it")


def sums(results: Path, paths: Iterable[str | Path]) -> str:
    """A line for each file of some files and folders in the results, as ``sha256sum`` writes it.

    Sorted by name, which is relative to the results.
    """
    files = {file for path in _inside(results, paths) for file in _files(results / path)}
    names = {file.relative_to(results).as_posix(): file for file in files}
    return "".join(f"{_digest(names[name])}  {name}\n" for name in sorted(names))


def forget_missing(results: Path) -> None:
    """Remove the records of what is no longer there, such as shards that were merged."""
    for path in (results / FOLDER).rglob("*.sha256"):
        if not (results / path.relative_to(results / FOLDER).with_suffix("")).exists():
            path.unlink(missing_ok=True)


def _inside(results: Path, paths: Iterable[str | Path]) -> list[Path]:
    """Those of some paths that lie in the results, relative to them, without records."""
    inside = [Path(path) for path in paths if Path(path).is_relative_to(results)]
    relative = [path.relative_to(results) for path in inside]
    return [path for path in relative if path.parts[:1] != (FOLDER,)]


def _record_of(results: Path, path: Path) -> Path:
    return results / FOLDER / path.with_name(f"{path.name}.sha256")


def _matches(results: Path, path: Path) -> bool:
    try:
        recorded = _record_of(results, path).read_text(encoding="utf-8")
    except OSError:
        return True
    try:
        return sums(results, [results / path]) == recorded
    except FileNotFoundError:  # set aside by a job beside this one, just now
        require(results, [str(results / path)])
        return False
    except OSError as error:
        raise ArtifactError(
            f"{error.filename} cannot be read ({error.strerror}): make it readable, or delete it"
            " and run snakemake again"
        ) from error


def _set_aside(results: Path, path: Path) -> None:
    """Rename what is damaged, in the cache as well, from which it would be taken again."""
    artifact = results / path
    for damaged in (*_in_cache(artifact), *_in_cache(_record_of(results, path))):
        _rename(damaged)
    if artifact.is_symlink():
        artifact.unlink(missing_ok=True)
    else:
        _rename(artifact)
    forget(results, [str(artifact)])


def _rename(damaged: Path) -> None:
    """Rename a file or folder; a job beside this one may have done so already."""
    numbers = ["", *(f".{number}" for number in range(2, 1000))]
    names = (damaged.with_name(f"{damaged.name}{number}{SET_ASIDE}") for number in numbers)
    try:
        os.replace(damaged, next(name for name in names if not os.path.lexists(name)))
    except FileNotFoundError:
        return
    except OSError as error:
        raise ArtifactError(
            f"{damaged} changed after the workflow wrote it and cannot be renamed"
            f" ({error.strerror}): delete it and run snakemake again"
        ) from error


def _in_cache(artifact: Path) -> set[Path]:
    """What links from a file, a folder or its files name in the cache that workflows share."""
    links = [path for path in (artifact, *_files(artifact)) if path.is_symlink()]
    targets = [Path(os.readlink(link)) for link in links]
    return {
        entry
        for target in targets
        for entry in (target, *target.parents)
        if CACHED.match(entry.name)
    }


def _time_of(path: Path, otherwise: float) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return otherwise


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [file for file in path.rglob("*") if file.is_file() and file.name != TIMESTAMP]


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
