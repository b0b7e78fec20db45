"""Top images of the directions of a wide layer: time beside the floor, and memory.

python benchmarks/units.py                 # 10 000 images, 4 096 units, 4 096 directions

The floor is what cannot be left out: one forward pass, one product with the directions, and a
partial sort. Both are timed in turn, and the median ratio is printed with the largest memory.
"""

import argparse
import resource
import statistics
import time

import torch

from intriguing.units import activations, coherence, directions, top_images
from intriguing.units.families import describe
from intriguing.units.measures import best_class
from intriguing.units.top import scores


def timed(function):
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def memory():
    """Largest resident memory so far, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--units", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = torch.rand(arguments.images, 1, 28, 28)
    labels = torch.randint(0, 10, (arguments.images,))
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(784, arguments.units), torch.nn.Sigmoid()
    ).eval()
    recorded = activations(model, images, "sigmoid1")
    before, (seconds, layer) = memory(), timed(lambda: describe(recorded))
    vectors = directions("gaussian", layer, number=arguments.units)
    print(f"statistics of the layer: {seconds:.1f} s; memory {before:.2f} to {memory():.2f} GB")

    @torch.no_grad()
    def floor():
        found = []
        for batch in images.split(1000):
            found.append(model(batch) @ vectors.T)
        return torch.cat(found).T.topk(10, 1).indices

    pairs = []
    for _ in range(arguments.repeats):
        least, _ = timed(floor)
        ours, top = timed(lambda: top_images(model, images, "sigmoid1", vectors, k=10))
        pairs.append((ours / least, ours, least))
    ratio, ours, least = statistics.median(pairs)
    print(f"top images: {ours:.1f} s, floor {least:.1f} s, ratio {ratio:.2f}; {memory():.2f} GB")
    seconds, _ = timed(lambda: coherence(top.indices, labels, pixels=images))
    print(f"label purity, similarity of pixels: {seconds:.1f} s; {memory():.2f} GB")
    seconds, _ = timed(lambda: best_class(scores(recorded, vectors), labels))
    print(f"AUC, scores included: {seconds:.1f} s; {memory():.2f} GB")


if __name__ == "__main__":
    main()
