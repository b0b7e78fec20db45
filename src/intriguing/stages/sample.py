"""Which images an attack distorts, and its target rule in words. Knows nothing of torch."""

from intriguing.tasks import class_index


def sample_of(data, entry):
    """The images that an attack distorts (`dataset_file.Split`)."""
    without = None
    if isinstance(entry["targets"], dict):
        without = class_index(data.class_names, entry["targets"]["class"])
    return data.sample(entry["split"], entry["count"], without)


def target_rule(rule):
    """A target rule in words, for tables."""
    return f"class {rule['class']}" if isinstance(rule, dict) else rule
