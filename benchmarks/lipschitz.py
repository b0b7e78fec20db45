"""Tightness and seconds of each bound on every layer of AlexNet: one table.

    python benchmarks/lipschitz.py                 # Krizhevsky's network, two groups
    python benchmarks/lipschitz.py --ungrouped     # the sizes of the paper's Table 5
    python benchmarks/lipschitz.py --threads 1

Weights are random, as the network of 2012 starts; another seed changes little. Each bound is
divided by our certified lower bound, so that 1 is exact. Methods are timed in turn, several times:
what counts are ratios of the medians. Nothing is asserted.
"""

import argparse
import resource
import statistics
import time

import pandas
import torch

from intriguing import networks
from intriguing.lipschitz import comparisons, convolution_bounds, dense_bounds, layer_bounds
from intriguing.lipschitz.norms import scaled
from intriguing.lipschitz.windows import Axis

INPUT = (3, 227, 227)


def timed(call, repeats):
    """What a call gives, and the median of its seconds."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        value = call()
        seconds.append(time.perf_counter() - start)
    return value, statistics.median(seconds)


def convolution_rows(name, layer, size, repeats):
    """One row a method."""

    def interval():
        return convolution_bounds(
            layer.weight,
            size,
            stride=layer.stride,
            padding=layer.padding,
            groups=layer.groups,
            compare=False,
        )

    ours, seconds = timed(interval, repeats)
    yield {
        "layer": name,
        "method": f"ours: [lower, upper], {ours.method}",
        "bound": ours.upper,
        "bound / lower": ours.upper / ours.lower,
        "seconds": seconds,
        "x ours": 1.0,
    }
    kernel, factor = scaled(layer.weight)
    axes = [
        Axis(n, k, s, d, p, p)
        for n, k, s, d, p in zip(
            *(size, layer.kernel_size, layer.stride, layer.dilation, layer.padding), strict=True
        )
    ]
    for method, bound in comparisons.METHODS.items():

        def of_groups(bound=bound):
            # a norm of groups is the largest of theirs
            return factor * max(bound(part, axes) for part in kernel.chunk(layer.groups))

        value, spent = timed(of_groups, repeats)
        yield {
            "layer": name,
            "method": method,
            "bound": value,
            "bound / lower": value / ours.lower,
            "seconds": spent,
            "x ours": spent / seconds,
        }


def dense_rows(name, layer, repeats):
    """Ours, and the singular value decomposition in single precision."""
    ours, seconds = timed(lambda: dense_bounds(layer.weight), repeats)
    yield {
        "layer": name,
        "method": "ours: [lower, upper], Cholesky",
        "bound": ours.upper,
        "bound / lower": ours.upper / ours.lower,
        "seconds": seconds,
        "x ours": 1.0,
    }
    value, spent = timed(lambda: torch.linalg.svdvals(layer.weight.detach())[0].item(), 1)
    yield {
        "layer": name,
        "method": "svdvals, float32",
        "bound": value,
        "bound / lower": value / ours.lower,
        "seconds": spent,
        "x ours": spent / seconds,
    }


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ungrouped", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    model = networks.build("alexnet", INPUT, 1000, grouped=not arguments.ungrouped).eval()
    start = time.perf_counter()
    table = layer_bounds(model, INPUT, compare=False)
    spent = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"interval of every layer: {spent:.1f} s, peak memory of the process {peak:.2f} GiB\n")
    sizes = {row.name: row.input for row in table.itertuples(index=False)}
    rows = []
    for name, layer in model.named_children():
        if isinstance(layer, torch.nn.Conv2d):
            size = tuple(int(n) for n in sizes[name].split("×")[1:])
            rows += convolution_rows(name, layer, size, arguments.repeats)
        elif isinstance(layer, torch.nn.Linear):
            rows += dense_rows(name, layer, arguments.repeats)
    print(pandas.DataFrame(rows).to_markdown(index=False, floatfmt=".5g"))


if __name__ == "__main__":
    main()
