"""Format and style of Python and Snakemake files; `make lint` runs this file."""

import subprocess
import sys

from repository import ROOT


def run(*command):
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )


def test_ruff_check():
    ran = run("ruff", "check", ".")
    assert ran.returncode == 0, ran.stdout


def test_ruff_format():
    ran = run("ruff", "format", "--check", ".")
    assert ran.returncode == 0, ran.stdout


def test_snakefmt():
    ran = run("snakefmt", "--check", "Snakefile", "workflow")
    assert ran.returncode == 0, ran.stderr


def test_snakemake_lint():
    text = run("snakemake", "--lint").stderr
    findings = {line.strip() for line in text.splitlines() if line.strip().startswith("* ")}
    # the environment is the repository's own, for all rules alike
    assert findings == {"* Specify a conda environment or container for each rule.:"}, text
