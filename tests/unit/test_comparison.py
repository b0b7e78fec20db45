"""Two rebuilds that differ in known ways."""

import math
import subprocess
import sys

import numpy as np
import pandas
import pytest

from intriguing.artifacts.comparison import differences
from intriguing.artifacts.digests import sums
from intriguing.artifacts.files import write_arrays, write_json, write_table, write_text
from intriguing.errors import ArtifactError

TABLE = pandas.DataFrame({"model": ["a", "b"], "errors": [3, 4], "distortion": [0.5, math.nan]})
ARRAYS = {"weight": np.array([[1.0, -4.0], [0.0, 2.0]], dtype=np.float32)}


def written(folder, table=TABLE, arrays=ARRAYS, seed=1, errors=7):
    write_table(folder / "tables/table.csv", table)
    write_arrays(folder / "weights.safetensors", arrays, {"seed": seed})
    write_json(folder / "metrics.json", {"errors": {"test": errors}, "name": "a"})
    (folder / "picture.png").write_bytes(f"{errors}".encode())
    write_text(folder / "tables/table.md", f"| errors | {errors} |\n")
    return folder


@pytest.fixture
def one(tmp_path):
    return written(tmp_path / "one")


def rows(frame):
    return {(row.file, row.part): (row.differ, row.change) for row in frame.itertuples()}


def test_the_same_bytes(one, tmp_path):
    assert differences(one, written(tmp_path / "other")).empty


def test_numbers_that_moved(one, tmp_path):
    table = TABLE.assign(errors=[3, 5], distortion=[0.5001, math.nan])
    arrays = {"weight": ARRAYS["weight"] + np.array([[0, 0.004], [0, 0]], dtype=np.float32)}
    found = rows(differences(one, written(tmp_path / "other", table, arrays)))
    assert set(found) == {
        ("tables/table.csv", "errors"),
        ("tables/table.csv", "distortion"),
        ("weights.safetensors", "weight"),
    }
    # over the largest magnitude of the column or array
    assert found["tables/table.csv", "errors"] == (1, 0.25)
    assert found["tables/table.csv", "distortion"] == (1, pytest.approx(2e-4))
    assert found["weights.safetensors", "weight"] == (1, pytest.approx(1e-3, rel=1e-4))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"table": TABLE.assign(model=["a", "c"])}, ("tables/table.csv", "model")),
        ({"table": TABLE[:1]}, ("tables/table.csv", "errors")),
        ({"table": TABLE.drop(columns="errors")}, ("tables/table.csv", "errors")),
        ({"table": TABLE.assign(distortion=[0.5, 0.5])}, ("tables/table.csv", "distortion")),
        ({"seed": 2}, ("weights.safetensors", "settings: seed")),
    ],
    ids=["text", "rows", "column", "NaN", "settings"],
)
def test_what_is_no_number_differs_without_bound(one, tmp_path, change, expected):
    found = rows(differences(one, written(tmp_path / "other", **change)))
    assert found[expected] == (1, math.inf)


def test_what_is_missing(one, tmp_path):
    other = written(tmp_path / "other")
    (other / "picture.png").unlink()
    (other / "tables/table.csv").unlink()
    found = rows(differences(one, other))
    assert found["picture.png", ""] == (1, math.inf)
    assert found["tables/table.csv", "errors"] == (1, math.inf)
    with pytest.raises(ArtifactError, match="nowhere is not a folder"):
        differences(one, tmp_path / "nowhere")


def test_only_what_the_manifest_lists_is_compared(one, tmp_path):
    write_text(one / "SHA256SUMS", sums(one, [one / "metrics.json"]))
    table = TABLE.assign(errors=[9, 9])
    assert differences(one, written(tmp_path / "other", table)).empty


def run(*arguments):
    command = [sys.executable, "-m", "intriguing.artifacts.comparison", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_command(one, tmp_path):
    same = run(one, written(tmp_path / "same"))
    assert (same.returncode, same.stdout) == (0, "") and "5 files: every byte" in same.stderr
    # errors of 7 and 8, one seventh more; the picture and the text follow from numbers
    other = written(tmp_path / "other", errors=8)
    for tolerance, status, files in ((0.2, 0, 0), (0.1, 1, 1)):
        ran = run(one, other, "--tolerance", tolerance)
        assert ran.returncode == status
        assert f"3 of 5 files differ, {files} by more than {tolerance}" in ran.stderr
        assert "errors.test" in ran.stdout
    (other / "picture.png").unlink()
    assert run(one, other, "--tolerance", 0.2).returncode == 1
    broken = run(one, tmp_path / "nowhere")
    assert broken.returncode == 1 and broken.stderr.startswith("error: ")


@pytest.mark.parametrize("name", ["figure.pdf", "figure.svg", "paper.zip"])
def test_what_shows_numbers_in_any_format_follows_from_them(one, tmp_path, name):
    (one / name).write_bytes(b"7")
    other = written(tmp_path / "other", errors=8)
    (other / name).write_bytes(b"8")
    ran = run(one, other, "--tolerance", 0.2)
    assert ran.returncode == 0 and "4 of 6 files differ, 0 by more" in ran.stderr
