"""Evaluate every model on the adversarial sets of an attack: a block of the transfer matrix."""

from intriguing.artifacts import model
from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_table
from intriguing.attacks.adversarial_set import AdversarialSet
from intriguing.job import job
from intriguing.networks import trained
from intriguing.stages import transfer

with job(snakemake):
    folders = zip(snakemake.params.targets, snakemake.input.models, strict=True)
    rows = transfer.of_sets(
        open_dataset(snakemake.input.data),
        ((name, AdversarialSet.load(path)) for name, path in snakemake.params.sets.items()),
        {name: (trained.load(folder), model.task(folder)) for name, folder in folders},
        attack=snakemake.wildcards.attack,
        seed=int(snakemake.wildcards.seed),
    )
    write_table(snakemake.output[0], rows)
