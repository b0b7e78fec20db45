"""The verdict on every claim of the paper, from the tables alone."""

from pathlib import Path

from intriguing.artifacts.files import read_table, write_table
from intriguing.claims import verdicts
from intriguing.job import job
from intriguing.report import claims, formats

with job(snakemake):
    tables = {Path(path).stem: read_table(path) for path in snakemake.input}
    table = verdicts.evaluate(tables)
    formats.write(table, {"": claims.layout(table)}, claims.CAPTION, snakemake.output)
    write_table(snakemake.output.cases, verdicts.cases(tables))
