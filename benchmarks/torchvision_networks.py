"""Bounds of torchvision's classifiers, with random weights: one table.

    python benchmarks/torchvision_networks.py                    # all of NETWORKS, at their sizes
    python benchmarks/torchvision_networks.py resnet18 vgg11

Each network is bounded in a process of its own, for its time and peak memory. The Jacobian is taken
in double precision at random images. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time

import pandas
import torch

from intriguing.lipschitz.graph import bound_graph
from intriguing.lipschitz.network import jacobian_norms
from intriguing.torchvision_import import import_torchvision

# pixels of a side; Inception-style networks and Swin shrink images by 32
NETWORKS = {
    "alexnet": 224,
    "vgg11": 224,
    "vgg11_bn": 224,
    "resnet18": 224,
    "resnet50": 224,
    "densenet121": 224,
    "googlenet": 224,
    "squeezenet1_1": 224,
    "mobilenet_v2": 224,
    "mobilenet_v3_small": 224,
    "efficientnet_b0": 224,
    "shufflenet_v2_x1_0": 224,
    "convnext_tiny": 224,
    "vit_b_16": 224,
    "swin_t": 224,
}


def measured(name: str, size: int, images: int, seed: int) -> dict[str, object]:
    """One row of the table."""
    torch.manual_seed(seed)
    options = {"init_weights": True} if name == "googlenet" else {}
    model = getattr(import_torchvision().models, name)(weights=None, **options).eval()
    start = time.perf_counter()
    graph = bound_graph(model, (3, size, size), compare=False, partial=True)
    spent = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    bounds = [layer.bounds for layer in graph.layers]
    widths = [b.upper / b.lower for b in bounds if b.lower > 0 and b.upper < math.inf]
    points = torch.rand(images, 3, size, size, generator=torch.Generator().manual_seed(seed))
    largest = jacobian_norms(model, points).max().item()
    without = {layer.kind for layer in graph.layers if layer.bounds.upper == math.inf}
    return {
        "network": name,
        "rows": len(bounds),
        "with a bound": sum(b.upper < math.inf for b in bounds),
        "widest interval": max(widths),
        "constant": graph.constant,
        "largest Jacobian norm": largest,
        "seconds": spent,
        "GB": peak,
        "without a bound": ", ".join(sorted(without)),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", default=list(NETWORKS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=2, help="where the Jacobian is taken")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="the row of one network")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.json:
        (name,) = arguments.networks
        print(json.dumps(measured(name, NETWORKS[name], arguments.images, arguments.seed)))
        return
    rows = []
    for name in arguments.networks:
        options = [f"--{key}={getattr(arguments, key)}" for key in ("threads", "images", "seed")]
        command = [sys.executable, __file__, name, "--json", *options]
        made = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(made.stdout.splitlines()[-1]))
        print(rows[-1], file=sys.stderr, flush=True)
    print(pandas.DataFrame(rows).to_markdown(index=False, floatfmt=".4g"))


if __name__ == "__main__":
    main()
