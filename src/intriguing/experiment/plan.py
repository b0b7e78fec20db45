"""What a build would do, on one screen: ``make plan NAME=digits``.

    snakemake -n digits | python -m intriguing.experiment.plan workflow/rules

Reads the dry run from standard input and the rules of each stage from a folder of ``.smk`` files.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

_RULE = re.compile(r"^(?:rule|use rule \w+ as) (\w+)\b", re.MULTILINE)
# Snakemake's reasons, the most telling first, and how they are shown
_REASONS = {
    "forced": "asked for",
    "incomplete output files": "interrupted",
    "output files have to be generated": "not built yet",
    "params have changed since last execution": "settings or code changed",
    "set of input files has changed since last execution": "other inputs",
    "updated input files": "an input changed",
    "input files updated by another job": "an input is built again",
}
# says nothing of a job that has another reason
_FOLLOWS = "input files updated by another job"


def stages(folder: Path) -> dict[str, str]:
    """The stage of each rule: the name of the ``.smk`` file in which it is."""
    return {
        rule: path.stem
        for path in sorted(folder.glob("*.smk"))
        for rule in _RULE.findall(path.read_text(encoding="utf-8"))
    }


def summary(dry_run: str, stage_of: Mapping[str, str]) -> str:
    """Number of jobs of each stage, and why they are needed.

    Parameters
    ----------
    dry_run : str
        What ``snakemake -n`` printed.
    stage_of : mapping of str to str
        The stage of each rule; other rules only name a target.

    Returns
    -------
    str
        A table; empty if this is not a dry run that succeeded.
    """
    if "Nothing to be done" in dry_run:
        return "nothing to do: everything is up to date"
    reasons = _reasons(dry_run)
    why: dict[str, Counter[str]] = {}
    for rule, number in _jobs(dry_run).items():
        if rule in stage_of:
            counts = why.pop(stage_of[rule], Counter())  # in the order in which stages end
            counts[_shown(reasons.get(rule, set()))] += number
            why[stage_of[rule]] = counts
    rows = [(stage, counts.total(), _words(counts)) for stage, counts in why.items()]
    if not rows:
        return ""
    total = sum(number for _, number, _ in rows)
    lines = [("stage", "jobs", "why"), *rows, ("all", total, "")]
    return "\n".join(f"{stage:10}{number:>6}  {words}".rstrip() for stage, number, words in lines)


def _words(counts: Counter[str]) -> str:
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{number} {words}" for words, number in counts.most_common())


def _jobs(dry_run: str) -> dict[str, int]:
    """Number of jobs of each rule, in the order of the first table of a dry run."""
    _, _, table = dry_run.partition("Job stats:\n")
    rows = re.findall(r"^(\w+) +(\d+)$", table.partition("\n\n")[0], re.MULTILINE)
    return {rule: int(number) for rule, number in rows if rule != "total"}


def _reasons(dry_run: str) -> dict[str, set[str]]:
    """Snakemake's reasons for each rule, from the list at the end of a dry run."""
    _, _, text = dry_run.partition("\nReasons:\n")
    found: dict[str, set[str]] = {}
    for reason, rules in re.findall(r"^    (\S.*):\n        (.*)$", text, re.MULTILINE):
        for rule in rules.split(", "):
            found.setdefault(rule, set()).add(reason)
    return found


def _shown(reasons: set[str]) -> str:
    told = reasons - {_FOLLOWS} or reasons
    known = [words for reason, words in _REASONS.items() if reason in told]
    return ", ".join([*known, *sorted(told - _REASONS.keys())])


def main(arguments: Iterable[str]) -> int:
    (folder,) = arguments
    dry_run = sys.stdin.read()
    table = summary(dry_run, stages(Path(folder)))
    if not table:
        print(dry_run.rstrip())
        return 1
    warnings = [line for line in dry_run.splitlines() if line.startswith("warning: ")]
    print("\n".join([*warnings, table]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
