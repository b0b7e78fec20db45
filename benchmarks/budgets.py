"""Distortion against gradients: our nearest examples and the peers', at several budgets each.

    python benchmarks/budgets.py --networks relu residual --picture budgets.png

Networks are those of networks.py, trained on the experiment's training images. All methods attack
the same images, one thread. An example counts if it lies in the box and has its class when
evaluated alone: peers end on the boundary itself, without a margin. *gap*: the distance above the
best that any method at any budget found for that image, averaged over the images that the method
solves; *gradients*, *forwards*: rows that the network differentiates or evaluates for an image.
"""

import argparse
from pathlib import Path

import attack
import networks
import pandas
import torch

from intriguing.artifacts.dataset import open_dataset
from intriguing.attacks import minimum_distortion
from intriguing.torchvision_import import import_torchvision


def methods(mode):
    """Names, each with its runs by budget: ``run(model, images, labels, targets)``."""
    targeted = mode == "targeted"

    def ours(budget):
        return lambda m, x, y, t: (
            minimum_distortion(m, x, y, t if targeted else None, budget=budget).images
        )

    yield "minimum_distortion", {budget: ours(budget) for budget in (35, 45, 60, 70, 150, 300)}
    import_torchvision()
    from adv_lib.attacks import alma, ddn, fmn, sdf

    def chosen(labels, targets):
        return targets if targeted else labels

    def of_ddn(steps):
        return lambda m, x, y, t: ddn(
            m, x, chosen(y, t), targeted=targeted, steps=steps, levels=None
        )

    def of_alma(steps):
        return lambda m, x, y, t: alma(
            m, x, chosen(y, t), targeted=targeted, num_steps=steps, distance="l2"
        )

    def of_fmn(steps):
        return lambda m, x, y, t: fmn(m, x, chosen(y, t), norm=2, targeted=targeted, steps=steps)

    yield "DDN", {steps: of_ddn(steps) for steps in (50, 100, 300, 1000)}
    yield "ALMA", {steps: of_alma(steps) for steps in (100, 300, 1000)}
    yield "FMN", {steps: of_fmn(steps) for steps in (50, 100, 300, 1000)}
    if not targeted:
        yield "SuperDeepFool", {"its own": lambda m, x, y, t: sdf(m, x, y)}


def compare(model, images, labels, mode):
    """One row for each method and budget."""
    targets = (labels + 1) % model(images[:1]).shape[1]
    counted = attack.Counted(model).eval()
    rows, norms = [], []
    for name, runs in methods(mode):
        for budget, run in runs.items():
            torch.manual_seed(0)
            counted.gradients = counted.forwards = 0
            found = run(counted, images, labels, targets).detach()
            n = len(found)
            row = {"mode": mode, "method": name, "budget": budget}
            row |= {"gradients": counted.gradients / n, "forwards": counted.forwards / n}
            # the counter is not there when examples are checked
            success = attack.recheck(model, found, labels, targets, mode, least=0.0)
            distances = (found - images).flatten(1).double().square().mean(1).sqrt()
            norms.append(torch.where(success, distances, torch.nan))
            rows.append(row | {"success": f"{success.sum().item()}/{n}"})
    norms = torch.stack(norms)
    gaps = 100 * (norms / norms.nan_to_num(torch.inf).amin(0) - 1)
    frame = pandas.DataFrame(rows)
    frame["mean"] = norms.nanmean(1).tolist()
    frame["gap %"] = gaps.nanmean(1).tolist()
    return frame


def draw(frames, path):
    """A panel for each network and mode: gap against gradients, both logarithmic."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    networks_, modes = list(frames), ("targeted", "untargeted")
    size = (3.4 * len(networks_), 6.4)
    figure, panels = pyplot.subplots(
        2, len(networks_), figsize=size, squeeze=False, layout="constrained", sharex=True
    )
    for column, (name, frame) in enumerate(frames.items()):
        for panel, mode in zip(panels[:, column], modes, strict=True):
            for number, (method, part) in enumerate(
                frame[frame["mode"] == mode].groupby("method", sort=False)
            ):
                style = {"color": f"C{number}", "marker": "osDv^"[number], "label": method}
                panel.loglog(part["gradients"], part["gap %"], markersize=5, **style)
            panel.set_title(f"{name}, {mode}", fontsize=10)
            panel.grid(alpha=0.3)
            if mode == "untargeted":
                panel.set_xlabel("gradients for an image")
            if not column:
                panel.set_ylabel("gap to the best known, %")
    panels[1, 0].legend(fontsize=8)
    figure.savefig(path, dpi=80, metadata={"Software": None})


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiment", default="mnist")
    parser.add_argument("--networks", nargs="+", default=list(networks.NETWORKS))
    parser.add_argument("--first", type=int, default=3000, help="first test image")
    parser.add_argument("--count", type=int, default=200, help="test images")
    parser.add_argument("--picture", type=Path, help="PNG file to draw into")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = open_dataset(Path("results") / arguments.experiment / "data" / "dataset.safetensors")
    frames = {}
    for name in arguments.networks:
        model = attack.trained_here(name, data)
        images, labels = attack.classified_images(model, data, arguments.first, arguments.count)
        frames[name] = pandas.concat(
            [compare(model, images, labels, mode) for mode in ("targeted", "untargeted")]
        )
        print(f"\n{arguments.experiment} {name}, {len(images)} images")
        print(frames[name].to_markdown(index=False, floatfmt=".4g"), flush=True)
    if arguments.picture:
        draw(frames, arguments.picture)


if __name__ == "__main__":
    main()
