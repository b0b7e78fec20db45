"""What make says: a sentence as its last line, a plan on one screen, nothing removed by mistake."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from copies import SMOKE, TRAINED
from repository import ROOT

OWN = "config/experiments/own.yaml"


def last_line(copy, *arguments):
    status, lines = copy.made(*arguments, INTRIGUING_DATA_ROOT="")
    assert status != 0
    return lines[-1]


def ends_with(sentence, line):
    """What make's own function `error` makes of a sentence."""
    return line.startswith("Makefile:") and line.endswith(f": *** {sentence}.  Stop.")


def test_the_last_line_is_what_is_wrong(sources):
    settings = sources.path(SMOKE).read_text().replace("name: digits", "name: image_folder")
    settings = settings.replace("name: image_folder", "name: image_folder\n  folder: photos", 1)
    sources.path(OWN).write_text(settings)
    missing = (
        "data/photos does not exist: correct data.folder or data.root, or put the images there"
    )
    assert ends_with(f"{OWN}: data.folder: {missing}", last_line(sources, "own"))
    assert ends_with(f"{OWN}: data.folder: {missing}", last_line(sources, "plan", "NAME=own"))
    for number in range(600):
        path = sources.path(f"data/photos/{number % 2}/{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("no image")
    status, lines = sources.made("own", INTRIGUING_DATA_ROOT="")
    assert status != 0
    broken = (
        r"data/photos/\d/\d+\.png cannot be read .*: replace it by an intact image, or delete it"
    )
    assert re.fullmatch(rf"Makefile:\d+: \*\*\* {broken}\.  Stop\.", lines[-1])
    log = lines[-2].removeprefix("the log of this run is ")
    assert re.search(f"error: {broken}", sources.path(log).read_text())


def test_unknown_experiments_and_targets(sources):
    names = sorted(path.stem for path in ROOT.glob("config/experiments/*.yaml"))
    sentence = f"there is no experiment nosuch: choose one of {', '.join(names)}"
    line = last_line(sources, "nosuch")
    assert f"*** {sentence}; other targets are benchmark, check, clean, " in line
    assert ends_with(sentence, last_line(sources, "plan", "NAME=nosuch"))
    assert sentence in last_line(sources, "verify", "EXPERIMENT=nosuch")
    # a file of either ending is an experiment, but none hides a target
    sources.path("config/experiments/own.yml").touch()
    sources.path("config/experiments/clean.yaml").touch()
    status, lines = sources.made("help")
    assert status == 0
    assert any("mnist, own, smoke" in line and "clean" not in line for line in lines)


@pytest.mark.parametrize(
    ("target", "variable"),
    [("plan", "NAME"), ("clean", "NAME"), ("verify", "EXPERIMENT"), ("snapshot", "EXPERIMENT")],
)
def test_an_experiment_beside_what_takes_it_as_a_variable(sources, target, variable):
    sources.path("results/smoke").mkdir(parents=True)
    line = last_line(sources, target, "smoke", "YES=1")
    advice = f"give make {target} {variable}=smoke"
    assert ends_with(f"smoke would be built beside make {target}: {advice}", line)
    assert sources.path("results/smoke").is_dir()


@pytest.mark.parametrize(
    ("operators", "fits"),
    [("raise RuntimeError('no torchvision::nms')", False), ("False", False), ("True", True)],
)
def test_a_torchvision_of_another_build_is_named(tmp_path, operators, fits):
    text = (ROOT / "Makefile").read_text()
    check = re.search(r"^define CHECK_PAIR\n(.*?)^endef$", text, re.M | re.S).group(1)
    package = tmp_path / "torchvision"
    package.mkdir()
    raises = operators.startswith("raise")
    (package / "__init__.py").write_text(operators if raises else "")
    (package / "extension.py").write_text(
        f"def _has_ops():\n    return {operators}\n" * (not raises)
    )
    for name, version in (("torch", "2.13.0+cpu"), ("torchvision", "0.28.0")):
        information = tmp_path / f"{name}-{version}.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    ran = subprocess.run(
        [sys.executable, "-c", check],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    sentence = "torchvision 0.28.0 was made for another build of torch than 2.13.0+cpu: "
    assert ran.stdout.startswith(sentence) if not fits else not ran.stdout


WAITS_AND_ENDS = """#!/bin/sh
for i in $(seq 500); do [ -e "$WAIT_FOR" ] && break; sleep 0.02; done
exit $STATUS
"""


@pytest.fixture
def made_by(sources):
    """Start make with a snakemake that waits for a file and ends with a status."""
    snakemake = sources.path("bin/snakemake")
    snakemake.parent.mkdir()
    snakemake.write_text(WAITS_AND_ENDS)
    snakemake.chmod(0o755)

    def start(status, wait_for="Makefile"):
        return subprocess.Popen(
            [*sources.make("smoke"), f"BIN={snakemake.parent}"],
            cwd=sources.folder,
            env={**sources.environment, "STATUS": str(status), "WAIT_FOR": wait_for},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


@pytest.mark.parametrize("first_status", [0, 1])
def test_two_builds_at_once(sources, made_by, first_status):
    first = made_by(first_status, wait_for="go")
    until = time.monotonic() + 30
    while not list(sources.path(".snakemake").glob("*")) and time.monotonic() < until:
        time.sleep(0.02)
    second = made_by(1 - first_status)
    last = {1 - first_status: second.communicate()[0].splitlines()[-1]}
    sources.path("go").touch()
    last[first_status] = first.communicate()[0].splitlines()[-1]
    assert [bool(first.returncode), bool(second.returncode)] == [first_status, 1 - first_status]
    assert last[0] == "every table and figure is in results/smoke/page.html"
    assert ends_with("build-smoke failed: see the lines above", last[1])
    assert not list(sources.path(".snakemake").glob("*"))


def test_a_build_that_cannot_leave_a_sentence_fails_too(sources, made_by):
    sources.path(".snakemake").touch()  # not a folder
    failed = made_by(1)
    failed.communicate()
    assert failed.returncode != 0


def test_a_plan_fits_on_a_screen(sources):
    status, lines = sources.made("plan", "NAME=smoke")
    assert status == 0 and len(lines) < 24
    table = {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines[1:]}
    assert table["train"] == [str(TRAINED), "not built yet"]
    assert table["data"] == ["1", "not built yet"]
    # without the target itself, which only says where the page is
    planned = sources.planned("smoke")
    assert int(table["all"][0]) == sum(planned.values())
    assert table["attack"][0] == str(planned["attack"] + planned["attack_shard"])
    assert "smoke" not in table


def test_a_plan_when_something_has_changed(scratch):
    status, lines = scratch.made("plan", "NAME=smoke")
    assert status == 0 and lines[-1] == "nothing to do: everything is up to date"
    # of one model, with two seeds
    scratch.edit(SMOKE, "weight_decay: [1.0e-6]", "weight_decay: [2.0e-6]")
    status, lines = scratch.made("plan", "NAME=smoke")
    assert status == 0
    assert [
        line.split(maxsplit=2) for line in lines if line.startswith(("data", "train", "units"))
    ] == [
        ["train", "2", "settings or code changed"],
        ["units", "2", "an input is built again"],
    ]


def test_clean(scratch):
    results = scratch.path("results")
    (results / "own" / "data").mkdir(parents=True)
    # not without a word: nobody is there to answer
    line = last_line(scratch, "clean")
    assert ends_with(
        "all results would be removed: give NAME=own for those of one experiment, or YES=1", line
    )
    for foreign in ("digits", "../src", ".", "own/.."):
        assert ends_with(
            f"there are no results of {foreign}: results/ has own, smoke",
            last_line(scratch, "clean", f"NAME={foreign}"),
        )
    assert scratch.made("clean", "NAME=own") == (0, ["removed results/own"])
    assert [path.name for path in results.iterdir()] == ["smoke"]
    assert scratch.path("src/intriguing").is_dir() and scratch.path(".snakemake").is_dir()
    assert scratch.made("clean", "YES=1")[0] == 0
    assert not list(results.iterdir()) and not scratch.path(".snakemake").exists()


def test_an_interrupt_stops_make_after_the_build(sources, tmp_path):
    with (tmp_path / "output").open("w") as output:
        ran = subprocess.Popen(
            sources.make("smoke"),
            cwd=sources.folder,
            env=sources.environment,
            # a group of its own, all of which a terminal sends the signal at Ctrl-C
            start_new_session=True,
            # tests that run in the background ignore it, and so would what they start
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            stdout=output,
            stderr=output,
        )
    log = sources.path("results/smoke/logs/data.log")
    until = time.monotonic() + 60
    while not log.exists() and time.monotonic() < until:
        time.sleep(0.05)
    # as people do who see no reaction: Snakemake may miss one on a busy machine
    while ran.poll() is None:
        os.killpg(ran.pid, signal.SIGINT if time.monotonic() < until else signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            ran.wait(10)
    assert ran.returncode == -signal.SIGINT
    with pytest.raises(ProcessLookupError):  # snakemake ended before make did
        os.killpg(ran.pid, 0)
    assert not list(sources.path(".snakemake/locks").glob("*"))
    assert not sources.path("results/smoke/page.html").exists()


def test_a_snapshot_of_a_build(scratch):
    folder = scratch.path("docs/reproduction/smoke")
    folder.mkdir(parents=True)
    (folder / "notes.md").write_text("by hand")
    status, lines = scratch.made("snapshot", "EXPERIMENT=smoke")
    assert status == 0 and lines[-1].startswith("docs/reproduction/smoke/README.md: ")
    results = scratch.path("results/smoke")
    for table in ("table1", "table2", "claims"):
        text = (results / f"tables/{table}.md").read_text()
        assert text in (folder / "README.md").read_text()
        assert text == (folder / f"tables/{table}.md").read_text()
    drawn = {path.relative_to(results) for path in results.glob("figures/**/*.png")}
    assert len(drawn) > 5
    assert drawn == {path.relative_to(folder) for path in folder.glob("figures/**/*.png")}
    assert (folder / "smoke.yaml").read_bytes() == scratch.path(SMOKE).read_bytes()
    assert (folder / "notes.md").read_text() == "by hand"
    # the commands of the page, in the folder of the copy
    check, compare = re.findall(r"```sh\n(.*?)```", (folder / "README.md").read_text(), re.S)
    check = check.removeprefix("make smoke\n")
    compare = compare.replace("python", f'"{sys.executable}"', 1)
    for command in (check, compare):
        subprocess.run(command, shell=True, check=True, cwd=scratch.folder, env=scratch.environment)
    (folder / "setup.py").touch()
    line = last_line(scratch, "snapshot", "EXPERIMENT=smoke")
    sentence = (
        "docs/reproduction/smoke has setup.py, which no snapshot has: name a folder that is for the"
        " snapshot alone"
    )
    assert ends_with(sentence, line)
