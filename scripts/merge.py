"""The adversarial set of one model, joined from its shards, and a line about it."""

from intriguing.artifacts import adversarial
from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_table
from intriguing.artifacts.sample import sample_of
from intriguing.job import job

with job(snakemake):
    data, entry = open_dataset(snakemake.input.data), snakemake.params.attack
    adversarial.join(snakemake.input.shards, snakemake.output.examples)
    line = adversarial.summary(snakemake.output.examples, sample_of(data, entry).indices)
    for column, value in snakemake.params.columns.items():
        line.insert(0, column, value)
    write_table(snakemake.output.summary, line)
