"""Certified radii of the adversarial sets of one model; fails if an example lies inside one."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_table
from intriguing.attacks.adversarial_set import AdversarialSet
from intriguing.job import job
from intriguing.networks import trained
from intriguing.stages import certificate

with job(snakemake.log[0]):
    sets = zip(snakemake.params.attacks, snakemake.input.examples, strict=True)
    lines = certificate.run(
        open_dataset(snakemake.input.data),
        trained.load(snakemake.input.model),
        {attack: AdversarialSet.load(path) for attack, path in sets},
        certificate.read_constants(snakemake.input.bounds),
    )
    for column, value in snakemake.params.columns.items():
        lines.insert(0, column, value)
    write_table(snakemake.output[0], lines)
