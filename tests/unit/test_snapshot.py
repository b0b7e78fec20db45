"""The small copy of a build: what is in it, what is kept, what is refused."""

import hashlib
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from intriguing.errors import ArtifactError
from intriguing.report import snapshot

RECORD = {
    "built": "2026-01-02T03:04:05Z",
    "commit": "0123456789ab",
    "data": {"name": "digits", "digest": "d" * 64},
    "experiment": "own",
    "machine": {"processor": "A processor", "cores": 2, "memory_gib": 7.5, "system": "Linux 6.1"},
    "seeds": [0, 1, 2],
    "title": "An experiment",
    "total": {"jobs": 30, "timed": 30, "processor_seconds": 7200.0, "peak_memory_mib": 512},
    "versions": {"intriguing": "0.2.0", "python": "3.11.7", "torch": "2.13.0"},
}
MATRIX = "| made for | FC10 |\n|---|---|\n| FC10 | 100.0 |\n"


def picture(width, height):
    """A PNG that cannot be compressed."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class Built:
    """A folder of results, and what becomes of it."""

    def __init__(self, folder):
        self.results, self.copy = folder / "results" / "own", folder / "docs" / "own"
        self.settings = folder / "own.yaml"
        self.settings.write_text("title: An experiment\n")
        self.files = {
            "tables/claims.md": b"| claim | verdict |\n|---|---|\n| it holds | reproduced |\n",
            "tables/table2.csv": b"made_for,target\nfc10,fc10\n",
            "tables/table2.md": MATRIX.encode(),
            "tables/table2.html": b"<table>",
            "figures/transfer.png": picture(20, 10),
            "figures/gallery/lbfgs/fc10.png": picture(30, 30),
            "models/fc10/seed0/weights.safetensors": b"weights",
        }
        self.record = {**RECORD}

    def write(self):
        for name, content in self.files.items():
            (self.results / name).parent.mkdir(parents=True, exist_ok=True)
            (self.results / name).write_bytes(content)
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}
        lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
        (self.results / "SHA256SUMS").write_text(lines)
        (self.results / "build.json").write_text(json.dumps(self.record))

    def snapshot(self):
        """Names of what the copy holds, and its page."""
        self.left_out = snapshot.write(self.results, self.copy, self.settings)
        files = [path for path in self.copy.rglob("*") if path.is_file()]
        names = {path.relative_to(self.copy).as_posix() for path in files}
        return names, (self.copy / "README.md").read_text()


@pytest.fixture
def built(tmp_path):
    made = Built(tmp_path)
    made.write()
    return made


def test_tables_figures_settings_and_digests(built):
    # of an earlier version of the experiment
    (built.results / "tables/old.csv").write_text("x")
    names, page = built.snapshot()
    small = {name for name in built.files if name.endswith((".csv", ".md", ".png"))}
    assert names == small | {"README.md", "SHA256SUMS", "build.json", "own.yaml"}
    for name in small:
        assert (built.copy / name).read_bytes() == built.files[name]
    assert json.loads((built.copy / "build.json").read_text()) == RECORD
    # every link leads somewhere, and every file is linked
    links = set(re.findall(r"\]\(([^)]+)\)", page))
    assert links == names - {"README.md"}
    assert MATRIX in page and "| it holds | reproduced |" in page
    digest = hashlib.sha256((built.results / "SHA256SUMS").read_bytes()).hexdigest()
    assert f"{len(built.files)} files" in page and digest in page


def test_the_page_says_how_it_was_made(built):
    _, page = built.snapshot()
    facts = dict(re.findall(r"^\| (\w+) \| (.*) \|$", page, re.M))
    assert facts["version"] == "intriguing 0.2.0, commit 0123456789ab"
    assert facts["seeds"] == "0, 1, 2" and "d" * 64 in facts["data"]
    assert facts["machine"] == "A processor, 2 cores, 7.5 GiB of memory, Linux 6.1"
    assert facts["time"].startswith("30 jobs: 2.0 hours of processor time, at most 512 MiB")
    built.record["total"] = {**RECORD["total"], "timed": 12, "processor_seconds": 90.0}
    built.write()
    _, page = built.snapshot()
    assert "30 jobs (12 of them are timed): 90.0 seconds" in page
    unknown = {"jobs": 30, "timed": 0, "processor_seconds": None, "peak_memory_mib": None}
    built.record["total"] = unknown
    built.write()
    assert "30 jobs, whose time is not known" in built.snapshot()[1]


def test_what_was_written_by_hand_is_kept(built):
    built.copy.mkdir(parents=True)
    for name in ("README.md", "thoughts.md", "table1.md", "table1.csv", "transfer.png"):
        (built.copy / name).write_text(f"by hand: {name}")
    (built.copy.parent / "README.md").write_text("of all snapshots")
    for _ in range(2):
        names, page = built.snapshot()
        assert (built.copy / "notes.md").read_text() == "by hand: README.md"
        assert (built.copy / "thoughts.md").read_text() == "by hand: thoughts.md"
        assert "(notes.md)" in page
        # of the layout of earlier snapshots
        assert not names & {"table1.md", "table1.csv", "transfer.png"}
    assert (built.copy.parent / "README.md").read_text() == "of all snapshots"
    (built.copy / "README.md").write_text("by hand again")
    with pytest.raises(ArtifactError, match=r"put both into notes\.md"):
        built.snapshot()
    assert (built.copy / "README.md").read_text() == "by hand again"


@pytest.mark.parametrize("name", ["setup.py", "sources/a.md"])
def test_a_folder_of_something_else_is_refused(built, name):
    (built.copy / name).parent.mkdir(parents=True)
    (built.copy / name).write_text("x")
    with pytest.raises(ArtifactError, match=f"{name.split('/')[0]}, which no snapshot has"):
        built.snapshot()
    assert [path.name for path in built.copy.iterdir()] == [name.split("/")[0]]


def test_what_was_changed_or_lost_is_refused(built):
    table = built.results / "tables/table2.csv"
    table.write_text("made_for,target\nfc10,fc11\n")
    with pytest.raises(ArtifactError, match=r"table2.csv changed .* run make own$"):
        built.snapshot()
    table.unlink()
    with pytest.raises(ArtifactError, match=r"table2.csv is missing"):
        built.snapshot()
    built.write()
    (built.results / "build.json").unlink()
    with pytest.raises(ArtifactError, match=r"build.json is missing"):
        built.snapshot()
    assert not built.copy.exists()


def test_large_figures_are_shrunk_and_large_tables_left_out(built):
    large = picture(900, 600)
    assert len(large) > 1_000_000
    built.files |= {f"figures/filters/{number}.png": large for number in range(5)}
    built.files["tables/transfer.csv"] = b"1,2\n" * 300_000
    built.write()
    names, page = built.snapshot()
    assert "tables/transfer.csv" not in names and "transfer.csv is left out" in page
    assert built.left_out == ["tables/transfer.csv"]
    sizes = {name: (built.copy / name).stat().st_size for name in names}
    assert max(sizes.values()) <= 1_000_000 and 3_000_000 < sum(sizes.values()) <= 5_000_000
    with Image.open(built.copy / "figures/filters/0.png") as shrunk:
        assert shrunk.width / shrunk.height == pytest.approx(1.5, rel=0.01)
    # small ones are the same
    for name in ("figures/transfer.png", "figures/gallery/lbfgs/fc10.png"):
        assert (built.copy / name).read_bytes() == built.files[name]
