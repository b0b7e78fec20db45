import fcntl
import logging
import os
import platform
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from types import SimpleNamespace

import pandas
import pytest
import torch
from snakemake.exceptions import LockException
from torch import nn

from intriguing.errors import DataError, ModelError
from intriguing.job import LAST_LINE, explain_lock, job, stop, stop_after_failed_jobs
from intriguing.progress import Progress
from intriguing.transfer import error_matrix


@pytest.fixture(autouse=True)
def root_logger():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(False)
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def started(folder, outputs=(), inputs=()):
    """What Snakemake gives the script of a job of the experiment x."""
    log = folder / "results" / "x" / "logs" / "job.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    return SimpleNamespace(
        log=[str(log)],
        input=list(map(str, inputs)),
        output=list(map(str, outputs)),
        wildcards=SimpleNamespace(experiment="x"),
    )


def test_an_error_is_the_last_line_of_the_log(tmp_path):
    task = started(tmp_path)
    log = Path(task.log[0])
    with pytest.raises(SystemExit) as caught, job(task):
        logging.getLogger("x").info("working")
        raise DataError("the file is gone: put it back")
    assert caught.value.code == 1
    lines = log.read_text().splitlines()
    assert "working" in lines[0]
    assert lines[-1] == "error: the file is gone: put it back"
    assert len(lines) == 2


def test_when_the_log_cannot_be_written_the_error_goes_to_the_terminal(tmp_path, capsys):
    task = started(tmp_path)
    Path(task.log[0]).symlink_to("/dev/full")
    with pytest.raises(SystemExit) as caught, job(task):
        raise DataError("the disk is full: free some space")
    assert caught.value.code == 1
    assert "error: the disk is full: free some space" in capsys.readouterr().err


def test_a_bug_leaves_its_traceback(tmp_path):
    task = started(tmp_path)
    with pytest.raises(SystemExit), job(task):
        raise ZeroDivisionError
    lines = Path(task.log[0]).read_text().splitlines()
    assert lines[0].startswith("Traceback") and lines[-2] == "ZeroDivisionError"
    assert lines[-1].startswith("error: internal error (a bug in this workflow)")


def test_progress_writes_plain_lines_to_a_log(caplog):
    with (
        caplog.at_level(logging.INFO),
        Progress("attacking", 10, "images", every=0.0) as progress,
    ):
        progress.advance(4, objective=0.5)
        progress.advance(6)
    assert "attacking: 4 of at most 10 images" in caplog.text
    assert "objective 0.5" in caplog.text and "per second" in caplog.text
    assert "attacking: 10 of at most 10 images" in caplog.text
    assert "\r" not in caplog.text


def test_progress_draws_a_bar_on_a_terminal():
    code = (
        "import time\nfrom intriguing.progress import Progress\n"
        "with Progress('attacking', 40, 'images') as p:\n"
        "    for _ in range(4):\n        time.sleep(0.15)\n        p.advance(10)\n"
    )
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    subprocess.run([sys.executable, "-c", code], stderr=slave, check=True)
    os.set_blocking(master, False)
    shown = os.read(master, 100_000).decode()
    os.close(slave)
    os.close(master)
    assert "attacking:" in shown and "/40" in shown and "images/s" in shown


def test_error_matrix_counts_errors():
    class Constant(nn.Module):
        def __init__(self, label):
            super().__init__()
            self.label = label

        def forward(self, images):
            logits = torch.zeros(len(images), 3)
            logits[:, self.label] = 1
            return logits

    labels = torch.tensor([0] * 5 + [1] * 3 + [2] * 2)
    images = torch.zeros(10, 1, 2, 2)
    models = {"zero": Constant(0), "one": Constant(1)}
    frame = error_matrix(models, {"x": (images, labels), "y": (images[:5], labels[:5])})
    found = frame.set_index(["input", "target"])
    assert found.loc[("x", "zero"), "errors"] == 5
    assert found.loc[("x", "one"), "error_percent"] == 70
    assert found.loc[("y", "zero"), "errors"] == 0
    assert found.loc[("y", "one"), "n"] == 5
    assert isinstance(frame, pandas.DataFrame) and len(frame) == 4
    with pytest.raises(ModelError, match="NaN"):
        error_matrix({"bad": nn.Threshold(9, torch.nan)}, {"x": (images.flatten(1), labels)})


def test_the_sentences_of_failed_jobs_come_last(tmp_path, monkeypatch):
    monkeypatch.delenv(LAST_LINE, raising=False)
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("Error in rule data:\nerror: a is wrong: fix it\nerror: b\n")
    second.write_text("error: a is wrong: fix it\nan error: c\n")
    assert ending(first, second) == ["error: a is wrong: fix it", "error: b"]
    assert ending(str(first))[-1] == "error: b"
    first.write_text("Error in rule data:\n")
    assert ending(first) == [
        "error: a job failed without a sentence, killed perhaps: its log is named above"
    ]
    second.write_text("error: b\nTerminating processes on user request, this might take\n")
    assert ending(second) == ["error: interrupted: the same command continues from here"]


def ending(*logs):
    """The lines after that which names the logs."""
    with pytest.raises(SystemExit) as caught:
        stop_after_failed_jobs(logs[0] if isinstance(logs[0], str) else list(map(str, logs)))
    named, *lines = caught.value.code.splitlines()
    assert named.startswith("the log of this run is ") and named.count(str(Path(logs[0]).name)) == 1
    return lines


def test_the_last_sentence_is_left_to_make(tmp_path, monkeypatch):
    monkeypatch.setenv(LAST_LINE, str(tmp_path / "last"))
    with pytest.raises(SystemExit) as caught:
        stop("error: a", "error: b is wrong: fix it")
    assert caught.value.code == "error: a"
    assert (tmp_path / "last").read_text() == "b is wrong: fix it\n"
    with pytest.raises(SystemExit) as caught:
        stop("error: a")
    assert caught.value.code == 1
    # where it cannot be left, it is shown
    monkeypatch.setenv(LAST_LINE, str(tmp_path / "nowhere" / "last"))
    with pytest.raises(SystemExit) as caught:
        stop("error: a")
    assert caught.value.code == "error: a"


def test_a_lock_is_explained_to_make(tmp_path, monkeypatch):
    monkeypatch.setenv(LAST_LINE, str(tmp_path / "last"))
    said = logging.LogRecord("snakemake", logging.ERROR, "", 0, "Building DAG of jobs...", (), None)
    assert explain_lock(said) and not (tmp_path / "last").exists()
    said.msg = f"{LockException.__name__}:\n{LockException()}"
    assert explain_lock(said)
    assert (tmp_path / "last").read_text().startswith("another build runs in this folder: wait for")


ALLOCATE = """
import resource, sys
from intriguing.job import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def step():
    blocks = [b"1" * (10 * 2**20) for _ in range(4)]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_a_job_uses_freed_memory_again():
    faults = {}
    for case in ("default", "kept"):
        command = [sys.executable, "-c", ALLOCATE, case]
        faults[case] = int(subprocess.run(command, capture_output=True, check=True).stdout)
    # 5 times 40 MB in pages of 4 kB are 51 200
    assert faults["kept"] < 1000
    assert faults["kept"] < faults["default"]
