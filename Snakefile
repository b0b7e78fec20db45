# Intriguing properties of neural networks: configuration, stages, one target per experiment.
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/experiment.smk"
include: "workflow/rules/paths.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/attack.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/lipschitz.smk"
include: "workflow/rules/report.smk"


for name in experiment_names():
    if name in {rule.name for rule in workflow.rules}:
        raise WorkflowError(
            f"{name}.yaml: a rule is called {name} already: rename the file"
        )

    rule:
        name:
            name
        default_target: name == "digits"
        input:
            lambda wildcards, name=name: everything(look_up(name)),
        localrule: True
        message:
            f"{name}: every table and figure is in {PAGE.format(experiment=name)}"
