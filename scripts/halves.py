"""Evaluate the models of disjoint training sets on each other's adversarial sets, and on noise."""

from intriguing.artifacts import model
from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_table
from intriguing.attacks.adversarial_set import AdversarialSet
from intriguing.job import job
from intriguing.networks import trained
from intriguing.stages import halves

with job(snakemake):
    folders = zip(snakemake.params.targets, snakemake.input.models, strict=True)
    rows = halves.run(
        open_dataset(snakemake.input.data),
        ((name, AdversarialSet.load(path)) for name, path in snakemake.params.sets.items()),
        {name: (trained.load(folder), model.task(folder)) for name, folder in folders},
        snakemake.params.settings,
        seed=int(snakemake.wildcards.seed),
    )
    write_table(snakemake.output[0], rows)
