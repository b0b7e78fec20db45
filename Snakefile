# Intriguing properties of neural networks: configuration, stages, one target per experiment.
from snakemake.utils import min_version

from intriguing.job import stop_after_failed_jobs

min_version("9.0")


report: "workflow/report/workflow.rst"


include: "workflow/rules/experiment.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/attack.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/lipschitz.smk"
include: "workflow/rules/units.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/report.smk"


# the sentences of the jobs that failed once more, at the end, where they are seen
onerror:
    stop_after_failed_jobs(log)


for name in experiment_names():
    if name in {rule.name for rule in workflow.rules}:
        warn(f"an experiment cannot be called {name}: rename its file")
        continue
    # outside the f-string, in which snakefmt and Python 3.12 see an assignment
    page_of_name = paths.PAGE.format(experiment=name)

    rule:
        name:
            name
        default_target: name == "digits"
        input:
            lambda wildcards, name=name: paths.everything(look_up(name)),
        localrule: True
        message:
            f"{name}: every table and figure is in {page_of_name}"
