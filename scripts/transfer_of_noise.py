"""Gaussian noise on the images that the attack distorts, and the errors of every model on it."""

from intriguing.artifacts import model
from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_table
from intriguing.job import job
from intriguing.networks import trained
from intriguing.stages import noise, transfer

with job(snakemake):
    data, seed = open_dataset(snakemake.input.data), int(snakemake.wildcards.seed)
    noisy = noise.of_deviations(
        data,
        snakemake.params.sample,
        snakemake.params.sets,
        clip=snakemake.params.clip,
        seed=seed,
        code=snakemake.params.code,
    )
    folders = zip(snakemake.params.targets, snakemake.input.models, strict=True)
    rows = transfer.of_sets(
        data,
        noisy,
        {name: (trained.load(folder), model.task(folder)) for name, folder in folders},
        attack="gaussian_noise",
        seed=seed,
    )
    write_table(snakemake.output.errors, rows)
