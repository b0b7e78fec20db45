"""Figure of Table 5: interval and other methods for every layer."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import layers_figure

with job(snakemake):
    layers_figure.draw(read_table(snakemake.input.table), snakemake.output)
