"""Training on working sets compared with L-BFGS on all images: time, objective, error, distortion.

    python benchmarks/training.py                       # FC100-100-10 on MNIST, seed 0
    python benchmarks/training.py --model fc200 --seeds 0 1
    python benchmarks/training.py --experiment digits

Each seed is trained in both ways from the same weights, one after the other, on one thread. MNIST
is read from $INTRIGUING_DATA_ROOT or data/. Prints a table; asserts nothing about time.
"""

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import copy
import time
from pathlib import Path

import pandas
import torch

from intriguing import experiment
from intriguing.attacks import minimum_distortion
from intriguing.datasets import load
from intriguing.job import keep_freed_memory
from intriguing.networks.predictions import count_errors
from intriguing.networks.untrained import own_seed, untrained
from intriguing.training import Lbfgs, WorkingSet, train

ROOT = Path(__file__).resolve().parents[1]
METHODS = {"L-BFGS": Lbfgs(), "working sets": WorkingSet()}


def trained(model, data, entry, method, seed):
    """CPU seconds, and the history of a training in place."""
    start = time.process_time()
    history = train(
        model,
        data.train_images,
        data.train_labels,
        method=method,
        weight_decay=entry["weight_decay"],
        seed=seed,
    )
    return time.process_time() - start, history


def row(model, data, number):
    """Errors of a model, and the mean distortion of the first training images."""
    images, labels = data.train_images[:number], data.train_labels[:number]
    targets = (labels + 1) % len(data.class_names)
    adversarial = minimum_distortion(model, images, labels, targets)
    return {
        "training error %": 100 * share(model, data.train_images, data.train_labels),
        "test error %": 100 * share(model, data.test_images, data.test_labels),
        "distortion": adversarial.distortion[adversarial.success].mean().item(),
    }


def share(model, images, labels):
    return count_errors(model, images, labels) / len(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiment", default="mnist", help="experiment that has the model")
    parser.add_argument("--model", default="fc100", help="its name: softmax or fully connected")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--images", type=int, default=200, help="training images to attack")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    settings = experiment.read(
        ROOT / "config" / "experiments" / f"{options.experiment}.yaml",
        ROOT / "workflow" / "schemas" / "experiment.schema.yaml",
    )
    data = load(settings.data["name"], settings.data["root"])
    entry = settings.training(options.model)
    rows = []
    for seed in options.seeds:
        fresh = untrained(
            {
                "architecture": entry["architecture"],
                "factory": "",
                "options": entry["options"],
                "weights": "",
                "input_shape": list(data.train_images.shape[1:]),
                "classes": len(data.class_names),
                "seed": seed,
            },
            options.model,
        )
        for name, method in METHODS.items():
            model = copy.deepcopy(fresh)
            seconds, history = trained(model, data, entry, method, own_seed(options.model, seed))
            found = {"seed": seed, "method": name, "CPU s": round(seconds, 1)}
            found["objective"] = history.rows[-1]["objective"]
            rows.append(found | row(model, data, options.images))
            print(rows[-1], flush=True)
    print(pandas.DataFrame(rows).to_markdown(index=False, floatfmt=".6g"))


if __name__ == "__main__":
    main()
