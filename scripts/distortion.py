"""Distortion by attack: every attack of the experiment side by side."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import cells as tables
from intriguing.report import formats as report

with job(snakemake.log[0]):
    table = tables.distortion(
        snakemake.params.models, read_table(snakemake.input.attacks), snakemake.params.attacks
    )
    layout = tables.distortion_layout(table)
    caption = tables.distortion_caption(snakemake.params.dataset, table)
    report.write_formats(table, [layout], caption, snakemake.output)
