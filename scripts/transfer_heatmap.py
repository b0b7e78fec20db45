"""Figure of the transfer matrix."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import canvas as figures

with job(snakemake.log[0]):
    figures.transfer_heatmap(read_table(snakemake.input.table), snakemake.output[0])
