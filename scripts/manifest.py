"""The digests of an experiment's tables, figures and numbers."""

from pathlib import Path

from intriguing.artifacts.digests import forget_missing, sums
from intriguing.artifacts.files import write_text
from intriguing.job import job

with job(snakemake):
    results = Path(snakemake.output[0]).parent
    write_text(snakemake.output[0], sums(results, snakemake.input))
    forget_missing(results)
