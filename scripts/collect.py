"""Put the rows of many jobs under each other."""

import pandas

from intriguing.artifacts.files import read_table, write_table
from intriguing.job import job

with job(snakemake):
    write_table(snakemake.output[0], pandas.concat(map(read_table, snakemake.input)))
