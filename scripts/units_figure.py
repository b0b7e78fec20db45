"""Purities of units, directions and controls, as a figure."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import units_figure

with job(snakemake):
    files = snakemake.params.files
    rows = {name: [read_table(path) for path in paths] for name, paths in files.items()}
    units_figure.draw(snakemake.params.labels, rows, snakemake.output)
