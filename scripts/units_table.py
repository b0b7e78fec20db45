"""Units against directions in every layer, as effects and verdicts."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import formats, units_table

with job(snakemake):
    params = snakemake.params
    rows = {name: [read_table(path) for path in files] for name, files in params.files.items()}
    table = units_table.tidy(params.labels, rows, params.margin)
    caption = units_table.caption(table, params.k, params.split, params.margin)
    formats.write(table, units_table.layouts(table), caption, snakemake.output)
