"""Faults at random moments of a rebuild, each followed by plain reruns: do the bytes come back?

Copies the checkout with the results of one built experiment to a temporary folder, removes some of
them, so that there is work to do, and lets a fault happen. Then Snakemake runs again until it
succeeds, as a user would do, who does what its message says (``--unlock``) and nothing else. The
digests of the manifest then have to be those of the undisturbed build.

    snakemake small --config experiments=benchmarks && python benchmarks/faults.py --count 200
    python benchmarks/faults.py --experiment smoke --experiments config/experiments
"""

import argparse
import collections
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reruns import ROOT, copied

RUNS = 6
DAY = 86400


class Build:
    """A copy of the built checkout in which faults happen."""

    def __init__(self, folder, arguments, drawn):
        self.folder, self.drawn = folder, drawn
        self.results = folder / "results" / arguments.experiment
        experiments = (ROOT / arguments.experiments).resolve()
        self.target = (arguments.experiment, "--config", f"experiments={experiments}")

    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *(arguments or self.target)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder / "src")},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, *arguments):
        """Exit status and output."""
        process = self.start(*arguments)
        output, _ = process.communicate()
        return process.returncode, output

    def artifacts(self):
        """Files that a job wrote, in random order."""
        lines = (self.results / "SHA256SUMS").read_text().splitlines()
        files = [self.results / line.partition("  ")[2] for line in lines]
        there = [path for path in files if path.exists()]
        return self.drawn.sample(there, len(there))

    def remove(self, number):
        """Outputs that are gone; folders that are one output go as a whole."""
        for path in self.artifacts()[:number]:
            folder = path.parent
            if folder.parent.parent.name == "models":
                shutil.rmtree(folder, ignore_errors=True)  # with another of its files
            else:
                path.unlink()

    def jobs(self):
        """Process numbers of the jobs that are running now."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                words = (path / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(w.startswith(f"{self.folder}/.snakemake/scripts".encode()) for w in words):
                found.append(int(path.name))
        return sorted(found)


def killed(build, *, head, worker):
    """Kill the process of Snakemake, of a job, or both, at a random moment."""
    build.remove(build.drawn.randint(2, 8))
    process = build.start()
    deadline = time.monotonic() + build.drawn.uniform(2, 15)
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    victims = [process.pid] if head else []
    if worker:
        while process.poll() is None and not build.jobs():
            time.sleep(0.02)
        victims += build.jobs()[: None if head else 1]
    for victim in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    process.communicate()


def truncated(build):
    """A file that ends too early."""
    path = build.artifacts()[0]
    os.truncate(path, build.drawn.randint(0, max(path.stat().st_size - 1, 0)))
    build.remove(build.drawn.randint(1, 4))


def flipped(build):
    """Bits that changed in a file."""
    path = next(path for path in build.artifacts() if path.stat().st_size)
    content = bytearray(path.read_bytes())
    for _ in range(build.drawn.choice([1, 1, 8])):
        content[build.drawn.randrange(len(content))] ^= 1 << build.drawn.randrange(8)
    path.write_bytes(content)
    build.remove(build.drawn.randint(1, 4))


def flipped_in_secret(build):
    """The same with the time of the file as it was, as a disk does it."""
    path = next(path for path in build.artifacts() if path.stat().st_size)
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[build.drawn.randrange(len(content))] ^= 1 << build.drawn.randrange(8)
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    # what reads it has to run
    (build.results / "SHA256SUMS").unlink()


def foreign(build):
    """A file that something else was written into."""
    build.artifacts()[0].write_bytes(build.drawn.randbytes(build.drawn.randint(0, 5000)))
    build.remove(build.drawn.randint(1, 4))


def no_metadata(build):
    """Snakemake's records are gone."""
    shutil.rmtree(build.folder / ".snakemake")
    build.remove(build.drawn.randint(1, 4))


def no_digests(build):
    """Our own are gone, all or some."""
    records = sorted((build.results / "digests").rglob("*.sha256"))
    for path in build.drawn.sample(records, build.drawn.randint(1, len(records))):
        path.unlink()
    build.remove(build.drawn.randint(1, 4))


def clocks(build):
    """Files from the past or the future."""
    for path in build.artifacts()[: build.drawn.randint(1, 10)]:
        moved = time.time() + build.drawn.choice([-30 * DAY, -60, 60, 30 * DAY])
        os.utime(path, (moved, moved))
    build.remove(build.drawn.randint(0, 2))


def removed(build):
    """Files are gone, others came."""
    build.remove(build.drawn.randint(5, 30))
    for path in build.artifacts()[:3]:
        path.with_name(f".{path.name}.partial-1").write_text("left by a killed job")


def run_without_traceback(build):
    """A run in the middle of the fault, which may fail, by a sentence."""
    _, output = build.run()
    # Snakemake itself may have no space for its records, or cannot make the folder of an output
    if "Traceback" in output and "Errno 28" not in output and "Errno 30" not in output:
        raise RuntimeError(output)


def mounted(build, options):
    """Results on a disk of their own."""
    elsewhere = build.folder / "elsewhere"
    shutil.move(build.results, elsewhere)
    build.results.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", build.results], check=True)
    shutil.copytree(elsewhere, build.results, dirs_exist_ok=True)
    shutil.rmtree(elsewhere)


def full_disk(build):
    """No space is left in the middle of a run; then there is."""
    build.remove(build.drawn.randint(3, 12))
    used = sum(path.stat().st_size for path in build.results.rglob("*") if path.is_file())
    mounted(build, f"size={2 * used + (8 << 20)}")
    free = shutil.disk_usage(build.results).free
    filler = build.results / "logs" / "filler"
    filler.write_bytes(bytes(max(free - build.drawn.randint(0, 60_000), 0)))
    run_without_traceback(build)
    filler.unlink()


def read_only(build):
    """A folder that cannot be written; then it can."""
    build.remove(build.drawn.randint(3, 12))
    folder = build.results / build.drawn.choice(["tables", "models", "adversarial", "digests"])
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
    run_without_traceback(build)
    subprocess.run(["umount", folder], check=True)


FAULTS = {
    "kill -9 of the head": lambda build: killed(build, head=True, worker=False),
    "kill -9 of a job": lambda build: killed(build, head=False, worker=True),
    "kill -9 of both": lambda build: killed(build, head=True, worker=True),
    "a truncated file": truncated,
    "flipped bits": flipped,
    "flipped bits, old time": flipped_in_secret,
    "foreign content": foreign,
    "no Snakemake metadata": no_metadata,
    "no digests": no_digests,
    "moved clocks": clocks,
    "removed and partial files": removed,
    "a full disk": full_disk,
    "a read-only folder": read_only,
}


def recovered(build, manifest):
    """Plain reruns until one succeeds: what a user sees, in a word."""
    words = []
    for _ in range(RUNS):
        status, output = build.run()
        if "Traceback" in output:
            return f"TRACEBACK\n{output}"
        if status == 0:
            break
        if "--unlock" in output:
            words.append("unlock")
            build.run("--unlock")
        elif "error: " in output:
            words.append("a sentence")
        else:
            words.append("a rerun")
    else:
        return f"NOT RECOVERED\n{output}"
    if (build.results / "SHA256SUMS").read_text() != manifest:
        return "OTHER BYTES"
    return ", ".join(dict.fromkeys(words)) or "at once"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiment", default="small")
    parser.add_argument("--experiments", default="benchmarks", help="folder of its file")
    parser.add_argument("--count", type=int, default=26)
    parser.add_argument("--first", type=int, default=0, help="seed of the first fault")
    parser.add_argument("--faults", nargs="*", default=list(FAULTS), help="their names")
    arguments = parser.parse_args()
    outcomes = collections.defaultdict(collections.Counter)
    wrong = []
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(arguments.first, arguments.first + arguments.count):
            name = arguments.faults[seed % len(arguments.faults)]
            folder = copied(arguments.experiment, Path(temporary).resolve() / f"copy{seed}")
            build = Build(folder, arguments, random.Random(seed))
            manifest = (build.results / "SHA256SUMS").read_text()
            FAULTS[name](build)
            outcome = recovered(build, manifest)
            first = outcome.partition("\n")[0]
            outcomes[name][first] += 1
            if first.isupper():
                wrong.append(f"seed {seed}, {name}: {outcome}")
            print(f"{seed}\t{name}\t{first}", flush=True)
            subprocess.run(["umount", build.results], capture_output=True)
            shutil.rmtree(folder)
    print("\nfault", "number", "then the same bytes", sep="\t")
    for name, counted in outcomes.items():
        ways = "; ".join(f"{number} {way}" for way, number in counted.most_common())
        print(name, sum(counted.values()), ways, sep="\t")
    print(f"{sum(sum(c.values()) for c in outcomes.values())} faults, {len(wrong)} wrong")
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()
