"""Evaluate every model on one distorted set: one row of the transfer matrix."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_table
from intriguing.attacks import AdversarialSet
from intriguing.job import job
from intriguing.networks import trained as trained_model
from intriguing.stages import transfer

with job(snakemake.log[0]):
    models = dict(zip(snakemake.params.targets, snakemake.input.models, strict=True))
    rows = transfer.run(
        open_dataset(snakemake.input.data),
        AdversarialSet.load(snakemake.input.distorted),
        {
            name: (trained_model.load(folder), trained_model.task(folder))
            for name, folder in models.items()
        },
        seed=int(snakemake.wildcards.seed),
    )
    for column, value in snakemake.params.columns.items():
        rows.insert(0, column, value)
    write_table(snakemake.output[0], rows)
