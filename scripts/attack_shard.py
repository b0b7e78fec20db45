"""One model's share of the images of an adversarial set."""

from intriguing.artifacts import model
from intriguing.artifacts.dataset import open_dataset
from intriguing.device import resolve
from intriguing.job import job
from intriguing.networks import trained
from intriguing.stages import attack

with job(snakemake):
    attacked = attack.run(
        open_dataset(snakemake.input.data),
        trained.load(snakemake.input.model),
        model.task(snakemake.input.model),
        snakemake.params.attack,
        seed=int(snakemake.wildcards.seed),
        part=(int(snakemake.wildcards.shard), int(snakemake.wildcards.shards)),
        device=resolve(snakemake.params.device),
    )
    attacked.save(snakemake.output.part, code=snakemake.params.code_of_examples)
