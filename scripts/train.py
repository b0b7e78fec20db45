"""Train one model with one seed."""

from intriguing.artifacts import model
from intriguing.artifacts.dataset import open_dataset
from intriguing.device import resolve
from intriguing.job import job
from intriguing.stages import train

with job(snakemake):
    files = train.run(
        open_dataset(snakemake.input.data),
        snakemake.params.model,
        name=snakemake.params.name,
        seed=int(snakemake.params.seed),
        device=resolve(snakemake.params.device),
        code=snakemake.params.code,
    )
    model.save(snakemake.output.model, files)
