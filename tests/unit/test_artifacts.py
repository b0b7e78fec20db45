import errno
import json

import numpy as np
import pytest
import torch

from intriguing import networks
from intriguing.artifacts.files import read_arrays, read_json, replacing, write_arrays, write_json
from intriguing.artifacts.model import ModelFiles, save
from intriguing.errors import ArtifactError, ModelError
from intriguing.networks.trained import load


def test_arrays_and_settings_come_back(tmp_path):
    path = tmp_path / "folder" / "file.safetensors"
    arrays = {"a": np.arange(6.0).reshape(2, 3).T, "b": np.array([True, False])}
    write_arrays(path, arrays, {"seed": 3, "name": "é"})
    again, settings = read_arrays(path)
    assert settings == {"seed": 3, "name": "é"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\x10\0\0\0\0\0\0\0{}"])
def test_foreign_files_are_named(tmp_path, content):
    path = tmp_path / "file.safetensors"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"file.safetensors is truncated or .*delete it"):
        read_arrays(path)


def test_missing_and_broken_json(tmp_path):
    with pytest.raises(ArtifactError, match="is missing"):
        read_json(tmp_path / "none.json")
    (tmp_path / "half.json").write_text('{"a": ')
    with pytest.raises(ArtifactError, match="truncated"):
        read_json(tmp_path / "half.json")


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, 1)
    with pytest.raises(RuntimeError), replacing(path) as partial:
        partial.write_text("2")
        raise RuntimeError("killed")
    assert json.loads(path.read_text()) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_is_one_sentence(tmp_path):
    with (
        pytest.raises(ArtifactError, match=r"No space left.*free some space"),
        replacing(tmp_path / "x"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    options = {"hidden": [5], "activation": "sigmoid"}
    model = networks.build("fully_connected", (1, 4, 4), 3, **options)
    settings = {
        "architecture": "fully_connected",
        "options": options,
        "input_shape": [1, 4, 4],
        "classes": 3,
    }
    curve = [{"phase": "classifier", "step": 0, "objective": 0.5, "error": 0.1}]
    metrics = {"errors": {"test": {"n": 1, "errors": 0}}}
    arrays = {name: value.numpy() for name, value in model.state_dict().items()}
    path = tmp_path / "seed0"
    save(path, ModelFiles(arrays, settings, metrics, curve, {"processor": "x"}))
    return path, model


def test_model_folder(folder):
    path, model = folder
    images = torch.rand(7, 1, 4, 4)
    again = load(path)
    torch.testing.assert_close(again(images), model(images))
    assert not again.training
    assert (path / "curve.csv").read_text().splitlines()[0] == "phase,step,objective,error"
    names = {"weights.safetensors", "metrics.json", "curve.csv", "machine.json"}
    assert {p.name for p in path.iterdir()} == names


def test_damaged_weights_are_named(folder):
    path, _ = folder
    weights = path / "weights.safetensors"
    arrays, settings = read_arrays(weights)
    arrays["1.weight"][2, 3] = np.nan
    write_arrays(weights, arrays, settings)
    with pytest.raises(ModelError, match=r"NaN or infinity in 1.weight: delete the folder"):
        load(path)
    arrays["1.weight"] = arrays["1.weight"][:, :-1]
    write_arrays(weights, arrays, settings)
    with pytest.raises(ArtifactError, match="does not hold the weights of its network"):
        load(path)
    weights.unlink()
    with pytest.raises(ArtifactError, match=r"holds no weights.safetensors: name the folder"):
        load(path)
