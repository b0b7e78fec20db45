"""The digests of an experiment's tables, figures and numbers."""

from pathlib import Path

from intriguing.artifacts.digests import write_manifest
from intriguing.job import job

with job(snakemake):
    path = snakemake.output[0]
    write_manifest(path, Path(path).parent, snakemake.input)
