import os
from pathlib import Path

import pytest
import torch
from copies import Copy
from filelock import FileLock
from repository import ROOT
from torch import nn

from intriguing.datasets import load
from intriguing.networks import build
from intriguing.training.classifier import train
from intriguing.training.minimisers import Lbfgs

# one thread, as in the workflow: two test processes on two cores do not disturb each other
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def mnist_root():
    """Folder with the real MNIST, if there is one; what needs it cannot run without."""
    candidates = [os.environ.get("INTRIGUING_DATA_ROOT"), ROOT.parent / "shared" / "data"]
    for candidate in candidates:
        if candidate and (Path(candidate) / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
            return Path(candidate)
    pytest.skip("no MNIST files: set INTRIGUING_DATA_ROOT to the folder that holds MNIST/raw")


@pytest.fixture(scope="session")
def digits():
    return load("digits")


@pytest.fixture(scope="session")
def images(digits):
    """Digits that tests attack."""
    return digits.test_images[:120]


@pytest.fixture(scope="session")
def labels(digits):
    return digits.test_labels[:120]


def trained(digits, architecture, decay, seed=0, **options):
    torch.manual_seed(seed)
    model = build(architecture, (1, 8, 8), 10, **options)
    train(
        model,
        digits.train_images,
        digits.train_labels,
        method=Lbfgs(iterations=200),
        weight_decay=decay,
    )
    return model


@pytest.fixture(scope="session")
def linear(digits):
    """A softmax layer on 8x8 digits."""
    return trained(digits, "softmax", [1e-3])


@pytest.fixture(scope="session")
def relu_net(digits):
    """A 64-50-50-10 ReLU net without decay on 8x8 digits: steep and not smooth."""
    return trained(digits, "fully_connected", [], hidden=[50, 50], activation="relu")


@pytest.fixture(scope="session")
def sigmoid_net(digits):
    """A 64-25-25-10 sigmoid net on 8x8 digits."""
    return trained(
        digits, "fully_connected", [1e-5, 1e-5, 1e-6], hidden=[25, 25], activation="sigmoid"
    )


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(
            *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10)),
        )

    def forward(self, x):
        return self.body(x)


@pytest.fixture(scope="session")
def convolutional(digits):
    """Convolutions, ReLU and a max-pool on 8x8 digits."""
    model = Convolutional()
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(15):
        for chosen in torch.randperm(len(digits.train_labels)).split(64):
            logits = model(digits.train_images[chosen])
            loss = nn.functional.cross_entropy(logits, digits.train_labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return model.eval()


@pytest.fixture
def sources(tmp_path):
    """A copy in which nothing is built."""
    folder = tmp_path / "repository"
    folder.mkdir()
    return Copy.of_repository(folder)


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A copy with the smoke experiment built on two cores, once for all test processes.

    Tests read it and leave it as it is: those that run or change something take `scratch`.
    """
    folder = tmp_path_factory.getbasetemp()
    # with pytest-xdist each process has a folder of its own in a common one
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "built"
    log = folder.with_name("built.log")
    with FileLock(folder.with_name("built.lock")):
        if not log.exists():
            folder.mkdir()
            ran = Copy.of_repository(folder).snakemake("smoke", "--cores", 2, check=False)
            log.write_text(f"{ran.returncode}\n{ran.stdout}")
    status, _, output = log.read_text().partition("\n")
    assert status == "0", output
    before = state(folder)
    yield Copy(folder)
    assert state(folder) == before, "a test changed the built copy: let it take scratch"


def state(folder):
    """Size and time of every file of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def scratch(built, tmp_path):
    """A copy of the built copy, for tests that change it."""
    return built.duplicate(tmp_path / "repository")
