"""The workflow is tested by running it: what is built, and what a change makes it build again."""

import os
import shutil
import subprocess
import sys

import pandas
import pytest
from repository import ROOT
from scipy.stats import binomtest

TABLES = [
    f"results/smoke/tables/{name}.{format}"
    for name in ("table1", "table2", "table5", "distortion", "certificates")
    for format in ("csv", "md", "tex", "html")
]

FIGURES = ("transfer", "lipschitz", "instability")


def test_everything_is_there_and_nothing_is_left_to_do(built):
    figures = [f"results/smoke/figures/{name}.png" for name in FIGURES]
    for name in [*TABLES, *figures, "results/smoke/page.html"]:
        assert built.path(name).stat().st_size > 0
    assert built.planned("smoke") == {}
    assert list(built.path("results").rglob("*partial*")) == []


def test_numbers_agree_with_the_sets_they_come_from(built):
    from intriguing.attacks import AdversarialSet

    table = pandas.read_csv(built.path("results/smoke/tables/table2.csv"))
    transfer = pandas.read_csv(built.path("results/smoke/tables/transfer.csv"))
    attacks = pandas.read_csv(built.path("results/smoke/tables/attacks.csv"))
    assert set(transfer["input"]) == {"distorted", "matched_noise", "clean"}
    for row in attacks.itertuples():
        name = f"results/smoke/adversarial/{row.attack}/{row.model}/seed{row.seed}.safetensors"
        made = AdversarialSet.load(built.path(name))
        assert row.tried == len(made) == 60
        assert row.attacked == made.attacked.sum() and row.successes == made.success.sum()
        assert row.distortion_mean == pytest.approx(made.distortion[made.success].mean().item())
        if row.attack != "lbfgs":
            continue  # transfers are of the attack that is shown
        own = transfer[
            (transfer["made_for"] == row.model)
            & (transfer["target"] == row.model)
            & (transfer["seed"] == row.seed)
        ].set_index("input")
        # on its own model every example is an error; undistorted there is none, by definition
        assert own.loc["distorted", "n"] == row.successes
        assert own.loc["distorted", "errors"] == row.successes
        assert own.loc["distorted", "distortion_mean"] == pytest.approx(row.distortion_mean)
        assert own.loc["clean", "errors"] == 0
        matched = own.loc["matched_noise", "distortion_mean"]
        assert matched == pytest.approx(own.loc["distorted", "distortion_mean"], rel=1e-5)
    for row in transfer.itertuples():
        interval = binomtest(row.errors, row.n).proportion_ci(method="wilson")
        assert row.low_percent == pytest.approx(100 * interval.low, abs=1e-6)
        assert row.high_percent == pytest.approx(100 * interval.high, abs=1e-6)
    assert set(table["seeds"]) == {2}
    assert set(table["target"]) == {"fc10", "fc100", "ae400"}


def test_artifacts_carry_their_settings(built):
    from intriguing.artifacts.files import read_settings

    settings = read_settings(built.path("results/smoke/adversarial/lbfgs/fc10/seed1.safetensors"))
    data = read_settings(built.path("results/smoke/data/dataset.safetensors"))
    assert settings["digest"] == data["digest"]
    assert settings["seed"] == 1 and settings["count"] == 60 and settings["targets"] == "next"
    assert settings["margin"] == 1e-4 and len(settings["code"]) == 16


def test_one_core_and_another_folder_give_the_same_bytes(built, make_copy):
    other = make_copy()
    other.snakemake("smoke", "--cores", 1)
    names = [path.relative_to(built.folder) for path in built.path("results").rglob("*.csv")]
    assert len(names) > 20
    for name in [*names, "results/smoke/page.html"]:
        assert built.path(name).read_bytes() == other.path(name).read_bytes(), name


def test_a_models_entry_reruns_its_chain_only(scratch):
    scratch.edit("config/experiments/smoke.yaml", "{hidden: [12]}", "{hidden: [13]}")
    planned = scratch.planned("smoke")
    # its two seeds are trained and attacked again; every row of the matrix has it as a column
    assert planned["train"] == 2
    assert planned["attack"] == 6  # one job for lbfgs, two shards for the other
    assert planned["merge"] == 4
    assert planned["transfer"] == 6 and planned["transfer_of_noise"] == 2
    assert planned["lipschitz"] == planned["certificate"] == 2
    assert "data" not in planned and "noise" not in planned


def test_a_label_reruns_what_shows_it(scratch):
    scratch.edit("config/experiments/smoke.yaml", "label: FC12-10", "label: renamed")
    assert set(scratch.planned("smoke")) == {
        *("table1", "table2", "table5", "distortion", "certificates"),
        *("transfer_heatmap", "lipschitz_figure", "instability_figure", "gallery", "page"),
    }


def test_an_edit_of_the_attack_reruns_attacks_and_what_follows(scratch):
    engine = scratch.path("src/intriguing/attacks/penalised.py")
    engine.write_text(engine.read_text() + "\n# an edit\n")
    planned = scratch.planned("smoke")
    assert planned["attack"] == 18 and planned["transfer"] == 6 and "page" in planned
    # every example is checked again
    assert planned["certificate"] == 6
    assert "train" not in planned and "data" not in planned


def test_an_edit_of_the_bounds_reruns_bounds_and_checks_only(scratch):
    module = scratch.path("src/intriguing/lipschitz/norms.py")
    module.write_text(module.read_text() + "\n# an edit\n")
    planned = scratch.planned("smoke")
    assert planned["lipschitz"] == planned["certificate"] == 6 and "page" in planned
    assert not {"train", "attack", "transfer", "table1", "table2"} & set(planned)


def test_certified_and_found_distortion(built):
    table = pandas.read_csv(built.path("results/smoke/tables/certificates.csv"))
    attacks = pandas.read_csv(built.path("results/smoke/tables/attacks.csv"))
    assert len(table) == 6
    for row in table.itertuples():
        made = attacks[(attacks["model"] == row.model) & (attacks["attack"] == row.attack)]
        assert row.n == made["successes"].sum() and row.found == pytest.approx(
            made["distortion_mean"].mean()
        )
        # of every single example
        assert row.least_ratio >= 1
        assert 0 < row.simple <= row.pairwise <= row.found < row.noise
    layers = pandas.read_csv(built.path("results/smoke/tables/table5.csv"))
    assert (layers["lower"] <= layers["upper"]).all()
    assert set(layers["network"]) == {"FC10(1e-2)", "FC12-10", "AE16-10"}


def test_the_number_of_shards_does_not_change_the_result(scratch):
    merged = "results/smoke/adversarial/nearest/fc100/seed0"
    files = [scratch.path(f"{merged}{suffix}") for suffix in (".safetensors", ".csv")]
    before = [path.read_bytes() for path in files]
    scratch.edit("config/experiments/smoke.yaml", "shards: 2", "shards: 5")
    target = f"{merged}.safetensors"
    assert scratch.planned(target) == {"attack": 5, "merge": 1}
    scratch.snakemake(target, "--cores", 2)
    assert [path.read_bytes() for path in files] == before
    assert list(scratch.path(merged).glob("*")) == []


def test_new_times_alone_rerun_nothing(scratch):
    for folder in ("src", "scripts", "workflow", "config"):
        for path in scratch.path(folder).rglob("*"):
            if path.is_file():
                os.utime(path)
    assert scratch.planned("smoke") == {}


def test_another_attack_setting_reruns_no_training(scratch):
    scratch.edit("config/experiments/smoke.yaml", "count: 60", "count: 50")
    planned = scratch.planned("smoke")
    # the other attack is left alone
    assert planned["attack"] == 6 and planned["noise"] == 2 and "train" not in planned


def test_a_deleted_table_alone_is_rebuilt(scratch):
    path = scratch.path("results/smoke/tables/table2.csv")
    before = path.read_bytes()
    path.unlink()
    assert scratch.planned("results/smoke/tables/table2.csv") == {"table2": 1}
    # what shows the table follows it, nothing else does
    assert set(scratch.planned("smoke")) == {"table2", "transfer_heatmap", "page"}
    scratch.snakemake("smoke", "--cores", 2)
    assert path.read_bytes() == before
    assert scratch.planned("smoke") == {}


def test_a_model_folder_is_a_target(scratch):
    shutil.rmtree(scratch.path("results/smoke/models/fc10/seed1"))
    planned = scratch.planned("results/smoke/models/fc10/seed1/")
    assert planned == {"train": 1}


def test_a_new_file_is_a_new_experiment(scratch):
    text = scratch.path("config/experiments/smoke.yaml").read_text()
    scratch.path("config/experiments/mine.yaml").write_text(text)
    assert scratch.planned("mine")["train"] == 6


def test_the_benchmark_runs_on_what_was_built(built):
    script = ROOT / "benchmarks" / "attack.py"
    small = ["--experiment", "smoke", "--models", "fc100", "--count", "12"]
    options = [*small, "--literal", "1", "--repeats", "1"]
    ran = subprocess.run(
        [sys.executable, script, *options, "--only", "ours", "literal"],
        cwd=built.folder,
        env=built.environment,
        text=True,
        capture_output=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "ours: minimum" in ran.stdout and "times faster" in ran.stdout
