"""Train one model with one seed."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.device import resolve
from intriguing.job import job
from intriguing.networks import trained as trained_model
from intriguing.stages import training

with job(snakemake.log[0]):
    model, history, metrics, settings = training.run(
        open_dataset(snakemake.input.data),
        snakemake.params.model,
        name=snakemake.wildcards.model,
        seed=int(snakemake.wildcards.seed),
        device=resolve(snakemake.params.device),
        code=snakemake.params.code,
    )
    trained_model.save(
        snakemake.output[0], model, settings=settings, metrics=metrics, history=history
    )
