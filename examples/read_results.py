"""Read the tables of an experiment with pandas: claims, transfer matrix, transfer and noise.

python examples/read_results.py results/digits
"""

import argparse
from pathlib import Path

import pandas


def matrix(table, column):
    """One number for each pair of models: made for (rows), evaluated on (columns)."""
    return table.pivot(index="made_for", columns="target", values=column)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="folder of a built experiment")
    tables = parser.parse_args().results / "tables"

    claims = pandas.read_csv(tables / "claims.csv")
    print(claims[["verdict", "sentence"]].to_string(index=False), end="\n\n")

    # one line for each pair of models; the lines of noise alone have no matched noise
    table = pandas.read_csv(tables / "table2.csv")
    table = table[table["matched_noise_percent"].notna()]
    print("error of each model (columns) on examples made for another (rows), %")
    print(matrix(table, "error_percent").round(1).to_string(), end="\n\n")

    others = table[table["made_for"] != table["target"]]
    gain = others["error_percent"] - others["matched_noise_percent"]
    apart = others["error_low"] > others["matched_noise_high"]
    print(f"transfer: {gain.mean():.1f} points above noise of the same size, on average;")
    # stricter than the test of the claim, which takes the interval of the difference
    print(f"in {apart.sum()} of {len(others)} pairs the two 95 % intervals do not even touch")


if __name__ == "__main__":
    main()
