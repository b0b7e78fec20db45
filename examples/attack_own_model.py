"""Attack a model of your own by two methods, and keep the adversarial examples in a file.

python examples/attack_own_model.py
"""

import argparse

import torch
from torch import nn

from intriguing import intervals
from intriguing.attacks import AdversarialSet, choose_targets, lbfgs, minimum_distortion
from intriguing.datasets import load


def trained(images, labels):
    """A small network: any torch.nn.Module that maps images in [0, 1] to logits will do."""
    torch.set_num_threads(1)  # small models are fastest with one
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(200):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimiser.step()
    return model.eval()


def summary(adversarial):
    """Success rate and average distortion, each with n and 95 % interval over images."""
    attacked, found = int(adversarial.attacked.sum()), adversarial.distortion[adversarial.success]
    low, high = intervals.wilson(len(found), attacked)
    rate = f"success {len(found)}/{attacked} [{100 * low:.1f}, {100 * high:.1f}] %"
    mean, *ends = intervals.mean([found.mean()], [found.std()], [len(found)])
    return f"{rate}, distortion {mean:.4f} [{ends[0]:.4f}, {ends[1]:.4f}] (n = {len(found)})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", default="adversarial.safetensors", help="where to save the set")
    path = parser.parse_args().file
    digits = load("digits")
    model = trained(digits.train_images, digits.train_labels)
    images, labels = digits.test_images[:100], digits.test_labels[:100]
    targets = choose_targets("next", model, images, labels)  # a class for each image
    print("lbfgs (the paper's)", summary(lbfgs(model, images, labels, targets)), sep=": ")
    nearest = minimum_distortion(model, images, labels, targets)
    nearest.save(path)
    print("minimum_distortion", summary(AdversarialSet.load(path)), sep=": ")
    print(f"saved as {path}")


if __name__ == "__main__":
    main()
