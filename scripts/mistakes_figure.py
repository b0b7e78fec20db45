"""Figure of how examples transfer."""

from intriguing.artifacts.files import read_table
from intriguing.job import job
from intriguing.report import mistakes_figure

with job(snakemake):
    mistakes_figure.draw(read_table(snakemake.input.table), snakemake.output)
