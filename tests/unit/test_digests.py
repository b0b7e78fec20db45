"""What jobs wrote is what later jobs read: any change in between is seen, whatever the file."""

import hashlib
import os
import random
import re
import shutil
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from intriguing.artifacts import digests
from intriguing.artifacts.files import write_text
from intriguing.errors import ArtifactError
from intriguing.job import job, needs_of

IMPORTED = time.time()

CONTENT = {"table.csv": b"a,b\n1,2\n", "model/weights": bytes(range(256)) * 40, "model/empty": b""}


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder of results, relative as Snakemake names it, with a file and a folder recorded."""
    monkeypatch.chdir(tmp_path)
    folder = Path("results/x")
    for name, content in CONTENT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    digests.record(folder, ["results/x/table.csv", "results/x/model"])
    return folder


def check(*names):
    digests.check(Path("results/x"), [f"results/x/{name}" for name in names])


def test_what_nobody_touched_is_accepted(results):
    (results / "unrecorded").touch()
    check("table.csv", "model", "model", "unrecorded")
    (results / "model/.snakemake_timestamp").touch()  # Snakemake's own, once the job has ended
    check("model")
    digests.check(results, ["elsewhere/table.csv", "/results/x/table.csv"])


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="sha256sum is another implementation")
def test_records_are_what_sha256sum_reads(results):
    (results / "digests/manifest").write_text(digests.sums(results, [results / "model"]))
    for record in ("table.csv.sha256", "model.sha256", "manifest"):
        subprocess.run(["sha256sum", "--check", f"digests/{record}"], cwd=results, check=True)


@pytest.mark.parametrize("seed", range(50))
def test_any_flipped_bit_is_found(results, seed):
    drawn = random.Random(seed)
    name = drawn.choice([name for name, content in CONTENT.items() if content])
    damaged = bytearray(CONTENT[name])
    damaged[drawn.randrange(len(damaged))] ^= 1 << drawn.randrange(8)
    (results / name).write_bytes(damaged)
    artifact = name.split("/")[0]
    with pytest.raises(
        ArtifactError, match=rf"results/x/{artifact} changed after .* run snakemake"
    ):
        check("table.csv", "model")
    # set aside, so that Snakemake builds it again; what is whole stays
    assert not (results / artifact).exists()
    assert (results / f"{artifact}.damaged").exists()
    assert len(list(results.glob("*.damaged"))) == 1
    check({"table.csv": "model", "model": "table.csv"}[artifact])


def test_what_is_missing(results):
    (results / "table.csv").unlink()
    with pytest.raises(ArtifactError, match=r"results/x/table.csv is missing: run snakemake"):
        check("model", "table.csv")
    assert (results / "model").exists()


def test_what_goes_missing_while_a_job_runs(results):
    with pytest.raises(SystemExit), job(started(inputs=["results/x/table.csv"])):
        (results / "table.csv").rename(results / "table.csv.damaged")
        (results / "table.csv").read_text()
    log = (results / "logs/job.log").read_text()
    assert log == "error: results/x/table.csv is missing: run snakemake again to rebuild it\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda model: (model / "empty").unlink(),
        lambda model: (model / "more").write_text(""),
        lambda model: (model / "empty").rename(model / "other"),
        lambda model: (model / "weights").write_bytes(CONTENT["model/weights"][:-1]),
    ],
    ids=["missing", "more", "renamed", "truncated"],
)
def test_a_folder_is_what_it_was(results, change):
    change(results / "model")
    with pytest.raises(ArtifactError, match="results/x/model changed"):
        check("model")


def test_damage_that_happens_twice(results):
    for attempt in range(2):
        (results / "model/weights").write_text(f"other {attempt}")
        with pytest.raises(ArtifactError, match="results/x/model changed"):
            check("model")
        shutil.copytree(results / "model.damaged", results / "model")
        digests.record(results, ["results/x/model"])


def stored(results, tmp_path, name, *, key="0" * 64):
    """Move an output into a cache, as Snakemake stores it, and give its new place."""
    cached = tmp_path / "cache" / f"{key}_{Path(name).name}"
    cached.parent.mkdir(exist_ok=True)
    (results / name).rename(cached)
    (results / name).symlink_to(cached)
    return cached


def test_what_is_damaged_leaves_the_cache(results, tmp_path):
    cached = stored(results, tmp_path, "table.csv")
    check("table.csv")
    cached.write_bytes(b"other")
    with pytest.raises(ArtifactError, match=r"table\.csv changed"):
        check("table.csv")
    # else it would be fetched again and again
    assert not cached.exists() and cached.with_name(f"{cached.name}.damaged").exists()
    assert not (results / "table.csv").is_symlink()


def test_a_damaged_folder_leaves_the_cache(results, tmp_path):
    cached = fetched(results, tmp_path)
    (cached / "weights").write_bytes(b"other")
    with pytest.raises(ArtifactError, match="model changed"):
        check("model")
    assert not cached.exists() and not (results / "model").exists()


def test_a_record_from_the_cache_that_is_damaged(results, tmp_path):
    table = stored(results, tmp_path, "table.csv")
    cached = stored(results, tmp_path, "digests/table.csv.sha256")
    cached.write_text("other")
    with pytest.raises(ArtifactError, match=r"table\.csv changed"):
        check("table.csv")
    assert not cached.exists() and not table.exists()


def fetched(results, tmp_path):
    """The model as Snakemake fetches it from a cache: a folder with a link for each file."""
    cached = stored(results, tmp_path, "model")
    (results / "model").unlink()
    (results / "model").mkdir()
    for file in cached.iterdir():
        (results / "model" / file.name).symlink_to(file)
    check("model")
    return cached


def test_damage_of_ones_own_leaves_the_cache_alone(results, tmp_path):
    cached = fetched(results, tmp_path)
    (results / "model/weights").unlink()
    (results / "model/weights").write_text("edited in a way that replaces the link")
    with pytest.raises(ArtifactError, match="model changed"):
        check("model")
    assert cached.exists() and (results / "model.damaged/weights").exists()


def test_a_cache_that_was_deleted(results, tmp_path):
    cached = fetched(results, tmp_path)
    shutil.rmtree(cached)
    with pytest.raises(ArtifactError, match=r"results/x/model is missing: run snakemake"):
        check("model")
    assert not (results / "model").exists()  # so that Snakemake makes it again


def test_what_two_workflows_store_at_once(results, tmp_path):
    cached = fetched(results, tmp_path)
    shutil.copytree(cached, cached / cached.name)
    (results / "model" / cached.name).symlink_to(cached / cached.name)
    check("model")


def derived(results, tmp_path):
    """A set made of the model, and whether a job that reads both accepts them."""
    (results / "set").write_text("made of the model")
    digests.record(results, ["results/x/set"], ["results/x/model", "results/x/unrecorded"])
    check("set", "model")


def test_inputs_that_do_not_belong_together(results, tmp_path):
    derived(results, tmp_path)
    (results / "model/weights").write_text("trained elsewhere")
    digests.record(results, ["results/x/model"])
    check("set")
    check("model")
    cached = stored(results, tmp_path, "set")
    with pytest.raises(ArtifactError, match=r"x/set was made of another version of .*x/model"):
        check("set", "model")
    assert not (results / "set").exists() and not cached.exists() and (results / "model").exists()


def test_a_model_that_is_made_again_with_the_same_bytes(results, tmp_path):
    derived(results, tmp_path)
    digests.record(results, ["results/x/model"], ["results/x/table.csv"])
    check("set", "model", "table.csv")


def test_records_that_are_outputs_have_no_record(results):
    digests.record(results, ["results/x/table.csv", "results/x/digests/table.csv.sha256"])
    assert not list(results.rglob("*.sha256.sha256"))
    digests.forget(results, ["results/x/digests/table.csv.sha256"])
    check("table.csv")


@pytest.mark.parametrize("name", ["table.csv", "model"])
def test_times_in_the_future_are_set_back(results, name):
    artifact, now = results / name, time.time()
    timestamp = results / "model/.snakemake_timestamp"
    timestamp.touch()
    for path in (artifact, timestamp):
        os.utime(path, (now + 86400, now + 86400))
    digests.set_back(results, [f"results/x/{name}", "results/x/gone", "elsewhere"])
    recorded = (results / f"digests/{name}.sha256").stat().st_mtime
    assert artifact.stat().st_mtime == pytest.approx(recorded)
    assert (timestamp.stat().st_mtime > now) == (name != "model")


def test_times_in_the_past_stay(results):
    os.utime(results / "table.csv", (1000, 1000))
    digests.set_back(results, ["results/x/table.csv"])
    assert (results / "table.csv").stat().st_mtime == 1000


def test_sums_of_some(results):
    lines = digests.sums(results, ["results/x/model", "/etc/hostname"]).splitlines()
    expected = {name: hashlib.sha256(CONTENT[name]).hexdigest() for name in CONTENT}
    assert lines == [f"{expected[name]}  {name}" for name in ("model/empty", "model/weights")]


def test_records_of_what_is_gone_are_removed(results):
    write_text(results / "digests/sets/shard.sha256", "of a file that was merged\n")
    digests.forget_missing(results)
    records = {path.name for path in (results / "digests").rglob("*") if path.is_file()}
    assert records == {"table.csv.sha256", "model.sha256"}


def started(*, inputs=(), outputs=()):
    """What Snakemake gives the script of a job of the experiment x."""
    Path("results/x/logs").mkdir(exist_ok=True)
    return SimpleNamespace(
        log=["results/x/logs/job.log"],
        input=list(inputs),
        output=list(outputs),
        wildcards=SimpleNamespace(experiment="x"),
    )


def test_a_job_does_not_start_from_what_was_damaged(results):
    (results / "table.csv").write_bytes(b"a,b\n1,3\n")
    ran = []
    with pytest.raises(SystemExit), job(started(inputs=["results/x/table.csv"])):
        ran.append(True)
    assert not ran
    log = (results / "logs/job.log").read_text()
    assert log.startswith("error: results/x/table.csv changed after the workflow wrote it")


def test_a_job_records_what_it_wrote_and_only_when_it_is_done(results):
    target = results / "table.csv"
    with pytest.raises(SystemExit), job(started(outputs=[str(target)])):
        target.write_text("half")
        raise ArtifactError("no space")
    check("table.csv")  # without a record: Snakemake deletes what a failed job leaves
    with job(started(inputs=["results/x/model"], outputs=[str(target)])):
        target.write_text("whole")
    check("table.csv")
    # what the job needed, and of what the table was made
    needed = needs_of(results / "logs/job.log")
    assert needed.processor_seconds > 0 and needed.memory_mib > 10
    # not of the job alone: its process had to start
    assert needed.wall_seconds > time.time() - IMPORTED - 0.05
    assert re.search(
        r"^# from [0-9a-f]{64}  model$", (results / "digests/table.csv.sha256").read_text(), re.M
    )
    target.write_text("other")
    with pytest.raises(ArtifactError):
        check("table.csv")
