"""Files that one job writes and another reads: arrays, tables, JSON, text.

Everything is written to a temporary name and renamed, so that a killed job leaves nothing that
looks finished. A reader that meets a missing, truncated or foreign file says which and what to do.
Arrays are safetensors: no pickle, nothing runs on load, and the settings that made the file travel
in its header. This module knows nothing of torch, so that tables and figures start fast.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.numpy

from intriguing.errors import ArtifactError

if TYPE_CHECKING:
    import pandas

# one key, because safetensors does not keep the order of several and files must be reproducible
_SETTINGS = "settings"
# a model may be called 100 or nan
_NAMES = ("attack", "model", "made_for", "target", "label", "role", "failed_images", "tag")
_TEXT = dict.fromkeys(
    [*_NAMES, *(f"{name}_{end}" for name in ("made_for", "target") for end in ("label", "role"))],
    str,
)


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path in the folder of ``path``; rename it on success, remove it on failure.

    Raises
    ------
    ArtifactError
        If the disk is full or the folder cannot be written.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        if path.is_dir() and partial.is_dir():
            shutil.rmtree(path)
        os.replace(partial, path)
    except OSError as error:
        raise ArtifactError(
            f"{path} cannot be written ({error.strerror or error}): free some space or make the"
            " folder writable, then run again; finished results are not lost"
        ) from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON, keys sorted."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def write_table(path: str | Path, frame: pandas.DataFrame) -> None:
    """Write a pandas.DataFrame as CSV, floats with 10 significant digits."""
    write_text(path, frame.to_csv(index=False, float_format="%.10g", lineterminator="\n"))


def write_arrays(
    path: str | Path, arrays: Mapping[str, np.ndarray], settings: Mapping[str, Any]
) -> None:
    """Write NumPy arrays by name and the settings that made them (anything JSON can hold)."""
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    header = {_SETTINGS: json.dumps(settings, sort_keys=True)}
    content = safetensors.numpy.save(arrays, metadata=header)
    with replacing(path) as partial:
        partial.write_bytes(content)


def read_json(path: str | Path) -> Any:
    """Read a JSON file of an earlier job."""
    with reading(path):
        return json.loads(Path(path).read_text(encoding="utf-8"))


def read_table(path: str | Path, **options: Any) -> pandas.DataFrame:
    """Read a CSV file as pandas.DataFrame; columns of names stay text, whatever they look like."""
    import pandas

    with reading(path):
        return pandas.read_csv(path, dtype=_TEXT, keep_default_na=False, na_values=[""], **options)


def read_settings(path: str | Path) -> dict[str, Any]:
    """Settings stored in an array file, without reading the arrays."""
    with reading(path), safetensors.safe_open(path, framework="numpy") as file:
        return json.loads(file.metadata()[_SETTINGS])


def read_arrays(
    path: str | Path, names: Iterable[str] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays by name (all, or those in ``names``) and settings of an array file.

    Raises
    ------
    ArtifactError
        If the file is missing, truncated, or not one that this package wrote.
    """
    with reading(path), safetensors.safe_open(path, framework="numpy") as file:
        settings = json.loads(file.metadata()[_SETTINGS])
        arrays = {name: file.get_tensor(name) for name in names or file.keys()}
    return arrays, settings


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Turn what the body raises while it reads a file into an `ArtifactError` that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise ArtifactError(f"{path} is missing: run snakemake again to rebuild it") from error
    except ArtifactError:
        raise
    except (
        safetensors.SafetensorError,
        ValueError,
        KeyError,
        TypeError,
        OSError,
        RecursionError,
    ) as error:
        # of one line, and not the whole file
        reason = " ".join(str(error).split())[:120]
        raise ArtifactError(
            f"{path} is truncated or was not written by this workflow ({reason}): delete it and"
            " run snakemake again to rebuild it"
        ) from error
