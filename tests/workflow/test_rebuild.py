"""The workflow is tested by running it: what is built, and what a change makes it build again."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pandas
import pytest
import torch
from copies import MODELS, SMOKE, TRAINED
from repository import ROOT
from scipy.stats import binomtest

from intriguing.artifacts.files import read_settings
from intriguing.attacks import AdversarialSet

TABLES = [
    f"results/smoke/tables/{name}.{format}"
    for name in (
        "table1",
        "table2",
        "table3",
        "table4",
        "table5",
        "claims",
        "cures",
        "mistakes",
        "distortion",
        "certificates",
        "units",
    )
    for format in ("csv", "md", "tex", "html")
]
GALLERIES = [f"gallery/lbfgs/{model}" for model in MODELS]
FIGURES = [
    f"results/smoke/figures/{name}.{format}"
    for format in ("png", "pdf", "svg")
    for name in (
        "transfer",
        "mistakes",
        "lipschitz",
        "instability",
        "units",
        "rotation",
        "curves",
        *GALLERIES,
    )
]


def test_everything_is_there_and_nothing_is_left_to_do(scratch):
    for name in [*TABLES, *FIGURES, "results/smoke/page.html"]:
        assert scratch.path(name).stat().st_size > 0
    assert scratch.planned("smoke") == {}
    assert list(scratch.path("results").rglob("*partial*")) == []


def test_numbers_agree_with_the_sets_they_come_from(built):
    table = pandas.read_csv(built.path("results/smoke/tables/table2.csv"))
    transfer = pandas.read_csv(built.path("results/smoke/tables/transfer.csv"))
    attacks = pandas.read_csv(built.path("results/smoke/tables/attacks.csv"))
    assert set(transfer["input"]) == {"distorted", "matched_noise", "clean"}
    for row in attacks.itertuples():
        name = f"results/smoke/adversarial/{row.attack}/{row.model}/seed{row.seed}.safetensors"
        adversarial = AdversarialSet.load(built.path(name))
        assert row.tried == len(adversarial) == 60
        assert row.attacked == adversarial.attacked.sum()
        assert row.successes == adversarial.success.sum()
        mean = adversarial.distortion[adversarial.success].mean().item()
        assert row.distortion_mean == pytest.approx(mean)
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


def test_tables_of_halves_agree_with_the_models_and_sets(built):
    errors = pandas.read_csv(built.path("results/smoke/tables/table3.csv")).set_index("model")
    transfers = pandas.read_csv(built.path("results/smoke/tables/table4.csv"))
    assert list(errors.index) == ["half1", "half2"] and set(errors["seeds"]) == {2}
    # each is better on the part that it was trained on
    assert errors.loc["half1", "error_P1_percent"] < errors.loc["half1", "error_P2_percent"]
    assert errors.loc["half2", "error_P2_percent"] < errors.loc["half2", "error_P1_percent"]
    for model, row in errors.iterrows():
        sets = [
            AdversarialSet.load(
                built.path(f"results/smoke/adversarial/on_test/{model}/seed{seed}.safetensors")
            )
            for seed in (0, 1)
        ]
        assert row["success_n"] == sum(int(found.attacked.sum()) for found in sets)
        of_model = transfers[(transfers["made_for"] == model) & (transfers["target"] == model)]
        own = of_model.set_index("input")
        assert own.loc["distorted", "error_n"] == sum(int(found.success.sum()) for found in sets)
        assert own.loc["distorted", "error_percent"] == 100
        assert own.loc["distorted", "distortion"] == pytest.approx(row["distortion"])
        assert own.loc["amplified", "distortion"] < own.loc["amplified_unclipped", "distortion"]
        assert own.loc["amplified_as_printed", "distortion"] == pytest.approx(0.25 / 8, rel=1e-4)


def test_artifacts_carry_their_settings(built):
    settings = read_settings(built.path("results/smoke/adversarial/lbfgs/fc10/seed1.safetensors"))
    data = read_settings(built.path("results/smoke/data/dataset.safetensors"))
    assert settings["digest"] == data["digest"]
    assert settings["seed"] == 1 and settings["count"] == 60 and settings["targets"] == "next"
    assert settings["margin"] == 1e-4 and len(settings["code"]) == 16


def test_certified_and_found_distortion(built):
    table = pandas.read_csv(built.path("results/smoke/tables/certificates.csv"))
    attacks = pandas.read_csv(built.path("results/smoke/tables/attacks.csv"))
    assert len(table) == 6
    for row in table.itertuples():
        of_row = attacks[(attacks["model"] == row.model) & (attacks["attack"] == row.attack)]
        assert row.n == of_row["successes"].sum() and row.found == pytest.approx(
            of_row["distortion_mean"].mean()
        )
        # of every single example
        assert row.least_ratio >= 1
        assert 0 < row.simple <= row.pairwise <= row.found < row.noise
    layers = pandas.read_csv(built.path("results/smoke/tables/table5.csv"))
    assert (layers["lower"] <= layers["upper"]).all()
    assert set(layers["network"]) == {"FC10(1e-2)", "FC12-10", "AE16-10"}


def test_killed_and_resumed_on_one_core_elsewhere_it_gives_the_same_bytes(built, sources):
    process = subprocess.Popen(
        sources.command("smoke", "--cores", 2),
        cwd=sources.folder,
        env=sources.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # under load a job takes many times what it takes alone
    deadline = time.monotonic() + 600
    models = sources.path("results/smoke/models")
    while len(list(models.glob("*/seed*"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path: path.stat().st_mtime_ns for path in models.glob("*/seed*/weights*")}
    assert finished
    sources.snakemake("--unlock")
    sources.snakemake("smoke", "--cores", 1)
    kept = [path for path, then in finished.items() if path.stat().st_mtime_ns == then]
    assert kept
    assert sources.planned("smoke") == {}
    lines, resumed = (
        copy.path("results/smoke/SHA256SUMS").read_text().splitlines() for copy in (built, sources)
    )
    assert len(lines) > 100 and lines == resumed
    pages = {copy.path("results/smoke/page.html").read_bytes() for copy in (built, sources)}
    assert len(pages) == 1


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="sha256sum is another implementation")
def test_the_manifest_lists_every_number(built):
    results = built.path("results/smoke")
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=results, check=True)
    lines = (results / "SHA256SUMS").read_text().splitlines()
    names = {line.partition("  ")[2] for line in lines}
    every = {path for path in results.rglob("*") if path.is_file()}
    # two rebuilds agree in every file but the record of their time and machine
    every.remove(results / "build.json")
    endings = (".csv", ".json", ".safetensors", ".png", ".pdf", ".svg", ".zip")
    numbers = {path for path in every if path.suffix in endings}
    listed = {results / name for name in names}
    assert numbers <= listed
    others = {path for path in every - listed if path.suffix not in (".log", ".sha256")}
    own = {".snakemake_timestamp"}
    assert {path.name for path in others} - own == {"page.html", "SHA256SUMS"}


def test_the_record_of_a_build(built):
    record = json.loads(built.path("results/smoke/build.json").read_text())
    # what Snakemake announced when it was built
    output = built.folder.with_name("built.log").read_text()
    table = output.partition("Job stats:\n")[2].partition("\n\n")[0]
    announced = {rule: int(number) for rule, number in re.findall(r"^(\w+) +(\d+)$", table, re.M)}
    others = {name: announced.pop(name) for name in ("total", "smoke", "build_record")}
    assert {rule: needs["jobs"] for rule, needs in record["jobs"].items()} == announced
    total = record["total"]
    assert total["jobs"] == total["timed"] == others["total"] - 2
    for key in ("processor_seconds", "wall_seconds"):
        parts = sum(needs[key] for needs in record["jobs"].values())
        assert total[key] == pytest.approx(parts, abs=0.1 * len(announced))
    assert total["processor_seconds"] > 10
    assert sum(machine["models"] for machine in record["trained_on"]) == TRAINED
    data = read_settings(built.path("results/smoke/data/dataset.safetensors"))
    assert record["data"] == {"name": "digits", "digest": data["digest"]}
    assert record["seeds"] == [0, 1] and record["versions"]["torch"] == torch.__version__
    assert str(built.folder) not in json.dumps(record)


def test_a_build_without_some_of_its_logs(scratch):
    results = scratch.path("results/smoke")
    shutil.rmtree(results / "logs/train")
    # of a model that the experiment no longer names
    (results / "logs/lipschitz/gone").mkdir()
    shutil.copy(results / "logs/lipschitz/fc10/seed0.log", results / "logs/lipschitz/gone")
    (results / "build.json").unlink()
    assert scratch.planned("smoke") == {"build_record": 1}
    scratch.snakemake("smoke", "--cores", 1)
    record = json.loads((results / "build.json").read_text())
    assert record["jobs"]["train"] == {
        "jobs": TRAINED,
        "timed": 0,
        **dict.fromkeys(("processor_seconds", "wall_seconds", "peak_memory_mib")),
    }
    assert record["total"]["jobs"] - record["total"]["timed"] == TRAINED
    assert record["jobs"]["lipschitz"]["jobs"] == 6
    assert scratch.planned("smoke") == {}


@pytest.mark.parametrize(
    ("shards", "jobs"), [(5, {"attack_shard": 5, "attack": 1}), (1, {"attack": 1})]
)
def test_the_number_of_shards_does_not_change_the_result(scratch, shards, jobs):
    whole = "results/smoke/adversarial/nearest/fc100/seed0"
    files = [scratch.path(f"{whole}{suffix}") for suffix in (".safetensors", ".csv")]
    before = [path.read_bytes() for path in files]
    scratch.edit(SMOKE, "shards: 2", f"shards: {shards}")
    target = f"{whole}.safetensors"
    assert scratch.planned(target) == jobs
    scratch.snakemake(target, "--cores", 2)
    assert [path.read_bytes() for path in files] == before
    assert list(scratch.path(whole).glob("*")) == []


IMPORTING = """
module intriguing:
    snakefile:
        "Snakefile"

use rule * from intriguing
"""
# every category, and how many tables and figures are in it
REPORTED = {
    "Claims": {"Tables": 1},
    "Tables of the paper": {"Tables": 5},
    "Figures of the paper": {"Figures": 1},
    "Attacks": {"Tables": 3, "Figures": 2 + len(MODELS)},
    "Bounds": {"Tables": 1, "Figures": 2},
    "Units": {"Tables": 1, "Figures": 2},
    "Training": {"Figures": 1},
    "Page": {"Other": 1},
}


@pytest.mark.parametrize("snakefile", ["Snakefile", "importing.smk"])
def test_a_report_of_snakemake_has_every_table_and_figure_with_its_caption(scratch, snakefile):
    scratch.path("importing.smk").write_text(IMPORTING)
    scratch.snakemake("-s", snakefile, "smoke", "--report", "report.html")
    text = scratch.path("report.html").read_text()
    categories, results = (value_of(text, name) for name in ("categories", "results"))
    counts = {
        category: {part: len(paths) for part, paths in parts.items()}
        for category, parts in categories.items()
    }
    assert counts == REPORTED
    assert {path for parts in categories.values() for of in parts.values() for path in of} == set(
        results
    )
    for path, entry in results.items():
        assert entry["labels"]["experiment"] == "smoke", path
        assert entry["labels"]["format"] == ("PNG" if path.endswith(".png") else "HTML")
        # nothing that the writer of reStructuredText could not make sense of
        assert len(entry["caption"]) > 80 and "system-message" not in entry["caption"]
    gallery = results["results/smoke/figures/gallery/lbfgs/fc100.png"]
    assert gallery["labels"]["of"] == "fc100"
    caption = scratch.path("workflow/report/gallery.rst").read_text().splitlines()[0]
    assert caption in gallery["caption"]
    assert scratch.path("workflow/report/workflow.rst").read_text().splitlines()[0] in text


def value_of(text, name):
    """A value of the JavaScript in a report."""
    start = text.index(f"var {name} = {{") + len(f"var {name} = ")
    return json.JSONDecoder().raw_decode(text[start:])[0]


def test_the_bundle_shows_every_table_and_figure(built):
    with zipfile.ZipFile(built.path("results/smoke/paper.zip")) as archive:
        document = archive.read("paper.tex").decode()
        shown = re.findall(r"\\(?:input|includegraphics)\{([^}]+)\}", document)
        assert set(shown) <= set(archive.namelist())
        for form in ("pdf", "png"):
            figures = built.path("results/smoke").glob(f"figures/**/*.{form}")
            for path in figures:
                name = path.relative_to(built.path("results/smoke")).as_posix()
                assert archive.read(name) == path.read_bytes()
    tables = {Path(name).stem.partition("-")[0] for name in shown if name.startswith("tables/")}
    assert tables == {Path(name).stem for name in TABLES}


def test_a_deleted_table_alone_is_rebuilt(scratch):
    path = scratch.path("results/smoke/tables/table2.csv")
    before = path.read_bytes()
    path.unlink()
    assert scratch.planned("results/smoke/tables/table2.csv") == {"table2": 1}
    # what shows the table follows it, nothing else does
    followers = (
        "heatmap",
        "claims",
        "claim_pictures",
        "bundle",
        "page",
        "manifest",
        "build_record",
    )
    assert scratch.planned("smoke") == {"table2": 1} | dict.fromkeys(followers, 1)
    scratch.snakemake("smoke", "--cores", 2)
    assert path.read_bytes() == before
    assert scratch.planned("smoke") == {}


def test_a_model_folder_is_a_target(scratch):
    shutil.rmtree(scratch.path("results/smoke/models/fc10/seed1"))
    planned = scratch.planned("results/smoke/models/fc10/seed1/")
    assert planned == {"train": 1}


def test_a_new_file_is_a_new_experiment(scratch):
    text = scratch.path(SMOKE).read_text()
    scratch.path("config/experiments/mine.yaml").write_text(text)
    assert scratch.planned("mine")["train"] == TRAINED


def test_the_benchmark_runs_on_what_was_built(scratch):
    script = ROOT / "benchmarks" / "attack.py"
    small = ["--experiment", "smoke", "--models", "fc100", "--count", "12"]
    options = [*small, "--literal", "1", "--repeats", "1"]
    ran = subprocess.run(
        [sys.executable, script, *options, "--only", "ours", "literal"],
        cwd=scratch.folder,
        env=scratch.environment,
        text=True,
        capture_output=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert "ours: minimum" in ran.stdout and "times faster" in ran.stdout
