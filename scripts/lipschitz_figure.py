"""Figure of Table 5: interval and other methods for every layer."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import layers_figure as bound_figures

with job(snakemake.log[0]):
    bound_figures.layers(read_table(snakemake.input.table), snakemake.output[0])
