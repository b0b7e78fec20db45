"""How an experiment was built: version, machine, and the time of its jobs."""

from intriguing.artifacts.dataset import open_dataset
from intriguing.artifacts.files import write_json
from intriguing.job import job
from intriguing.report import build_record
from intriguing.report.checkout import commit_of

with job(snakemake):
    files, params = snakemake.input, snakemake.params
    data = open_dataset(files.data)
    record = {
        "experiment": snakemake.wildcards.experiment,
        "title": params.title,
        "seeds": list(params.seeds),
        "data": {"name": data.settings["dataset"], "digest": data.digest},
        "built": build_record.now(),
        "commit": commit_of(snakemake.scriptdir),
        "versions": build_record.versions(),
        "machine": build_record.machine(),
        "trained_on": build_record.machines_of(files.models),
        "jobs": build_record.needs_by_rule(params.logs),
        "total": build_record.needs_of_jobs([log for logs in params.logs.values() for log in logs]),
    }
    write_json(snakemake.output[0], record)
