"""Certified distortion and that of examples and noise, for every model and attack."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import certificates, formats

with job(snakemake):
    table = certificates.tidy(
        snakemake.params.models, read_table(snakemake.input.lines), snakemake.params.attacks
    )
    layouts, caption = {"": certificates.layout(table)}, certificates.caption(table)
    formats.write(table, layouts, caption, snakemake.output)
