"""Certified against found distortion, for every model and attack."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import formats as report
from intriguing.report import table5 as bound_tables

with job(snakemake.log[0]):
    table = bound_tables.certificates(
        snakemake.params.models, read_table(snakemake.input.lines), snakemake.params.attacks
    )
    report.write_formats(
        table,
        [bound_tables.certificates_layout(table)],
        bound_tables.CERTIFICATES_CAPTION,
        snakemake.output,
    )
