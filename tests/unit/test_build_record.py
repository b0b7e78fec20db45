"""The record of a build: what its logs say, and nothing of who built it."""

import getpass
import json
import os
import re
import socket

import psutil
import pytest

from intriguing.report import build_record

NOW = "2026-01-02 03:04:05,678 "
FULL = "done: 2.5 s of processor time, at most 300 MiB of memory, 4.0 s in all"
EARLIER = "done: 1.5 s of processor time, at most 500 MiB of memory"


@pytest.fixture
def logs(tmp_path):
    texts = {
        "full": f"{NOW}100 images\n{NOW}{FULL}\n",
        "earlier": f"{NOW}{EARLIER}\n",
        "failed": f"{NOW}100 images\nerror: no space\n",
        # of a message that is no note of needs
        "damaged": f"{NOW}done: a lot\n\udcff",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.log").write_bytes(text.encode(errors="surrogateescape"))
    return lambda *names: [tmp_path / f"{name}.log" for name in names]


def test_needs_are_added_up(logs):
    assert build_record.needs_by_rule({"train": logs("full", "full")}) == {
        "train": {
            "jobs": 2,
            "timed": 2,
            "processor_seconds": 5.0,
            "wall_seconds": 8.0,
            "peak_memory_mib": 300,
        }
    }


def test_of_how_many_jobs_the_needs_are_known(logs):
    found = build_record.needs_of_jobs(logs("full", "earlier", "failed", "damaged", "missing"))
    assert (found["jobs"], found["timed"]) == (5, 2)
    assert (found["processor_seconds"], found["peak_memory_mib"]) == (4.0, 500)
    # the sum of one of two would look like that of both
    assert found["wall_seconds"] is None
    unknown = build_record.needs_of_jobs(logs("failed", "missing"))
    assert unknown.pop("jobs") == 2 and unknown.pop("timed") == 0
    assert set(unknown.values()) == {None}


def test_the_machine_without_its_name_or_its_user():
    facts = build_record.machine()
    assert facts["cores"] == psutil.cpu_count() >= 1 and facts["memory_gib"] > 0.1
    assert facts["processor"] and facts["system"].startswith(os.uname().sysname)
    text = json.dumps([facts, build_record.versions()])
    for private in (socket.gethostname(), getpass.getuser(), os.getcwd(), "/"):
        assert not re.search(rf"(?<!\w){re.escape(private)}(?!\w)", text)


def test_models_trained_on_different_machines(tmp_path):
    for number, processor in enumerate(["one", "other", "one"]):
        (tmp_path / f"{number}").mkdir()
        text = json.dumps({"processor": processor, "torch": "2.13.0"})
        (tmp_path / f"{number}" / "machine.json").write_text(text)
    (tmp_path / "without").mkdir()
    assert build_record.machines_of(sorted(tmp_path.iterdir())) == [
        {"processor": "one", "torch": "2.13.0", "models": 2},
        {"processor": "other", "torch": "2.13.0", "models": 1},
    ]
