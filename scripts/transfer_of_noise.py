"""Gaussian control on the images that the attack distorts."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.job import job
from intriguing.stages import attack

with job(snakemake.log[0]):
    made = attack.run_noise(
        open_dataset(snakemake.input.data),
        snakemake.params.sample,
        float(snakemake.wildcards.deviation),
        clip=snakemake.params.clip,
        seed=int(snakemake.wildcards.seed),
    )
    made.save(snakemake.output[0], code=snakemake.params.code)
