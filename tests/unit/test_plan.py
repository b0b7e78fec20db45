"""The dry run of Snakemake 9 on one screen."""

import io

from repository import ROOT

from intriguing.experiment import plan

DRY_RUN = """\
warning: config/experiments/own.yaml is empty: copy another into it (not part of this run)
Building DAG of jobs...
Job stats:
job                count
---------------  -------
data                   1
table1                 1
train                 12
attack                 3
table2                 1
digits                 1
total                 19


[Thu Nov 26 20:04:12 2026]
Job 1: data of digits
Reason: Missing output files: results/digits/data/dataset.safetensors
Job stats:
job                count
---------------  -------
data                   1
total                 19

Reasons:
    (check individual jobs above for details)
    input files updated by another job:
        attack, digits, table1, table2, train
    output files have to be generated:
        data, table1
    params have changed since last execution:
        train
    something of a later Snakemake:
        attack
This was a dry-run (flag -n). The order of jobs does not reflect the order of execution.
"""
STAGES = {"data": "data", "train": "train", "attack": "attack", "table1": "report"}
STAGES["table2"] = "report"


def test_each_stage_has_its_jobs_and_reasons():
    assert plan.summary(DRY_RUN, STAGES).splitlines() == [
        "stage       jobs  why",
        "data           1  not built yet",
        "train         12  settings or code changed",
        "attack         3  something of a later Snakemake",
        "report         2  1 not built yet; 1 an input is built again",
        "all           18",
    ]


def test_nothing_to_do_and_nothing_at_all():
    done = "Building DAG of jobs...\nNothing to be done (all requested files are present).\n"
    assert plan.summary(done, STAGES) == "nothing to do: everything is up to date"
    assert plan.summary("MissingRuleException:\nNo rule to produce x\n", STAGES) == ""


def test_rules_belong_to_the_stage_of_their_file():
    stages = plan.stages(ROOT / "workflow" / "rules")
    assert stages["attack_shard"] == "attack" and stages["certify"] == "lipschitz"
    # made with `use rule … as`
    assert stages["transfer_table"] == stages["page"] == "report"


def test_as_make_calls_it(monkeypatch, capsys):
    rules = str(ROOT / "workflow" / "rules")
    monkeypatch.setattr("sys.stdin", io.StringIO(DRY_RUN))
    assert plan.main([rules]) == 0
    first, *table = capsys.readouterr().out.splitlines()
    assert first.startswith("warning: config/experiments/own.yaml") and len(table) == 6
    # what is not a plan is passed on
    monkeypatch.setattr("sys.stdin", io.StringIO("No rule to produce x\n"))
    assert plan.main([rules]) == 1
    assert capsys.readouterr().out == "No rule to produce x\n"
