"""Our attacks beside the literal method and the peers that are installed: one table a model.

    python benchmarks/attack.py                         # MNIST: fc100 and the linear model
    python benchmarks/attack.py --experiment digits     # smaller, in a minute
    python benchmarks/attack.py --networks relu silu    # networks trained here (networks.py)
    python benchmarks/attack.py --scaling               # time and memory from 256 to 60 000 images

Models come from results/<experiment> (`snakemake results/mnist/models/fc100/seed0`).
Everything is paired: all methods attack the same images (those classified correctly) with one
thread, in turn, several times; times are medians of CPU time, and what counts is their ratio. An
example counts if it lies in the box and, evaluated alone, has the class it claims by a margin of
1e-4. Nothing is asserted.
"""

import argparse
import os
import resource
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# one thread in scipy's linear algebra too; read when it is imported
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import networks
import numpy as np
import pandas
import torch

from intriguing.artifacts.dataset import open_dataset
from intriguing.attacks import lbfgs, minimum_distortion
from intriguing.attacks.objective import target_margin
from intriguing.networks import trained as trained_model
from intriguing.torchvision_import import import_torchvision

# what the tests compare with
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from oracles.linear import least_distortion_linear, least_distortion_linear_untargeted
from oracles.literal import literal_lbfgs

MARGIN = 1e-4


class Counted(torch.nn.Module):
    """A model that counts the rows it evaluates, and those it differentiates."""

    def __init__(self, model):
        super().__init__()
        self.model, self.gradients, self.forwards = model, 0, 0

    def forward(self, images):
        self.forwards += len(images)
        logits = self.model(images)
        if logits.requires_grad:
            logits.register_hook(self._count)
        return logits

    def _count(self, gradient):
        self.gradients += len(gradient)


@dataclass
class Method:
    """name, mode ("targeted" or "untargeted"), and ``run(model, images, labels, targets)``.

    ``most``: attack at most this many images (slow methods).
    """

    name: str
    mode: str
    run: Any
    most: int | None = None


def ours():
    """Our attacks."""
    yield Method("ours: lbfgs", "targeted", lambda m, x, y, t: lbfgs(m, x, y, t).images)
    yield Method(
        "ours: minimum", "targeted", lambda m, x, y, t: minimum_distortion(m, x, y, t).images
    )
    yield Method(
        "ours: minimum", "untargeted", lambda m, x, y, t: minimum_distortion(m, x, y).images
    )


def literal(most):
    """The paper's method as it stands, scipy's L-BFGS-B with 15 bisections on c."""

    def run(model, images, labels, targets):
        found = [
            literal_lbfgs(model, image, target.item(), MARGIN)
            for image, target in zip(images, targets, strict=True)
        ]
        return torch.from_numpy(np.stack(found)).float().view_as(images)

    yield Method("literal scipy, 15 bisections", "targeted", run, most)


def peers():
    """Attacks of other libraries, where they are installed."""
    import_torchvision()
    try:
        from adv_lib.attacks import alma, ddn
    except ImportError:
        print("adv-lib is not installed: no DDN, no ALMA (make benchmark installs it)")
    else:
        for mode, targeted in (("targeted", True), ("untargeted", False)):
            for steps in (100, 1000):
                yield Method(
                    f"adv-lib DDN, {steps} steps",
                    mode,
                    lambda m, x, y, t, steps=steps, targeted=targeted: ddn(
                        m, x, t if targeted else y, targeted=targeted, steps=steps, levels=None
                    ),
                )
            yield Method(
                "adv-lib ALMA, 1000 steps",
                mode,
                lambda m, x, y, t, targeted=targeted: alma(
                    m, x, t if targeted else y, targeted=targeted, num_steps=1000, distance="l2"
                ),
            )
    try:
        import foolbox
    except ImportError:
        print("foolbox is not installed: no FMN (make benchmark installs it)")
        return
    for steps in (100, 1000):

        def fmn(model, images, labels, targets, steps=steps):
            wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
            attack = foolbox.attacks.L2FMNAttack(steps=steps)
            return attack(wrapped, images, labels, epsilons=None)[0]

        yield Method(f"foolbox FMN, {steps} steps", "untargeted", fmn)


@torch.no_grad()
def recheck(model, found, labels, targets, mode, least=MARGIN):
    """Which examples hold alone, by a margin of ``least``: bool Tensor (N,)."""
    logits = torch.cat([model(one) for one in found.split(1)])
    margin = target_margin(logits, targets if mode == "targeted" else labels)
    margin = margin if mode == "targeted" else -margin
    inside = (found >= 0).flatten(1).all(1) & (found <= 1).flatten(1).all(1)
    return inside & (margin >= least)


def floor(model, images):
    """Seconds of one batched forward and backward pass, per image: median of 20."""
    times = []
    for _ in range(20):
        start = time.process_time()
        for part in images.split(256):
            points = part.clone().requires_grad_(True)
            torch.autograd.grad(model(points).sum(), points)
        times.append(time.process_time() - start)
    return statistics.median(times) / len(images)


def compare(model, images, labels, methods, repeats):
    """One row a method."""
    targets = (labels + 1) % model(images[:1]).shape[1]
    counted = Counted(model).eval()
    seconds = {id(method): [] for method in methods}
    results = {}
    for method in methods:  # what a first call alone costs is not measured
        method.run(model, images[:2], labels[:2], targets[:2])
    for turn in range(repeats):
        for method in methods:
            if method.most is not None and turn:
                continue
            some = slice(0, method.most)
            torch.manual_seed(0)
            counted.gradients = counted.forwards = 0
            start = time.process_time()
            found = method.run(counted, images[some], labels[some], targets[some])
            seconds[id(method)].append((time.process_time() - start) / len(found))
            counts = counted.gradients / len(found), counted.forwards / len(found)
            results[id(method)] = found.detach(), *counts
    cost = floor(model, images)
    rows = []
    for method in methods:
        found, gradients, forwards = results[id(method)]
        n, shift = len(found), (found - images[: len(found)]).flatten(1).double()
        success = recheck(model, found, labels[:n], targets[:n], method.mode)
        norms = shift.square().mean(1).sqrt()
        once = statistics.median(seconds[id(method)])
        rows.append(
            {
                "mode": method.mode,
                "method": method.name,
                "n": n,
                "success": f"{success.sum().item()}/{n}",
                "mean": norms[success].mean().item(),
                "median": norms[success].median().item(),
                "worst": norms[success].max().item(),
                "milliseconds": 1e3 * once,
                "gradients": gradients,
                "forwards": forwards,
                "x floor": once / (gradients * cost),
                "norms": torch.where(success, norms, torch.nan),
            }
        )
    frame = pandas.DataFrame(rows)
    frame.insert(7, "gap %", gaps(frame))
    return frame


def gaps(frame):
    """Percent above the best that any method of the same mode found for an image: the mean."""
    best = {}
    for row in frame.itertuples():
        padded = torch.full_like(torch.empty(frame["n"].max()), torch.inf).double()
        padded[: row.n] = row.norms.nan_to_num(torch.inf)
        best[row.mode] = torch.minimum(best.get(row.mode, padded), padded)
    return [
        100 * (row.norms / best[row.mode][: row.n] - 1).nanmean().item()
        for row in frame.itertuples()
    ]


def headlines(frame):
    """Sentences: ours against each other method of the same mode, on images that both solve."""
    for mode, part in frame.groupby("mode"):
        for ours in part[part["method"].str.startswith("ours")].itertuples():
            for row in part[~part["method"].str.startswith("ours")].itertuples():
                n = min(row.n, ours.n)
                both = row.norms[:n].isfinite() & ours.norms[:n].isfinite()
                change = (ours.norms[:n][both].mean() / row.norms[:n][both].mean()).item() - 1
                yield (
                    f"{mode}: {ours.method[6:]} against {row.method}: mean distortion"
                    f" {100 * change:+.2f} % on {both.sum().item()} images,"
                    f" {row.milliseconds / ours.milliseconds:.1f} times faster"
                )


def exact_rows(model, images, labels):
    """Mean distortion of the exact optimum of a linear model, by mode."""
    layer = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    weight, bias = (value.detach().double().numpy() for value in (layer[0].weight, layer[0].bias))
    pixels = images.flatten(1).double().numpy()
    scale = np.sqrt(pixels.shape[1])
    for mode, solve, classes in (
        ("targeted", least_distortion_linear, (labels + 1) % len(bias)),
        ("untargeted", least_distortion_linear_untargeted, labels),
    ):
        norms = [
            solve(weight, bias, x, k, MARGIN) / scale
            for x, k in zip(pixels, classes.tolist(), strict=True)
        ]
        yield mode, float(np.mean(norms))


def trained_here(name, data):
    """A network of networks.py, trained on the training images."""
    split = data.split("train")
    images, labels = torch.from_numpy(split.images), torch.from_numpy(split.labels)
    return networks.trained(name, images, labels, len(data.class_names))


def classified_images(model, data, first, count):
    """Test images that the model classifies correctly, and their labels, of ``count`` tried."""
    test = data.split("test")
    chosen = slice(first, first + count) if first < len(test.labels) else slice(0, count)
    images, labels = torch.from_numpy(test.images[chosen]), torch.from_numpy(test.labels[chosen])
    right = torch.cat([model(part) for part in images.split(100)]).argmax(1) == labels
    return images[right], labels[right]


def scaling(model, data):
    """Time per image (median of up to nine runs) and peak memory for more and more images."""
    split = data.split("train")
    images, labels = torch.from_numpy(split.images), torch.from_numpy(split.labels)
    targets = (labels + 1) % len(data.class_names)
    print("images  ms/image  success  peak memory beyond start and results (MiB)")
    lbfgs(model, images[:256], labels[:256], targets[:256])
    start_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for n in (256, 1024, 4096, 16384, len(labels)):
        spent, made = [], None
        for _ in range(min(9, max(1, 32768 // n))):
            del made  # or two results would be held at once
            start = time.process_time()
            made = lbfgs(model, images[:n], labels[:n], targets[:n])
            spent.append((time.process_time() - start) / n)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        results = made.images.nbytes / 2**20
        found = f"{made.success.sum().item()}/{made.attacked.sum().item()}"
        milliseconds = 1e3 * statistics.median(spent)
        print(f"{n:6d}  {milliseconds:8.3f}  {found}  {peak - start_memory - results:.0f}")


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiment", default="mnist")
    parser.add_argument("--models", nargs="+", default=["fc100", "fc10_1e-4"])
    parser.add_argument("--first", type=int, default=1000, help="first test image")
    parser.add_argument("--count", type=int, default=1000, help="test images")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--literal", type=int, default=100, help="images for the literal method")
    parser.add_argument("--only", nargs="+", help="methods whose name contains one of these words")
    parser.add_argument("--networks", nargs="+", help=f"some of {', '.join(networks.NETWORKS)}")
    parser.add_argument("--scaling", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    folder = Path("results") / arguments.experiment
    data = open_dataset(folder / "data" / "dataset.safetensors")
    if arguments.networks:
        models = {name: trained_here(name, data) for name in arguments.networks}
    else:
        models = {
            name: trained_model.load(folder / "models" / name / "seed0")
            for name in arguments.models
        }
    for name, model in models.items():
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        print(f"\n{arguments.experiment} {name}")
        if arguments.scaling:
            scaling(model, data)
            continue
        images, labels = classified_images(model, data, arguments.first, arguments.count)
        methods = [
            method
            for method in [*ours(), *literal(arguments.literal), *peers()]
            if not arguments.only or any(word in method.name for word in arguments.only)
        ]
        frame = compare(model, images, labels, methods, arguments.repeats)
        shown = frame.drop(columns="norms").rename(columns={"milliseconds": "ms/image"})
        print(shown.sort_values(["mode", "mean"]).to_markdown(index=False, floatfmt=".5g"))
        print(*headlines(frame), sep="\n")
        if sum(isinstance(module, torch.nn.Linear) for module in model.modules()) == 1:
            for mode, mean in exact_rows(model, images, labels):
                print(f"exact optimum, {mode}: {mean:.6f}")


if __name__ == "__main__":
    main()
