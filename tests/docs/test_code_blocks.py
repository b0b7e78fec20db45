"""Every code block of the documentation runs, in the order of its page.

- Python runs in one namespace for the page, in a copy of the repository in which `smoke` is built;
  its results are also there as those of `digits`.
- Commands are run by bash as they are printed. Quick ones really run: `make help`, `make plan`,
  dry runs, `snakemake` for what belongs to `smoke`, `sha256sum`, `python -m`. Builds and
  installations that take long are planned by the very same command: `make -n`, `snakemake -n`,
  `pip install --dry-run`, `pytest --collect-only`. Commands of SLURM are not run.
- YAML is read as an experiment, a part of one as a part of the page's experiment or of `mnist`.
- A Snakefile is planned, a change (`diff`) applied to the copy, math converted as the site does
  it, and `text` is the output of the block before it.
"""

import pytest
from code_blocks import parse
from repository import ROOT

from intriguing.report.snapshot import GENERATED

# the recipes have a file of their own, so that two processes share the work
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
        *(ROOT / name / "README.md" for name in ("config", "results")),
        *(
            path
            for path in (ROOT / "docs").rglob("*.md")
            if not {"_build", "recipes"} & set(path.parts)
            # whose commands tests/workflow/test_make.py runs, on a build of which it is
            and not path.read_text(encoding="utf-8").startswith(GENERATED)
        ),
    ]
)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_runs(path, run_page):
    run_page(path)


def test_a_block_that_no_test_runs_is_refused(tmp_path):
    page = tmp_path / "page.md"
    for block in ("```\nsnakemake\n```", "```perl\nprint\n```", "Text.\n\n    snakemake\n"):
        page.write_text(f"{block}\n")
        with pytest.raises(ValueError, match=r"line [13]: no test runs a block"):
            parse(page)
