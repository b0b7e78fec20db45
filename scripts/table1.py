"""Table 1: errors and average minimum distortion of each model."""

from intriguing.artifacts.files import read_json, read_table
from intriguing.job import job
from intriguing.report import cells as tables
from intriguing.report import formats as report
from intriguing.report import published

with job(snakemake.log[0]):
    runs = {
        model: [read_json(f"{folder}/metrics.json") for folder in folders]
        for model, folders in snakemake.params.folders.items()
    }
    table = tables.table1(
        snakemake.params.models,
        runs,
        read_table(snakemake.input.attacks),
        published.read(snakemake.input.published),
        snakemake.params.attack,
    )
    caption = tables.caption(**snakemake.params.basis)
    report.write_formats(table, [tables.table1_layout(table)], caption, snakemake.output)
