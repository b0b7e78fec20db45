"""The workflow from elsewhere: in another folder, with other experiments, in another workflow."""

import pytest
from copies import SMOKE, TRAINED

DATASET = "results/smoke/data/dataset.safetensors"

IMPORTING = """
module intriguing:
    snakefile:
        "{snakefile}"
    config:
        config

use rule * from intriguing
"""


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def test_in_a_workflow_of_your_own(sources, elsewhere):
    importing = IMPORTING.format(snakefile=sources.path("Snakefile"))
    (elsewhere / "Snakefile").write_text(importing)
    planned = sources.planned("smoke", folder=elsewhere)
    assert planned["train"] == TRAINED and planned == sources.planned("smoke")
    sources.snakemake(DATASET, "--cores", 1, folder=elsewhere)
    assert (elsewhere / DATASET).is_file() and not sources.path("results").exists()


def test_in_another_folder(sources, elsewhere):
    there = ("--snakefile", sources.path("Snakefile"), "--directory", elsewhere)
    sources.snakemake(DATASET, "--cores", 1, *there, folder=elsewhere.parent)
    assert (elsewhere / DATASET).is_file() and not sources.path("results").exists()


def test_experiments_of_another_folder(sources, elsewhere):
    (elsewhere / "mine.yaml").write_text(sources.path(SMOKE).read_text())
    experiments = ("--config", f"experiments={elsewhere}")
    assert sources.planned("mine", *experiments)["train"] == TRAINED
    ran = sources.snakemake("-n", "smoke", *experiments, check=False)
    assert ran.returncode != 0 and "smoke" in ran.stdout
