"""The scripts of examples/, run as a user runs them; what they print is computed again."""

import csv
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from repository import ROOT
from safetensors.numpy import load_file
from scipy import stats

from intriguing.torchvision_import import import_torchvision

NUMBER = r"([-+.e\d]+)"


def printed(name, *arguments):
    """The lines that an example prints."""
    ran = subprocess.run(
        [sys.executable, ROOT / "examples" / name, *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_attack_of_a_model_of_your_own(tmp_path, digits):
    path = tmp_path / "examples.safetensors"
    first, second, last = printed("attack_own_model.py", "--file", path)
    assert last == f"saved as {path}"
    line = (
        rf"success {NUMBER}/{NUMBER} \[{NUMBER}, {NUMBER}\] %,"
        rf" distortion {NUMBER} \[{NUMBER}, {NUMBER}\] \(n = {NUMBER}\)"
    )
    lbfgs, nearest = (list(map(float, re.search(line, text).groups())) for text in (first, second))
    # from the file, without the library
    saved = load_file(path)
    found, attacked = saved["success"], ~saved["already_wrong"]
    change = saved["images"].astype(float) - digits.test_images[:100].numpy()
    distortion = np.sqrt((change**2).mean((1, 2, 3)))[found]
    rate = stats.binomtest(int(found.sum()), int(attacked.sum())).proportion_ci(method="wilson")
    mean = stats.t.interval(0.95, len(distortion) - 1, distortion.mean(), stats.sem(distortion))
    percent = [100 * rate.low, 100 * rate.high]
    assert nearest[:2] == [found.sum(), attacked.sum()] and nearest[7] == found.sum() > 80
    assert nearest[2:4] == pytest.approx(percent, abs=0.051)
    assert nearest[4:7] == pytest.approx([distortion.mean(), *mean], abs=5.1e-5)
    # both attack the same images, and the second looks for the nearest
    assert lbfgs[1] == nearest[1] and lbfgs[4] > nearest[4]


def test_bounds_of_resnet18():
    *lines, last = printed("bounds_of_resnet18.py", "--size", 32)
    rows = {words[0]: words[1:] for words in map(str.split, lines[1:])}
    # all weights but those of the normalisations, and the pool
    assert len(rows) == 20 + 1 + 1 and rows["maxpool"][0] == "max-pool"
    torch.manual_seed(0)
    weight = import_torchvision().models.resnet18().fc.weight.detach().numpy()
    norm = np.linalg.norm(weight.astype(float), 2)
    lower, upper = map(float, rows["fc"][-2:])
    assert lower - 1e-4 <= norm <= upper + 1e-4 < 1.001 * norm
    assert all(float(words[-2]) <= float(words[-1]) for words in rows.values())
    between = rf"of 69 layers: Lipschitz constant between {NUMBER} .* and {NUMBER} \(certified\)"
    lower, upper = map(float, re.search(between, last).groups())
    assert 0 < lower < upper


def test_results_read_with_pandas(built):
    results = built.path("results/smoke")
    text = "\n".join(printed("read_results.py", results))
    with (results / "tables/claims.csv").open() as file:
        claims = list(csv.DictReader(file))
    assert claims
    for claim in claims:
        assert re.search(rf"^ *{claim['verdict']} +{re.escape(claim['sentence'])}$", text, re.M)
    with (results / "tables/table2.csv").open() as file:
        pairs = [row for row in csv.DictReader(file) if row["matched_noise_percent"]]
    errors = {(row["made_for"], row["target"]): float(row["error_percent"]) for row in pairs}
    names = sorted({target for _, target in errors})
    assert len(errors) == len(names) ** 2
    for made_for in names:
        shown = re.search(rf"^{made_for} +(.*)$", text, re.M).group(1).split()
        assert list(map(float, shown)) == pytest.approx(
            [errors[made_for, target] for target in names], abs=0.051
        )
    others = [row for row in pairs if row["made_for"] != row["target"]]
    gains = [float(row["error_percent"]) - float(row["matched_noise_percent"]) for row in others]
    apart = sum(float(row["error_low"]) > float(row["matched_noise_high"]) for row in others)
    gain = float(re.search(rf"transfer: {NUMBER} points", text).group(1))
    assert gain == pytest.approx(np.mean(gains), abs=0.051)
    assert f"in {apart} of {len(others)} pairs" in text
