import os

import pytest
from copies import Copy
from filelock import FileLock


@pytest.fixture
def sources(tmp_path):
    """A copy in which nothing is built."""
    folder = tmp_path / "repository"
    folder.mkdir()
    return Copy.of_repository(folder)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A copy with the smoke experiment built on two cores, once for all test processes.

    Tests read it and leave it as it is: those that run or change something take `scratch`.
    """
    folder = tmp_path_factory.getbasetemp()
    # with pytest-xdist each process has a folder of its own in a common one
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "built"
    log = folder.with_name("built.log")
    with FileLock(folder.with_name("built.lock")):
        if not log.exists():
            folder.mkdir()
            ran = Copy.of_repository(folder).snakemake("smoke", "--cores", 2, check=False)
            log.write_text(f"{ran.returncode}\n{ran.stdout}")
    status, _, output = log.read_text().partition("\n")
    assert status == "0", output
    before = state(folder)
    yield Copy(folder)
    assert state(folder) == before, "a test changed the built copy: let it take scratch"


def state(folder):
    """Size and time of every file of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def scratch(built, tmp_path):
    """A copy of the built copy, for tests that change it."""
    return built.duplicate(tmp_path / "repository")
