"""Seconds that the jobs of a built experiment took, by rule, from Snakemake's own records.

snakemake digits --cores 1 --forceall && python benchmarks/job_seconds.py --experiment digits
"""

import argparse
import collections
import json
import statistics
from pathlib import Path


def jobs_of(folder, experiment):
    """(rule, seconds) of each job whose log lies under the experiment's results."""
    jobs = {}
    for path in (folder / ".snakemake" / "metadata").rglob("*"):
        if not path.is_file():
            continue
        record = json.loads(path.read_text())
        logs = tuple(record.get("log") or ())
        if logs and logs[0].startswith(f"results/{experiment}/"):
            # one record for each output of a job
            jobs[logs] = (record["rule"], record["endtime"] - record["starttime"])
    return list(jobs.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiment", default="digits")
    parser.add_argument("--folder", type=Path, default=Path(), help="the checkout")
    arguments = parser.parse_args()
    by_rule = collections.defaultdict(list)
    for rule, seconds in jobs_of(arguments.folder, arguments.experiment):
        by_rule[rule].append(seconds)
    print("rule", "jobs", "seconds", "median", sep="\t")
    for rule, seconds in sorted(by_rule.items(), key=lambda item: -sum(item[1])):
        row = (rule, len(seconds), f"{sum(seconds):.1f}", f"{statistics.median(seconds):.2f}")
        print(*row, sep="\t")
    everything = [seconds for values in by_rule.values() for seconds in values]
    print("total", len(everything), f"{sum(everything):.1f}", sep="\t")


if __name__ == "__main__":
    main()
