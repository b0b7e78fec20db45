"""What a user meets when something is wrong: one sentence, an exit status, nothing lost."""

import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from intriguing.artifacts.files import read_arrays, write_arrays

EXPERIMENT = "config/experiments/smoke.yaml"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("seeds:", "sedes:", "sedes is no key; did you mean 'seeds'?"),
        ("name: digits", "name: digit", "data.name is 'digit'; did you mean 'digits'?"),
        ("trained_on: P1", "trained_on: P3", "trained_on is 'P3', which is no split"),
        ("count: 60", "count: many", "attacks.lbfgs.count is 'many', but has to be a whole number"),
    ],
)
def test_a_mistake_in_an_experiment_stops_before_any_job(make_copy, old, new, words):
    copy = make_copy()
    copy.edit(EXPERIMENT, old, new)
    ran = copy.snakemake("smoke", check=False)
    assert ran.returncode != 0
    assert words in ran.stdout and EXPERIMENT in ran.stdout
    assert "Traceback" not in ran.stdout
    assert not copy.path("results").exists()


def test_weights_that_are_not_finite(scratch):
    folder = scratch.path("results/smoke/models/fc10/seed0")
    weights = folder / "weights.safetensors"
    arrays, settings = read_arrays(weights)
    arrays["1.weight"][0, 0] = np.nan
    write_arrays(weights, arrays, settings)
    for name in ("adversarial", "transfer"):
        shutil.rmtree(scratch.path(f"results/smoke/{name}"))
    ran = scratch.snakemake("smoke", "--cores", 2, check=False)
    assert ran.returncode != 0
    assert "holds NaN or infinity in 1.weight: delete the folder" in ran.stdout
    assert "Traceback" not in ran.stdout
    # what does not depend on that model was still made
    assert scratch.path("results/smoke/adversarial/lbfgs/fc100/seed1.safetensors").is_file()
    # the remedy that the sentence names
    shutil.rmtree(folder)
    scratch.snakemake("smoke", "--cores", 2)
    assert scratch.planned("smoke") == {}


def test_an_example_inside_a_certified_radius_fails_the_job(scratch):
    path = scratch.path("results/smoke/lipschitz/fc10/seed0/bounds.safetensors")
    arrays, settings = read_arrays(path)
    # a wrong bound: ten times too small
    write_arrays(path, {"pairwise": 0.1 * arrays["pairwise"]}, settings)
    scratch.path("results/smoke/certificates/fc10/seed0.csv").unlink()
    ran = scratch.snakemake("smoke", "--cores", 2, check=False)
    assert ran.returncode != 0
    assert "attack lbfgs: image" in ran.stdout and "inside its certified radius" in ran.stdout
    assert "Traceback" not in ran.stdout


def test_no_data_and_no_network(make_copy, tmp_path):
    copy = make_copy()
    copy.edit(EXPERIMENT, "name: digits", f"name: mnist\n  root: {tmp_path}/nowhere")
    # proxies that refuse at once, so that the test means the same with a network
    proxies = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    ran = copy.snakemake("smoke", "--cores", 1, check=False, INTRIGUING_DATA_ROOT="", **proxies)
    assert ran.returncode != 0
    assert "cannot be downloaded" in ran.stdout and "put the original" in ran.stdout
    assert "Traceback" not in ran.stdout


def test_a_truncated_file(make_copy, mnist_root, tmp_path):
    shutil.copytree(mnist_root / "MNIST", tmp_path / "MNIST")
    images = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    images.chmod(0o644)
    os.truncate(images, 1_000_000)
    copy = make_copy()
    copy.edit(EXPERIMENT, "name: digits", f"name: mnist\n  root: {tmp_path}")
    ran = copy.snakemake("smoke", "--cores", 1, check=False, INTRIGUING_DATA_ROOT="")
    assert ran.returncode != 0
    assert "t10k-images-idx3-ubyte has 1000000 bytes instead of 7840016" in ran.stdout
    assert "Traceback" not in ran.stdout


def test_results_that_cannot_be_written(make_copy):
    copy = make_copy()
    # sysfs lets nobody make a folder, root included, whom permissions would not stop
    copy.path("results").symlink_to("/sys/kernel")
    ran = copy.snakemake("smoke", "--cores", 1, check=False)
    assert ran.returncode != 0
    assert "results/smoke" in ran.stdout and "not permitted" in ran.stdout
    assert "Traceback" not in ran.stdout


def test_kill_and_run_again(built, make_copy):
    copy = make_copy()
    process = subprocess.Popen(
        copy.command("smoke", "--cores", 2),
        cwd=copy.folder,
        env=copy.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    models = copy.path("results/smoke/models")
    while len(list(models.glob("*/seed*"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path: path.stat().st_mtime_ns for path in models.glob("*/seed*/weights*")}
    assert finished
    copy.snakemake("--unlock")
    copy.snakemake("smoke", "--cores", 2)
    kept = [path for path, then in finished.items() if path.stat().st_mtime_ns == then]
    assert kept
    assert copy.planned("smoke") == {}
    for name in ("table1.csv", "table2.csv", "transfer.csv"):
        path = f"results/smoke/tables/{name}"
        assert copy.path(path).read_bytes() == built.path(path).read_bytes()
