"""What an edit makes the workflow build again, a module at a time, by dry runs.

Copies the checkout with the results and records of one built experiment to a temporary folder,
and appends a comment, then a statement, to each module in turn.

    snakemake digits && python benchmarks/reruns.py --experiment digits
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "workflow", "profiles", "scripts", "config", "resources", "src", ".snakemake")
EDITS = {"comment": "\n# an edit\n", "statement": "\n_EDIT = 1\n"}


def planned(folder, experiment):
    """Number of jobs that a dry run announces, without the experiment's own target."""
    ran = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", experiment],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if ran.returncode:
        sys.exit(f"the dry run of {experiment} failed:\n{ran.stdout}")
    if "Nothing to be done" in ran.stdout:
        return 0
    lines = ran.stdout[ran.stdout.index("Job stats:") :].splitlines()
    total = next(line for line in lines if line.startswith("total"))
    return int(total.split()[1]) - 1


def copied(experiment, folder):
    """A copy of the built checkout."""
    folder.mkdir()
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", "locks", "log", "shadow")
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy2(source, folder / name)
    shutil.copytree(ROOT / "results" / experiment, folder / "results" / experiment)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiment", default="digits")
    parser.add_argument("--modules", nargs="*", help="paths relative to the checkout; all if none")
    parser.add_argument("--edits", nargs="*", default=list(EDITS), choices=EDITS)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    files = [*ROOT.glob("src/**/*.py"), *ROOT.glob("scripts/*.py")]
    names = arguments.modules or sorted(str(path.relative_to(ROOT)) for path in files)
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(arguments.workers) as pool:
        free = [
            copied(arguments.experiment, Path(temporary) / str(number))
            for number in range(arguments.workers)
        ]
        if planned(free[0], arguments.experiment):
            sys.exit(f"{arguments.experiment} is not built: run snakemake {arguments.experiment}")

        def plan(task):
            name, edit = task
            folder = free.pop()
            path = folder / name
            before = path.read_bytes()
            path.write_bytes(before + EDITS[edit].encode())
            try:
                return planned(folder, arguments.experiment)
            finally:
                path.write_bytes(before)
                free.append(folder)

        counts = {}
        for edit in arguments.edits:
            counts[edit] = list(pool.map(plan, [(name, edit) for name in names]))
    print("module", *arguments.edits, sep="\t")
    for row in zip(names, *counts.values(), strict=True):
        print(*row, sep="\t")
    print("mean", *(f"{statistics.mean(values):.1f}" for values in counts.values()), sep="\t")


if __name__ == "__main__":
    main()
