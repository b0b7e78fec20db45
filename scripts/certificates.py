"""Certified distortion and that of examples and noise, for every model and attack."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import certificates, formats

with job(snakemake):
    table = certificates.tidy(
        snakemake.params.models, read_table(snakemake.input.lines), snakemake.params.attacks
    )
    formats.write(table, [certificates.layout(table)], certificates.CAPTION, snakemake.output)
