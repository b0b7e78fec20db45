"""Figure of Table 5: interval and other methods for every layer."""

from intriguing import bound_figures
from intriguing.artifacts import read_table
from intriguing.job import job

with job(snakemake.log[0]):
    bound_figures.layers(read_table(snakemake.input.table), snakemake.output[0])
