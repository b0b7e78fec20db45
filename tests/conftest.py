import os
from pathlib import Path

import pytest
import torch
from repository import ROOT

from intriguing.datasets import load

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
