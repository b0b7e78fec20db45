"""Adversarial and contractive training: errors, distortions and constants of every model."""

from intriguing.artifacts import bounds
from intriguing.artifacts.files import read_json, read_table
from intriguing.job import job
from intriguing.report import cures, formats

with job(snakemake):
    params = snakemake.params
    metrics = {
        model: [read_json(f"{folder}/metrics.json") for folder in folders]
        for model, folders in params.folders.items()
    }
    constants = {
        model: [bounds.read(path)[0] for path in paths] for model, paths in params.bounds.items()
    }
    table = cures.tidy(
        params.models,
        metrics,
        constants,
        read_table(snakemake.input.attacks),
        read_table(snakemake.input.transfer),
    )
    formats.write(table, {"": cures.layout(table)}, cures.caption(table), snakemake.output)
