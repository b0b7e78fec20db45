"""Through a real SLURM: the same bytes, and what becomes of jobs that die."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
import yaml
from repository import ROOT

PROFILE = ("--workflow-profile", "profiles/slurm", "--latency-wait", 10)
# a network whose construction does what its option says, the first time
NETWORKS = """
import os, pathlib, signal, time
import torch


def build(input_shape, classes, *, behaviour):
    marker = pathlib.Path(f"{behaviour}.started")
    if behaviour != "good" and not marker.exists():
        marker.touch()
        if behaviour == "killed":  # as the kernel kills a job that is out of memory
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(600)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, classes))
"""


def answer(*command):
    return subprocess.run(command, text=True, check=True, stdout=subprocess.PIPE).stdout


def is_running():
    if not (shutil.which("sinfo") and importlib.util.find_spec("snakemake_executor_plugin_slurm")):
        return False
    return subprocess.run(["sinfo"], capture_output=True).returncode == 0


if "REQUIRE_SLURM" in os.environ:  # where it is known to be there
    assert is_running()
needs_slurm = pytest.mark.skipif(
    not is_running(), reason="no SLURM (sinfo), or its executor is not installed (make slurm)"
)


@pytest.fixture
def networks(sources):
    """A copy with an experiment of networks that behave in different ways."""
    sources.path("networks.py").write_text(NETWORKS)
    factory = {"factory": "networks:build", "weight_decay": [1e-3]}
    names = ("good", "killed", "slow")
    models = {name: {**factory, "label": name, "options": {"behaviour": name}} for name in names}
    write(sources, models, lbfgs={"count": 10})
    return sources


def write(copy, models, **attacks):
    """An experiment called jobs."""
    experiment = {
        "title": "Jobs in a queue",
        "data": {"name": "digits"},
        "training": {"lbfgs": {"iterations": 30}},
        "models": models,
        "attacks": attacks,
    }
    copy.path("config/experiments/jobs.yaml").write_text(yaml.safe_dump(experiment))


def trained(name):
    return f"results/jobs/models/{name}/seed0"


# rules whose jobs take long, or wait for what others of their kind do not need
ALONE = {"lipschitz_of_network", "certify", "units", "figure7", "manifest"}
# each network in a submission of its own
ONE_EACH = ("--group-components", "train=1")


class Run:
    """Snakemake while it runs, and its jobs in the queue."""

    def __init__(self, copy, *arguments):
        self.copy = copy
        self.log = copy.path("run.log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                copy.command(*arguments, *PROFILE, *ONE_EACH),
                cwd=copy.folder,
                env=copy.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def jobs(self, *states):
        """Ids of its jobs in these states, which SLURM keeps under the name of the run."""
        words = [line.split() for line in self.log.read_text().splitlines()]
        runs = [line[-1] for line in words if line[:3] == ["SLURM", "run", "ID:"]]
        if not runs:
            return []
        return answer("squeue", "-h", "-n", runs[0], "-t", ",".join(states), "-o", "%i").split()

    def wait_until(self, condition):
        deadline = time.monotonic() + 240
        while not condition():
            assert time.monotonic() < deadline and self.process.poll() is None, self.log.read_text()
            time.sleep(0.2)

    def wait_until_started(self, name):
        self.wait_until(self.copy.path(f"{name}.started").exists)


@needs_slurm
def test_the_same_bytes_as_without_slurm(sources):
    """What is submitted, at least once each; docs/cluster.md has the whole of digits."""
    softmax = {"label": "FC10(1e-2)", "architecture": "softmax", "weight_decay": [1e-2]}
    write(sources, {"fc10": softmax}, lbfgs={"count": 30}, nearest={"count": 30, "shards": 2})
    targets = [
        "results/jobs/tables/attacks.csv",
        "results/jobs/tables/transfer.csv",
        "results/jobs/certificates/all.csv",
        "results/jobs/figures/gallery/lbfgs",
    ]
    sources.snakemake(*targets, "--cores", 2)
    expected = bytes_of(sources.path("results/jobs"))
    assert len(expected) > 20
    shutil.rmtree(sources.path("results/jobs"))
    sources.snakemake(*targets, *PROFILE)
    assert bytes_of(sources.path("results/jobs")) == expected
    assert sources.planned(targets[0], *targets[1:]) == {}


def bytes_of(results):
    """Every file but the logs."""
    files = (path for path in results.rglob("*") if path.is_file())
    names = {path.relative_to(results): path for path in files}
    return {name: path.read_bytes() for name, path in names.items() if name.parts[0] != "logs"}


@needs_slurm
def test_a_job_that_is_killed_comes_back_with_more_memory(networks):
    run = Run(networks, trained("killed"))
    assert run.process.wait(timeout=300) == 0, run.log.read_text()
    requests = [
        answer("squeue", "-h", "-j", job, "-t", "all", "-o", "%m") for job in run.jobs("all")
    ]
    first, second = sorted(int(request.strip().removesuffix("M")) for request in requests)
    assert second == 2 * first
    assert networks.path(trained("killed")).is_dir()


@needs_slurm
def test_a_cancelled_job_leaves_the_rest(networks):
    run = Run(networks, trained("slow"), trained("good"), "--retries", 0)
    run.wait_until_started("slow")
    run.wait_until(lambda: networks.path(trained("good")).is_dir())
    run.wait_until(lambda: len(run.jobs("running")) == 1)
    subprocess.run(["scancel", *run.jobs("running")], check=True)
    assert run.process.wait(timeout=240) != 0
    assert "CANCELLED" in run.log.read_text()
    assert not networks.path(trained("slow")).exists()
    # what is finished stays, and the next run does the rest
    assert networks.planned(trained("slow"), trained("good")) == {"train": 1}
    networks.snakemake(trained("slow"), trained("good"), *PROFILE)


@needs_slurm
def test_nothing_is_left_after_an_interrupt(networks):
    run = Run(networks, trained("slow"))
    run.wait_until_started("slow")
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(timeout=240) != 0
    deadline = time.monotonic() + 30
    while run.jobs("pending", "running", "completing"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    # neither a lock nor half a model is in the way of the next run
    networks.snakemake(trained("slow"), *PROFILE)


def test_the_profile_names_rules_that_there_are(sources):
    """Without SLURM, too: each rule is in a group, alone since it takes long, or made locally."""
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    groups = profile["groups"]
    assert set(groups.values()) == set(profile["group-components"])
    texts = [path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk")]
    rules = {
        name
        for text in texts
        for name in re.findall(r"^(?:use )?rule (?:\w+ as )?(\w+)", text, re.M)
    }
    listed = [
        block
        for text in texts
        for block in re.findall(r"^localrules:\n((?: +\w+,\n)+)", text, re.M)
    ]
    local = {name for block in listed for name in re.findall(r"\w+", block)}
    local |= {
        name
        for text in texts
        for name, body in re.findall(r"^rule (\w+):\n((?: .*\n|\n)+)", text, re.M)
        if "localrule: True" in body
    }
    assert set(groups) | local | ALONE == rules
    assert len(groups) + len(local) + len(ALONE) == len(rules)  # each in one
