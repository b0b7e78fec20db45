"""Load a data set once, check it, and store its arrays and parts."""

from intriguing.artifacts.dataset import write_dataset
from intriguing.datasets import load
from intriguing.job import job

with job(snakemake):
    data = dict(snakemake.params.data)
    parts = data.pop("parts")
    dataset = load(data.pop("name"), data.pop("root", None), **data)
    write_dataset(
        snakemake.output[0],
        dataset,
        parts=parts,
        seed=data["seed"],
        code=snakemake.params.code,
    )
