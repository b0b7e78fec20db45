"""The code blocks of a page, each with what a test does to it, for Sybil.

Blocks come from the parser that the site uses, so that none escapes: those without a language,
those that are only indented, and those of a language that nothing here handles fail the test.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml
from docutils.utils.math import latex2mathml
from markdown_it import MarkdownIt
from repository import ROOT
from sybil import Document, Region
from sybil.evaluators.python import PythonEvaluator
from sybil.region import Lexeme

from intriguing import experiment
from intriguing.torchvision_import import import_torchvision

SCHEMA = ROOT / "workflow" / "schemas" / "experiment.schema.yaml"
BASE = ROOT / "config" / "experiments" / "mnist.yaml"
# what a command may be, besides those that are replaced below
TOOLS = ("cp", "cut", "grep", "head", "ls", "sed", "sha256sum", "tail")
# a first line that names the file that a block is
FILE = re.compile(r"# ([\w./-]+\.(?:py|yaml|toml|smk))\n")

# by the code of the copy, where the page has changed it
READ = (
    "from intriguing import experiment; "
    'experiment.read("experiment.yaml", "workflow/schemas/experiment.schema.yaml")'
)


class Workplace:
    """The folder in which the blocks of a page run: a copy of the repository.

    Commands find replacements of the tools that would build or install for a long time, see
    `REPLACED`, and nothing else but `TOOLS`.
    """

    def __init__(self, copy):
        self.copy = copy
        self.tools = copy.path(".venv/bin")
        self.tools.mkdir(parents=True)
        for name in TOOLS:
            self.tools.joinpath(name).symlink_to(shutil.which(name))
        for name, script in REPLACED.items():
            path = self.tools / name
            # what they run finds its own tools
            text = f"#!/bin/bash\nPATH={os.environ['PATH']!r}\n{script}"
            path.write_text(text.replace("PYTHON", sys.executable))
            path.chmod(0o755)
        self.tools.joinpath("activate").touch()
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy2(ROOT / name, copy.path(name))
        # what a run through SLURM leaves behind
        copy.path(".snakemake/log").mkdir(parents=True, exist_ok=True)
        copy.path(".snakemake/log/slurm.snakemake.log").write_text("SLURM run ID: 5f1c\n")

    def run(self, script):
        """What bash prints for a block; it has to succeed."""
        ran = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", script],
            cwd=self.copy.folder,
            env={**self.copy.environment, "PATH": str(self.tools), "OMP_NUM_THREADS": "1"},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert ran.returncode == 0, f"{script}\n{ran.stdout}"
        return ran.stdout


MAKE = shutil.which("make")
# Builds are planned, and nothing is installed; what is quick runs as it is.
REPLACED = {
    "make": f"""case "$1" in help|plan) real=;; *) real=-n;; esac
exec {MAKE} $real -o .venv/ready "$@"
""",
    "snakemake": """case " $* " in
*" --unlock "*|*" -n "*|*" results/smoke/"*|*" results/try/"*)
    exec PYTHON -m snakemake --cores 1 "$@";;
*profiles/slurm*) PYTHON -c "import snakemake_executor_plugin_slurm" 2>/dev/null || exit 0;;
*profiles/pbs*) PYTHON -c "import snakemake_executor_plugin_cluster_generic" 2>/dev/null || exit 0;;
esac
exec PYTHON -m snakemake -n "$@" --quiet
""",
    # what is installed already satisfies pip, so that it looks nowhere
    "pip": """[ "$1" = install ] || exec PYTHON -m pip "$@"
shift
exec PYTHON -m pip install --dry-run --no-deps --no-build-isolation --quiet "$@"
""",
    "python": 'exec PYTHON "$@"\n',
    "pytest": 'exec PYTHON -m pytest --collect-only -q "$@"\n',
    # there may be no SLURM
    "scancel": '[ "$*" = "--name 5f1c" ]\n',
}


def blocks(document):
    """Regions of all code blocks of a Markdown document; `ValueError` for one that none checks."""
    lines = document.text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    for token in MarkdownIt("commonmark").parse(document.text):
        if token.type not in ("fence", "code_block"):
            continue
        language = token.info.partition(" ")[0]
        evaluate = EVALUATORS.get(language)
        first, last = token.map
        if evaluate is None:
            raise ValueError(
                f"{document.path}, line {first + 1}: no test runs a block of"
                f" {language or 'no language'}: give it one of {', '.join(EVALUATORS)}"
            )
        parsed = Lexeme(token.content, 0, 0)
        region = Region(starts[first], starts[last], parsed, evaluate)
        region.lexemes["language"] = language
        yield region


def parse(path):
    """A page, ready to be evaluated."""
    return Document.parse(str(path), blocks)


def languages(document):
    return [region.lexemes["language"] for _, region in document.regions]


def run_python(example):
    """In one namespace for the page; a first line that is the name of a file writes that.

    Files of the repository, and those that a later command runs, are only written.
    """
    if write(example.parsed, example.namespace["workplace"]) in ("src", "scripts", "try"):
        return
    if "torchvision" in example.parsed:
        # as the workflow does before it runs a user's code
        import_torchvision()
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        PythonEvaluator()(example)
    example.namespace["output"] = output.getvalue()


def write(text, place):
    """Write a block that names its file; return how that name begins."""
    named = FILE.match(text)
    if not named:
        return ""
    path = place.copy.path(named[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return re.match(r"[a-z]+", named[1])[0]


def run_commands(example):
    place = example.namespace["workplace"]
    example.namespace["output"] = place.run(example.parsed)


def compare_output(example):
    """What the block before printed; another processor may change the last digits of numbers."""
    output = example.namespace["output"]
    (said, numbers), (printed, others) = map(without_numbers, (example.parsed, output))
    same = said == printed and numbers == pytest.approx(others, rel=0.1)
    where = f"{example.path}, line {example.line}"
    assert same, f"{where}: the page says\n{example.parsed}\nbut it is\n{output}"


def without_numbers(text):
    """The text with its decimal numbers left out, and these."""
    number = r"\d+\.\d+"
    return re.sub(number, "0.0", text), [float(value) for value in re.findall(number, text)]


def check_experiment(example):
    """A whole experiment is read; a part of one is read as a part of that, or of `BASE`."""
    settings = yaml.safe_load(example.parsed)
    if not {"title", "models"} <= set(settings):
        base = example.namespace.get("experiment") or yaml.safe_load(BASE.read_text())
        settings = merged(base, settings)
    example.namespace["experiment"] = settings
    place = example.namespace["workplace"]
    write(example.parsed, place)
    path = place.copy.path("experiment.yaml")
    path.write_text(yaml.safe_dump(settings, sort_keys=False))
    if example.namespace.get("changed"):
        place.run(f"python -c '{READ}'")
    else:
        experiment.read(path, SCHEMA)


def merged(base, part):
    both = {**base, **part}
    for key in base.keys() & part.keys():
        if isinstance(base[key], dict) and isinstance(part[key], dict):
            both[key] = merged(base[key], part[key])
    return both


def check_snakefile(example):
    """Snakemake reads it and plans, in a folder of its own, an experiment of its own."""
    place = example.namespace["workplace"]
    with tempfile.TemporaryDirectory() as folder:
        text = example.parsed.replace("path/to/this/repository", str(place.copy.folder))
        Path(folder, "Snakefile").write_text(text)
        own = Path(folder, "my_experiments")
        own.mkdir()
        shutil.copy2(ROOT / "config/experiments/smoke.yaml", own / "ours.yaml")
        ran = place.copy.snakemake("-n", "ours", "--quiet", folder=folder, check=False)
    assert ran.returncode == 0, ran.stdout


def apply_change(example):
    """As `git apply` would, which needs no repository."""
    place = example.namespace["workplace"]
    ran = subprocess.run(
        ["git", "apply", "-"],
        cwd=place.copy.folder,
        input=example.parsed,
        text=True,
        capture_output=True,
        # a folder below another repository would be taken for a part of that
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(place.copy.folder.parent)},
    )
    assert ran.returncode == 0, f"{example.path}, line {example.line}: {ran.stderr}"
    example.namespace["changed"] = True


def check_math(example):
    latex2mathml.tex2mathml(example.parsed, as_block=True)


def check_drawing(example):
    """Nodes and arrows alone; what they say is generated."""
    first, *lines = example.parsed.splitlines()
    assert re.fullmatch(r"(flowchart|graph) (TD|TB|LR)", first.strip()), first
    node = r'\w+(\[[^\]]+\]|\("?[^)]+"?\))?'
    for line in lines:
        assert re.fullmatch(rf"\s*{node}( --> {node})?|\s*(style|classDef|class) .*", line), line


EVALUATORS = {
    "python": run_python,
    "yaml": check_experiment,
    "sh": run_commands,
    "snakemake": check_snakefile,
    "diff": apply_change,
    "text": compare_output,
    "math": check_math,
    "mermaid": check_drawing,
}
