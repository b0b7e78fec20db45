"""Join the shards of an adversarial set, and write a line about it."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_table
from intriguing.attacks import AdversarialSet
from intriguing.job import job
from intriguing.stages import attack, sample

with job(snakemake.log[0]):
    data, entry = open_dataset(snakemake.input.data), snakemake.params.attack
    made = AdversarialSet.join([AdversarialSet.load(path) for path in snakemake.input.shards])
    made.save(snakemake.output.examples)
    line = attack.summary(made, sample.sample_of(data, entry).indices)
    for column, value in snakemake.params.columns.items():
        line.insert(0, column, value)
    write_table(snakemake.output.summary, line)
