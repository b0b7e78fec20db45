"""Tightness and seconds of each bound on every layer of AlexNet: one table.

    python benchmarks/lipschitz.py                 # Krizhevsky's network, two groups
    python benchmarks/lipschitz.py --ungrouped     # the sizes of the paper's Table 5
    python benchmarks/lipschitz.py --threads 1

Weights are random, as the network of 2012 starts; another seed changes little. Each bound is
divided by our certified lower bound, so that 1 is exact. Methods are timed in turn, several times:
compare the ratios of the medians. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pandas
import torch

from intriguing import networks
from intriguing.lipschitz import comparisons
from intriguing.lipschitz.bounds import Bounds
from intriguing.lipschitz.convolution import convolution_bounds
from intriguing.lipschitz.dense import dense_bounds
from intriguing.lipschitz.network import layer_bounds
from intriguing.lipschitz.norms import scaled
from intriguing.lipschitz.windows import Axis

INPUT = (3, 227, 227)


def timed(call: Callable[[], Any], repeats: int) -> tuple[Any, float]:
    """The result of a call, and the median of its seconds."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        value = call()
        seconds.append(time.perf_counter() - start)
    return value, statistics.median(seconds)


def rows_of(
    layer: str, ours: Bounds, seconds: float, others: dict[str, tuple[float, float]]
) -> Iterator[dict[str, Any]]:
    """One row for our interval and one for each other method, given its bound and seconds."""
    own = {f"ours: [lower, upper], {ours.method}": (ours.upper, seconds)}
    for method, (bound, spent) in (own | others).items():
        yield {
            "layer": layer,
            "method": method,
            "bound": bound,
            "bound / lower": bound / ours.lower,
            "seconds": spent,
            "x ours": spent / seconds,
        }


def convolution_rows(
    name: str, layer: torch.nn.Conv2d, size: tuple[int, ...], repeats: int
) -> Iterator[dict[str, Any]]:
    """One row a method."""
    interval = partial(
        convolution_bounds,
        layer.weight,
        size,
        stride=layer.stride,
        padding=layer.padding,
        groups=layer.groups,
        compare=False,
    )
    ours, seconds = timed(interval, repeats)
    kernel, factor = scaled(layer.weight)
    axes = [
        Axis(
            size[axis],
            layer.kernel_size[axis],
            layer.stride[axis],
            layer.dilation[axis],
            int(layer.padding[axis]),
            int(layer.padding[axis]),
        )
        for axis in (0, 1)
    ]

    def of_groups(bound: Callable[..., float]) -> float:
        # the norm of a convolution with groups is the largest norm of a group
        return factor * max(bound(part, axes) for part in kernel.chunk(layer.groups))

    others = {
        method: timed(partial(of_groups, bound), repeats)
        for method, bound in comparisons.METHODS.items()
    }
    return rows_of(name, ours, seconds, others)


def dense_rows(name: str, layer: torch.nn.Linear, repeats: int) -> Iterator[dict[str, Any]]:
    """Our interval, and the singular value decomposition in single precision."""
    ours, seconds = timed(partial(dense_bounds, layer.weight), repeats)
    values = timed(lambda: torch.linalg.svdvals(layer.weight.detach())[0].item(), 1)
    return rows_of(name, ours, seconds, {"svdvals, float32": values})


def main() -> None:
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
    print(f"intervals of all layers: {spent:.1f} s, peak memory of the process {peak:.2f} GiB\n")
    sizes = {row.name: row.input for row in table.itertuples(index=False)}
    rows: list[dict[str, Any]] = []
    for name, layer in model.named_children():
        if isinstance(layer, torch.nn.Conv2d):
            size = tuple(int(n) for n in sizes[name].split("×")[1:])
            rows += convolution_rows(name, layer, size, arguments.repeats)
        elif isinstance(layer, torch.nn.Linear):
            rows += dense_rows(name, layer, arguments.repeats)
    print(pandas.DataFrame(rows).to_markdown(index=False, floatfmt=".5g"))


if __name__ == "__main__":
    main()
