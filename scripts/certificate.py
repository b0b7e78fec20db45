"""Certified radii of the adversarial sets of one model; fails if an example lies inside one."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_table
from intriguing.attacks import AdversarialSet
from intriguing.job import job
from intriguing.networks import trained as trained_model
from intriguing.stages import lipschitz

with job(snakemake.log[0]):
    sets = zip(snakemake.params.attacks, snakemake.input.examples, strict=True)
    lines = lipschitz.certificates(
        open_dataset(snakemake.input.data),
        trained_model.load(snakemake.input.model),
        {attack: AdversarialSet.load(path) for attack, path in sets},
        lipschitz.read(snakemake.input.bounds),
    )
    for column, value in snakemake.params.columns.items():
        lines.insert(0, column, value)
    write_table(snakemake.output[0], lines)
