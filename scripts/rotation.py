"""Measures of the units as they are turned into random directions, as a figure."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import rotation

with job(snakemake):
    files = snakemake.params.files
    rows = {name: [read_table(path) for path in paths] for name, paths in files.items()}
    rotation.draw(snakemake.params.labels, rows, snakemake.output)
