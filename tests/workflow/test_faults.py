"""What a user meets when something is wrong: one sentence, an exit status, nothing lost."""

import os
import shutil

import numpy as np
from copies import MODELS, SMOKE

from intriguing.artifacts import digests
from intriguing.artifacts.files import read_arrays, write_arrays


def test_a_mistake_in_an_experiment_stops_it_before_any_job_and_no_other(sources):
    """The mistakes themselves are those of tests/unit/test_experiment.py."""
    sources.path("config/experiments/own.yml").write_text(sources.path(SMOKE).read_text())
    sources.edit(SMOKE, "count: 60", "count: many")
    ran = sources.snakemake("smoke", check=False)
    assert ran.returncode != 0
    sentence = f"{SMOKE}: attacks.lbfgs.count is 'many', but has to be a whole number: correct it"
    assert ran.stdout.splitlines()[-1] == f"error: {sentence}"
    assert ran.stdout.count("attacks.lbfgs.count") == 1
    assert not sources.path("results").exists()
    ran = sources.snakemake("-n", "results/own/data/dataset.safetensors")
    assert f"warning: {sentence} (not part of this run)" in ran.stdout.splitlines()


def test_an_experiment_with_the_name_of_a_rule(sources):
    sources.path("config/experiments/table1.yaml").write_text(sources.path(SMOKE).read_text())
    ran = sources.snakemake("-n", "smoke")
    assert "warning: an experiment cannot be called table1: rename its file" in ran.stdout


def test_weights_that_are_not_finite(scratch):
    folder = scratch.path("results/smoke/models/fc10/seed0")
    weights = folder / "weights.safetensors"
    arrays, settings = read_arrays(weights)
    arrays["1.weight"][0, 0] = np.nan
    write_arrays(weights, arrays, settings)
    # as if the workflow itself had written it
    digests.record(scratch.path("results/smoke"), [folder])
    lbfgs = scratch.path("results/smoke/adversarial/lbfgs")
    for deleted in ("fc10/seed0", "fc10/seed1", "fc100/seed0"):
        lbfgs.joinpath(f"{deleted}.safetensors").unlink()
    # these alone, so that two jobs run and one fails
    sets = [
        f"results/smoke/adversarial/lbfgs/{model}/seed{seed}.safetensors"
        for model in MODELS
        for seed in (0, 1)
    ]
    ran = scratch.snakemake(*sets, "--cores", 2, check=False)
    assert ran.returncode != 0
    assert "holds NaN or infinity in 1.weight: delete the folder" in ran.stdout
    assert "Traceback" not in ran.stdout
    # what does not depend on that model was still made
    made = {str(path.relative_to(lbfgs)) for path in lbfgs.rglob("*.safetensors")}
    expected = {f"{model}/seed{seed}.safetensors" for model in MODELS for seed in (0, 1)}
    assert made == expected - {"fc10/seed0.safetensors"}
    # the remedy that the sentence names
    shutil.rmtree(folder)
    scratch.snakemake(*sets, "--cores", 2)
    assert scratch.planned(sets[0], *sets[1:]) == {}


def test_an_example_inside_a_certified_radius_fails_the_job(scratch):
    path = scratch.path("results/smoke/lipschitz/fc10/seed0/bounds.safetensors")
    arrays, settings = read_arrays(path)
    # a wrong bound: ten times too small
    write_arrays(path, {"pairwise": 0.1 * arrays["pairwise"]}, settings)
    digests.record(scratch.path("results/smoke"), [path])
    scratch.path("results/smoke/certificates/all.csv").unlink()
    ran = scratch.snakemake("smoke", "--cores", 2, check=False)
    assert ran.returncode != 0
    assert "fc10, seed 0, attack lbfgs: image" in ran.stdout
    assert "inside its certified radius" in ran.stdout
    assert "Traceback" not in ran.stdout


def flip(path):
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def overwrite(path):
    path.write_text("garbage\n1\n")


DAMAGES = {
    "models/fc10/seed0/weights.safetensors": flip,
    "adversarial/nearest/fc100/seed1.safetensors": truncate,
    "transfer/lbfgs/seed1.csv": overwrite,
    "lipschitz/fc100/seed0/layers.csv": flip,
}


def test_damaged_artifacts_are_named_and_built_again(scratch, built):
    """As if a disk had changed them: a wrong number would otherwise reach the tables."""
    results = scratch.path("results/smoke")
    for name, damage in DAMAGES.items():
        damage(results / name)
    # an output that only the damaged weights can give again
    (results / "adversarial/lbfgs/fc10/seed0.safetensors").unlink()
    output = ""
    for _ in range(4):  # what depends on one fault shows the next
        ran = scratch.snakemake("smoke", "--cores", 2, check=False)
        output += ran.stdout
        if ran.returncode == 0:
            break
    assert ran.returncode == 0, output
    for name in DAMAGES:
        artifact = name.removesuffix("/weights.safetensors")
        assert f"results/smoke/{artifact} changed after the workflow wrote it" in output
        assert (results / f"{artifact}.damaged").exists()
    assert "Traceback" not in output
    manifest = "results/smoke/SHA256SUMS"
    assert scratch.path(manifest).read_bytes() == built.path(manifest).read_bytes()


def test_no_data_and_no_network(sources, tmp_path):
    sources.edit(SMOKE, "name: digits", f"name: mnist\n  root: {tmp_path}/nowhere")
    # proxies that refuse at once, so that the test means the same with a network
    proxies = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    ran = sources.snakemake("smoke", "--cores", 1, check=False, INTRIGUING_DATA_ROOT="", **proxies)
    assert ran.returncode != 0
    assert "cannot be downloaded" in ran.stdout and "put the original" in ran.stdout
    assert "Traceback" not in ran.stdout


def test_a_truncated_file(sources, mnist_root, tmp_path):
    shutil.copytree(mnist_root / "MNIST", tmp_path / "MNIST")
    images = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    images.chmod(0o644)
    os.truncate(images, 1_000_000)
    sources.edit(SMOKE, "name: digits", f"name: mnist\n  root: {tmp_path}")
    ran = sources.snakemake("smoke", "--cores", 1, check=False, INTRIGUING_DATA_ROOT="")
    assert ran.returncode != 0
    assert "t10k-images-idx3-ubyte has 1000000 bytes instead of 7840016" in ran.stdout
    assert "Traceback" not in ran.stdout


def test_results_that_cannot_be_written(sources):
    # sysfs lets nobody make a folder, root included, whom permissions would not stop
    sources.path("results").symlink_to("/sys/kernel")
    ran = sources.snakemake("smoke", "--cores", 1, check=False)
    assert ran.returncode != 0
    assert "results/smoke" in ran.stdout and "not permitted" in ran.stdout
    assert "Traceback" not in ran.stdout
