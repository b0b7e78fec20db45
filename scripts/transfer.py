"""Evaluate every model on one adversarial set: one row of the transfer matrix."""

from intriguing.artifacts import model
from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_table
from intriguing.attacks.adversarial_set import AdversarialSet
from intriguing.job import job
from intriguing.networks import trained
from intriguing.stages import transfer

with job(snakemake.log[0]):
    folders = zip(snakemake.params.targets, snakemake.input.models, strict=True)
    rows = transfer.run(
        open_dataset(snakemake.input.data),
        AdversarialSet.load(snakemake.input.distorted),
        {name: (trained.load(folder), model.task(folder)) for name, folder in folders},
        seed=int(snakemake.wildcards.seed),
    )
    for column, value in snakemake.params.columns.items():
        rows.insert(0, column, value)
    write_table(snakemake.output[0], rows)
