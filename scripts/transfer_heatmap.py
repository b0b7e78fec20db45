"""Figure of the transfer matrix."""

from intriguing import figures
from intriguing.artifacts import read_table
from intriguing.job import job

with job(snakemake.log[0]):
    figures.transfer_heatmap(read_table(snakemake.input.table), snakemake.output[0])
