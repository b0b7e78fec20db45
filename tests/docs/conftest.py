import shutil

import pytest
from code_blocks import Workplace, languages, parse

# what needs a copy of the repository
RUNNING = {"python", "sh", "snakemake", "diff", "yaml"}


@pytest.fixture
def run_page(request, monkeypatch):
    """A function that runs every code block of a page, in order, in a copy of the repository."""

    def run(path):
        document = parse(path)
        if RUNNING & set(languages(document)):
            copy = request.getfixturevalue("scratch")
            for name in ("results/digits", "elsewhere/results/digits"):
                shutil.copytree(copy.path("results/smoke"), copy.path(name))
            monkeypatch.chdir(copy.folder)
            monkeypatch.syspath_prepend(copy.folder)
            document.namespace["workplace"] = Workplace(copy)
        for example in document.examples():
            example.evaluate()

    return run
