"""Copies of the repository, in which Snakemake runs as a user runs it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from repository import ROOT

SMOKE = "config/experiments/smoke.yaml"
MODELS = ("fc10", "fc100", "ae400")
# these and the two of Tables 3 and 4, each with two seeds
TRAINED = 10
PARTS = ("Makefile", "Snakefile", "workflow", "profiles", "scripts", "config", "resources", "src")


class Copy:
    """A copy of the repository in a folder of its own."""

    def __init__(self, folder):
        self.folder = Path(folder)

    @classmethod
    def of_repository(cls, folder):
        """The sources alone: nothing is built."""
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        copy = cls(folder)
        for name in PARTS:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, copy.path(name), ignore=ignore)
            else:
                shutil.copy2(ROOT / name, copy.path(name))
        return copy

    def duplicate(self, folder):
        """Another copy with all that was built; times and Snakemake's records come along."""
        shutil.copytree(self.folder, folder)
        return Copy(folder)

    def sources(self):
        """Every file of the repository's own."""
        return [
            path
            for name in PARTS
            for path in (self.path(name), *self.path(name).rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        ]

    @property
    def environment(self):
        # the package of the copy takes precedence over the installed one
        # without what a make that runs the tests tells a make below it
        outside = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
        return {**outside, "PYTHONPATH": str(self.path("src"))}

    def command(self, *arguments):
        return [sys.executable, "-m", "snakemake", *map(str, arguments)]

    def snakemake(self, *arguments, check=True, folder=None, **environment):
        """Run Snakemake in the copy, or in another folder; ``check``: it has to succeed."""
        ran = subprocess.run(
            self.command(*arguments),
            cwd=folder or self.folder,
            env={**self.environment, **environment},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if check:
            assert ran.returncode == 0, ran.stdout
        return ran

    def make(self, *arguments):
        """What runs make in the copy, with the environment of the tests in place of .venv."""
        there = ("-o", ".venv/ready", f"BIN={sys.prefix}/bin")
        return ["make", *there, *arguments]

    def made(self, *arguments, **environment):
        """Exit status of make, and the lines that it prints; its input is no terminal."""
        ran = subprocess.run(
            self.make(*arguments),
            cwd=self.folder,
            env={**self.environment, **environment},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return ran.returncode, ran.stdout.splitlines()

    def planned(self, target, *arguments, folder=None):
        """Number of jobs of each rule that a dry run announces, without the target itself."""
        shown = self.snakemake("-n", target, *arguments, folder=folder).stdout
        if "Nothing to be done" in shown:
            return {}
        lines = shown[shown.index("Job stats:") :].splitlines()[3:]
        counts = {}
        for line in lines:
            words = line.split()
            if not words or words[0] == "total":
                break
            counts[words[0]] = int(words[1])
        counts.pop(str(target), None)
        return counts

    def path(self, name):
        return self.folder / name

    def edit(self, name, old, new):
        path = self.path(name)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
