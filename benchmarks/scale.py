"""Jobs and bytes of an experiment by the formulas of docs/scale.md, and what is planned and built.

With ``--seeds``: how long planning takes as an experiment grows.

    snakemake digits && python benchmarks/scale.py digits
    python benchmarks/scale.py digits --seeds 10 100 1000
"""

import argparse
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from intriguing.artifacts.dataset import open_dataset
from intriguing.experiment import paths, read

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENTS = ROOT / "config" / "experiments"
SCHEMA = ROOT / "workflow" / "schemas" / "experiment.schema.yaml"
# bytes of a distorted image without its pixels, which are 4 bytes each
OF_EXAMPLE = 42


def jobs(experiment):
    """Number of jobs, the target itself included."""
    sets = sum(
        len(experiment.models_of(attack)) * (1 if shards == 1 else shards + 1)
        for attack, shards in ((name, experiment.shards(name)) for name in experiment.attacks)
    )
    units = experiment.units["models"] if experiment.has_units else ()
    of_seed = len(experiment.every_model) + len(experiment.models) + sets + len(units)
    of_seed += 2 + experiment.has_halves  # transfer, noise
    tables = len(paths.tables_of(experiment)) + 2  # two more as CSV alone
    figures = len(paths.paper_figures(experiment)) + len(paths.filter_figures(experiment))
    figures += 5 + 3 * experiment.has_units  # and galleries are one job
    # data, certificates, manifest, page, build record, target
    rest = 6 + len(experiment.lipschitz["networks"]) + tables + figures
    return len(experiment.seeds) * of_seed + rest


def bytes_of_sets(experiment, pixels):
    """Of all adversarial sets and noise."""
    counts = sum(
        len(experiment.models_of(name)) * experiment.attack(name)["count"]
        for name in experiment.attacks
    )
    noise = len(experiment.noise["standard_deviations"]) + ("figure7" in experiment.report)
    counts += noise * experiment.sample(experiment.shown_attack)["count"]
    return len(experiment.seeds) * counts * (4 * pixels + OF_EXAMPLE)


def planned(name, folder, experiments):
    """Jobs, seconds and MiB of a dry run in an empty folder."""
    began = time.perf_counter()
    where = ("--directory", folder, "--config", f"experiments={experiments}")
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", name, "-n", "--quiet", "rules", *where],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = process.stdout.read()
    _, _, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    counted = re.search(r"^total +(\d+)", output, re.M)
    if not counted:
        sys.exit(output)
    return int(counted[1]), seconds, used.ru_maxrss / 1024


def size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiments", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="*", help="numbers of seeds to plan instead")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for name in arguments.experiments:
            source = EXPERIMENTS / f"{name}.yaml"
            if arguments.seeds:
                settings = yaml.safe_load(source.read_text())
                print("seeds", "jobs", "planned", "seconds", "MiB", sep="\t")
                for number in sorted(arguments.seeds):
                    path = Path(temporary) / str(number) / f"{name}{number}.yaml"
                    path.parent.mkdir()
                    path.write_text(yaml.safe_dump(settings | {"seeds": list(range(number))}))
                    formula = jobs(read(path, SCHEMA))
                    counted, seconds, memory = planned(path.stem, temporary, path.parent)
                    print(number, formula, counted, f"{seconds:.1f}", f"{memory:.0f}", sep="\t")
                continue
            experiment = read(source, SCHEMA)
            counted, *_ = planned(name, temporary, EXPERIMENTS)
            print(f"{name}: {jobs(experiment)} jobs by the formula, {counted} planned")
            results = ROOT / "results" / name
            if results.is_dir():
                shape = open_dataset(results / "data" / "dataset.safetensors").image_shape
                formula = bytes_of_sets(experiment, math.prod(shape))
                found = size(results / "adversarial") + size(results / "noise")
                print(f"{name}: sets have {formula} bytes by the formula, {found} on disk")
                print(f"{name}: {size(results)} bytes on disk in all")


if __name__ == "__main__":
    main()
