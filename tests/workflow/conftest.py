import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from repository import ROOT

PARTS = ("Snakefile", "workflow", "profiles", "scripts", "config", "resources", "src")


class Copy:
    """A copy of the repository in which Snakemake runs as a user runs it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        for name in PARTS:
            source = ROOT / name
            if source.is_symlink() or source.is_file():
                shutil.copy2(source, self.folder / name, follow_symlinks=False)
            else:
                ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, self.folder / name, ignore=ignore)

    @property
    def environment(self):
        # the package of the copy goes before the installed one
        return {**os.environ, "PYTHONPATH": str(self.folder / "src")}

    def command(self, *arguments):
        return [sys.executable, "-m", "snakemake", *map(str, arguments)]

    def snakemake(self, *arguments, check=True, **environment):
        ran = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env={**self.environment, **environment},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if check:
            assert ran.returncode == 0, ran.stdout
        return ran

    def planned(self, *arguments):
        """Number of jobs of each rule that a dry run announces, without the target itself."""
        shown = self.snakemake("-n", *arguments).stdout
        if "Nothing to be done" in shown:
            return {}
        lines = shown[shown.index("Job stats:") :].splitlines()[3:]
        counts = {}
        for line in lines:
            words = line.split()
            if not words or words[0] == "total":
                break
            counts[words[0]] = int(words[1])
        counts.pop("smoke", None)
        return counts

    def path(self, name):
        return self.folder / name

    def edit(self, name, old, new):
        path = self.path(name)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


@pytest.fixture(scope="session")
def make_copy(tmp_path_factory):
    return lambda: Copy(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="session")
def built(make_copy):
    """A copy with the smoke experiment built on two cores; tests leave it as they found it."""
    copy = make_copy()
    copy.snakemake("smoke", "--cores", 2)
    return copy


@pytest.fixture
def scratch(built, tmp_path):
    """A copy of the built copy, for tests that change it; times and records come along."""
    folder = tmp_path / "repository"
    shutil.copytree(built.folder, folder, symlinks=True)
    copy = object.__new__(Copy)
    copy.folder = folder
    return copy
