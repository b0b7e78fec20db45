"""Format, style and words, of code and documents; `make lint` runs this file."""

import re
import subprocess
import sys

import pytest
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


@pytest.mark.parametrize("width", ["88", "100"])  # snakefmt's own, and that of the Python files
def test_snakefmt(width):
    ran = run("snakefmt", "--check", "--line-length", width, "Snakefile", "workflow")
    assert ran.returncode == 0, ran.stderr


def test_snakemake_lint():
    text = run("snakemake", "--lint").stderr
    findings = {line.strip() for line in text.splitlines() if line.strip().startswith("* ")}
    # the environment is the repository's own, for all rules alike
    assert findings == {"* Specify a conda environment or container for each rule.:"}, text


def test_import_contracts():
    ran = subprocess.run(
        [f"{sys.prefix}/bin/lint-imports"], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout


def test_spelling():
    ran = run("codespell_lib")
    assert ran.returncode == 0, ran.stdout


def test_generated_documentation_is_up_to_date():
    ran = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout


# phrases over which a reader stumbles; CONTRIBUTING.md has the words to use
BANNED = (
    r"mends?|mended|mending",
    r"anew",
    r"told before",
    r"is no (key|image|yaml|split|module|model|attack|class|text)",
    r"goes before",
    r"one's own",
    r"has (wrong|right)",
    r"so many(?! that)",
    r"stands? beside",
    r"defect of the workflow",
)
FOLDERS = ("src", "scripts", "workflow", "config", "docs", "resources", "benchmarks", "examples")
FOLDERS += ("tests",)
ENDINGS = {".py", ".pyi", ".smk", ".yaml", ".md", ".j2", ".toml"}
REPRODUCTION = ROOT / "docs" / "reproduction"


def documents():
    """All that is written by hand: not what experiments made, and not the list above."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    for path in [*paths, *ROOT.glob("*.md"), ROOT / "pyproject.toml"]:
        in_snapshot = REPRODUCTION in path.parents and path.parent != REPRODUCTION
        generated = in_snapshot and path.stem not in ("README", "notes")
        if path.suffix in ENDINGS and not generated and path.name != "test_style.py":
            yield path
    yield from (ROOT / "Makefile", ROOT / "Snakefile")


@pytest.fixture(scope="module")
def texts():
    return {path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in documents()}


@pytest.mark.parametrize("phrase", BANNED)
def test_words(phrase, texts):
    # a phrase may be broken over two lines, of comments too
    words = rf"\b({phrase})\b".replace(" ", r"[ \n#]+")
    pattern = re.compile(words, re.IGNORECASE)
    found = [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]!r}"
        for path, text in texts.items()
        for match in pattern.finditer(text)
    ]
    assert not found, "\n".join(found)
