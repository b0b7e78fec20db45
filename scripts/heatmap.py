"""Figure of the transfer matrix."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import heatmap

with job(snakemake):
    heatmap.draw(read_table(snakemake.input.table), snakemake.output)
