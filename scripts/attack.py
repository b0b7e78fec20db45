"""Attack one model, or its share of the images."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.device import resolve
from intriguing.job import job
from intriguing.networks import trained as trained_model
from intriguing.stages import attack

with job(snakemake.log[0]):
    made = attack.run(
        open_dataset(snakemake.input.data),
        trained_model.load(snakemake.input.model),
        snakemake.params.attack,
        task=trained_model.task(snakemake.input.model),
        seed=int(snakemake.wildcards.seed),
        shard=int(snakemake.wildcards.shard),
        shards=int(snakemake.wildcards.shards),
        device=resolve(snakemake.params.device),
    )
    made.save(snakemake.output[0], code=snakemake.params.code)
