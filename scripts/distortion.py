"""Distortion by attack: every attack of the experiment side by side."""

from intriguing import tables
from intriguing.artifacts import read_table
from intriguing.job import job
from intriguing.stages import report

with job(snakemake.log[0]):
    table = tables.distortion(
        snakemake.params.models, read_table(snakemake.input.attacks), snakemake.params.attacks
    )
    layout = tables.distortion_layout(table)
    caption = tables.distortion_caption(snakemake.params.dataset, table)
    report.write_formats(table, [layout], caption, snakemake.output)
