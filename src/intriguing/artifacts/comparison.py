"""Two rebuilds of an experiment compared: which files differ, and by how much their numbers do.

``python -m intriguing.artifacts.comparison results/digits elsewhere/results/digits``
"""

from __future__ import annotations

import argparse
import filecmp
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from intriguing.artifacts.files import read_arrays, read_json, read_table
from intriguing.artifacts.model import MACHINE
from intriguing.errors import ArtifactError

MANIFEST = "SHA256SUMS"
COLUMNS = ["file", "part", "values", "differ", "change"]


def differences(one: str | Path, other: str | Path) -> pandas.DataFrame:
    """Files of two folders that differ, a row for each column, array or key that does.

    Parameters
    ----------
    one, other : path
        Folders of results of the same experiment. The files are those that ``one`` lists in its
        manifest (all, if it has none).

    Returns
    -------
    DataFrame
        ``file``, ``part`` (of the file: a column, an array; empty for the whole), number of
        ``values``, how many ``differ``, and their largest ``change``: the absolute difference over
        the largest magnitude of that part in ``one``. It is infinite where something else than a
        number differs: text, the number of rows, a file that is missing, a picture.

    Raises
    ------
    ArtifactError
        If a folder does not exist or a file cannot be read.
    """
    one, other = _folder(one), _folder(other)
    rows = [
        {"file": name, **row}
        for name in listed(one)
        if not _same_bytes(one / name, other / name)
        for row in _of_file(one / name, other / name)
    ]
    return pandas.DataFrame(rows, columns=COLUMNS)


def listed(folder: Path) -> list[str]:
    """Names of the files in a folder's manifest, or of all its files."""
    manifest = folder / MANIFEST
    if manifest.is_file():
        lines = manifest.read_text(encoding="utf-8").splitlines()
        return [line.partition("  ")[2] for line in lines]
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def _folder(path: str | Path) -> Path:
    if not Path(path).is_dir():
        raise ArtifactError(f"{path} is not a folder: give that of an experiment's results")
    return Path(path)


def _same_bytes(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and filecmp.cmp(one, other, shallow=False)


def _of_file(one: Path, other: Path) -> Iterator[dict[str, Any]]:
    found, expected = (_parts(path) if path.exists() else {} for path in (other, one))
    names = list(dict.fromkeys([*expected, *found]))
    rows = [_of_part(name, expected.get(name), found.get(name)) for name in names]
    # the bytes differ: something has to be named
    yield from [row for row in rows if row["differ"]] or [_of_part("", None, None)]


def _of_part(name: str, one: np.ndarray | None, other: np.ndarray | None) -> dict[str, Any]:
    if one is None or other is None or one.shape != other.shape:
        return {"part": name, "values": 0, "differ": 1, "change": np.inf}
    numbers = all(np.issubdtype(array.dtype, np.number) for array in (one, other))
    if not numbers:
        differ = np.count_nonzero(one.astype(str) != other.astype(str))
        change = np.inf if differ else 0.0
    else:
        equal = (one == other) | ((one != one) & (other != other))
        differ = np.count_nonzero(~equal)
        change = _change(one[~equal].astype(float), other[~equal].astype(float), one)
    return {"part": name, "values": one.size, "differ": differ, "change": change}


def _change(one: np.ndarray, other: np.ndarray, part: np.ndarray) -> float:
    """Largest difference, over the largest magnitude of the whole part."""
    if not one.size:
        return 0.0
    finite = np.abs(part[np.isfinite(part)].astype(float))
    scale = max(float(finite.max(initial=0.0)), np.finfo(float).tiny)
    apart = np.abs(one - other) / scale
    return float(np.nan_to_num(apart, nan=np.inf, posinf=np.inf).max())


def _parts(path: Path) -> Mapping[str, np.ndarray]:
    """The columns, arrays or keys of a file by name; none of what holds no numbers."""
    if path.suffix == ".csv":
        table = read_table(path)
        return {str(name): table[name].to_numpy() for name in table}
    if path.suffix == ".json":
        values = pandas.json_normalize(read_json(path))
        return {str(name): values[name].to_numpy() for name in values}
    if path.suffix == ".safetensors":
        arrays, settings = read_arrays(path)
        return {**arrays, **{f"settings: {k}": np.array([str(settings[k])]) for k in settings}}
    return {}


def _follows(one: Path, other: Path) -> bool:
    """Whether two files show numbers that other files hold and are compared by."""
    if not (one.exists() and other.exists()):
        return False
    if one.suffix in (".md", ".tex", ".html"):
        return all(path.with_suffix(".csv").exists() for path in (one, other))
    return one.suffix in (".png", ".pdf", ".svg", ".zip") or one.name == MACHINE


def main() -> None:
    """Print what differs; exit status 1 if something changes by more than the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("one", type=Path, help="folder of results, such as results/digits")
    parser.add_argument("other", type=Path, help="the same of another rebuild")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.0,
        help="largest change that is accepted, over the largest magnitude of a column (0)",
    )
    arguments = parser.parse_args()
    try:
        found = differences(arguments.one, arguments.other)
        files = len(listed(arguments.one))
    except ArtifactError as error:
        parser.exit(1, f"error: {error}\n")
    if found.empty:
        parser.exit(0, f"{files} files: every byte is the same\n")
    follows = [_follows(arguments.one / name, arguments.other / name) for name in found["file"]]
    beyond = found[(found["change"] > arguments.tolerance) & ~np.array(follows)]
    print(found.sort_values("change", ascending=False).to_string(index=False))
    differing = found["file"].nunique()
    words = f"{differing} of {files} files differ, {beyond['file'].nunique()} by more than"
    parser.exit(int(not beyond.empty), f"{words} {arguments.tolerance:g}\n")


if __name__ == "__main__":
    main()
