"""Bounds of the layers of torchvision's ResNet-18, and of the network as a whole.

python examples/bounds_of_resnet18.py --size 64  # about a minute of processor time
python examples/bounds_of_resnet18.py --weights DEFAULT  # trained on ImageNet, a download
"""

import argparse

import torch

from intriguing.lipschitz import network_bounds
from intriguing.torchvision_import import import_torchvision


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=224, help="height and width of the images")
    parser.add_argument("--weights", help="DEFAULT downloads trained ones; else they are random")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torchvision = import_torchvision()  # also where its compiled operators do not fit this torch
    model = torchvision.models.resnet18(weights=arguments.weights).eval()
    shape = (3, arguments.size, arguments.size)
    bounds = network_bounds(model, shape, torch.rand(1, *shape))
    layers = bounds.layers
    shown = layers.loc[layers["kind"].isin(["Conv", "FC", "max-pool"])]
    columns = ["name", "kind", "input", "lower", "upper"]
    print(shown[columns].to_string(index=False, float_format="{:.4f}".format))
    print(f"network of {len(layers)} layers: Lipschitz constant between", end=" ")
    print(f"{bounds.lower:.4g} (attained at a random image) and {bounds.upper:.4g} (certified)")


if __name__ == "__main__":
    main()
