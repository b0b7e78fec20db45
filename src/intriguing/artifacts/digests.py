"""Digests of what jobs wrote, and the check of it before another job reads it.

Each output of a job leaves a record: ``digests/tables/table1.csv.sha256`` for
``tables/table1.csv``, with a line for each file in the format of ``sha256sum``. A file that does
not match its record, because a disk or a hand changed it, is set aside, so that the next run builds
it again; without this, numbers made from it would be wrong without a word.

A record also says, in comments, of which version of its job's inputs the output was made. A job
whose inputs do not belong together, an adversarial set and a model that is not the one attacked,
does not start either. This can happen where workflows share results (``snakemake --cache``), in
files that are links into a folder of theirs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from intriguing.artifacts.files import write_text
from intriguing.errors import ArtifactError

FOLDER = "digests"
SET_ASIDE = ".damaged"
# put by Snakemake into a folder that a job has written
TIMESTAMP = ".snakemake_timestamp"
# how the cache that workflows share (``snakemake --cache``) names what it holds
CACHED = re.compile(r"[0-9a-f]{64}_")
# a comment of a record: of which version of which input
FROM = re.compile(r"# from ([0-9a-f]{64})  (.+)\n")


def record(results: Path, outputs: Iterable[str], inputs: Iterable[str] = ()) -> None:
    """Write the records of files and folders that a job has finished.

    Parameters
    ----------
    results : Path
        Folder of the experiment's results.
    outputs : iterable of path
        Those elsewhere are left out.
    inputs : iterable of path
        What they were made of; those elsewhere, or without a record, are left out.
    """
    versions = ((_version(results, path), path) for path in _inside(results, inputs))
    origin = "".join(f"# from {version}  {path}\n" for version, path in versions if version)
    for path in _inside(results, outputs):
        write_text(_record_of(results, path), sums(results, [results / path]) + origin)


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
        Names those that are missing, and those that do not match or were made of another version of
        an input, which have been renamed: a run builds them again.
    """
    require(results, inputs)
    paths = _inside(results, inputs)
    changed = [path for path in paths if not _matches(results, path)]
    if changed:
        names = " and ".join(str(results / path) for path in changed)
        _set_aside(results, changed)
        raise ArtifactError(
            f"{names} changed after the workflow wrote it (an edit, or a damaged disk): it was"
            f" renamed to *{SET_ASIDE}; run snakemake again to rebuild it"
        )
    versions = {str(path): _version(results, path) for path in paths}
    for path in paths:
        for version, origin in FROM.findall(_record(results, path)):
            if versions.get(origin, version) not in (version, ""):
                _set_aside(results, [path], entries=_in_cache(results / path))
                raise ArtifactError(
                    f"{results / path} was made of another version of {results / origin}: it was"
                    f" renamed to *{SET_ASIDE}; run snakemake again to rebuild it"
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
                if dated.lstat().st_mtime > now and not dated.parent.is_symlink():
                    recorded = min(_time_of(_record_of(results, path), now), now)
                    os.utime(dated, (recorded, recorded), follow_symlinks=False)


def require(results: Path, inputs: Iterable[str]) -> None:
    """Raise an `ArtifactError` if files or folders in the results are missing.

    Snakemake starts no job without them, but a job beside this one may set them aside, and the
    links in a folder may lead nowhere: Snakemake does not see that, so that the folder is removed.
    """
    missing = []
    for path in _inside(results, inputs):
        artifact = results / path
        entries = artifact.iterdir() if artifact.is_dir() else ()
        if any(entry.is_symlink() and not entry.exists() for entry in entries):
            artifact.unlink() if artifact.is_symlink() else shutil.rmtree(artifact)
        if not artifact.exists():
            missing.append(path)
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


def _record(results: Path, path: Path) -> str:
    """What the record says; nothing if there is none."""
    try:
        return _record_of(results, path).read_text(encoding="utf-8")
    except OSError:
        return ""


def _version(results: Path, path: Path) -> str:
    """One digest for all that a record says of a file or folder; nothing if there is no record."""
    lines = FROM.sub("", _record(results, path))
    return hashlib.sha256(lines.encode()).hexdigest() if lines else ""


def _matches(results: Path, path: Path) -> bool:
    if not _record_of(results, path).exists():
        return True
    try:
        return sums(results, [results / path]) == FROM.sub("", _record(results, path))
    except FileNotFoundError:  # set aside by a job beside this one, just now
        require(results, [str(results / path)])
        return False
    except OSError as error:
        raise ArtifactError(
            f"{error.filename} cannot be read ({error.strerror}): make it readable, or delete it"
            " and run snakemake again"
        ) from error


def _set_aside(results: Path, paths: Iterable[Path], entries: Collection[Path] = ()) -> None:
    """Rename what is damaged, in the cache as well, from which it would be taken again.

    Parameters
    ----------
    results : Path
        Folder of the experiment's results.
    paths : iterable of Path
        In the results.
    entries : collection of Path
        Of the cache. By default those that differ from the records.
    """
    for path in paths:
        artifact = results / path
        lines = _record(results, path).splitlines()
        # of a record that is damaged itself no line is right
        damaged = entries or {
            entry
            for file in _files(artifact)
            if f"{_digest(file)}  {file.relative_to(results).as_posix()}" not in lines
            for entry in _in_cache(file)
        }
        for entry in damaged:
            key = entry.name.partition("_")[0]
            for of_same_job in entry.parent.glob(f"{key}_*"):
                if not of_same_job.name.endswith(SET_ASIDE):
                    _rename(of_same_job)
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
    """The entries of a shared cache that a file, or a folder or its files, are links to."""
    files = (artifact, *(artifact.iterdir() if artifact.is_dir() else ()))
    targets = {file.resolve() for file in files}
    return {
        entry
        for target in targets
        for entry in (target, *target.parents)
        if CACHED.match(entry.name)
    }


def _time_of(path: Path, otherwise: float) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return otherwise


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    # two workflows that store a folder at once leave one in the other
    files = (file for file in path.rglob("*") if not CACHED.match(file.relative_to(path).parts[0]))
    return [file for file in files if file.is_file() and file.name != TIMESTAMP]


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
