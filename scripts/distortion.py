"""Distortion by attack: every attack of the experiment side by side."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import basis, distortion, formats

with job(snakemake):
    table = distortion.tidy(
        snakemake.params.models, read_table(snakemake.input.attacks), snakemake.params.attacks
    )
    caption = distortion.caption(snakemake.params.dataset, table)
    layouts, notes = {"": distortion.layout(table)}, basis.warnings(table)
    formats.write(table, layouts, caption, snakemake.output, notes=notes)
