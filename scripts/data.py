"""Load a data set once, check it, and store its arrays and parts."""

from intriguing.dataset_file import write_dataset
from intriguing.datasets import load
from intriguing.job import job

with job(snakemake.log[0]):
    data = snakemake.params.data
    dataset = load(
        data["name"], data["root"], seed=data["seed"], test_fraction=data["test_fraction"]
    )
    write_dataset(
        snakemake.output[0],
        dataset,
        parts=data["parts"],
        seed=data["seed"],
        code=snakemake.params.code,
    )
