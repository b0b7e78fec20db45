"""Table 4: transfer between models of disjoint training sets, as found and amplified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas

from intriguing.report import cells, matrices

# what was done to the images of a row: words for it, and the noise that has its distortion
INPUTS = {
    "distorted": ("for {}", "matched_noise"),
    "amplified": ("for {}, amplified to {:g}", "amplified_noise"),
    "amplified_unclipped": ("for {}, to {:g}, not clipped to the box", None),
    "amplified_as_printed": ("for {}, to {:g} by the formula as printed", None),
}


def tidy(
    models: Mapping[str, Mapping[str, str]],
    transfer: pandas.DataFrame,
    published: pandas.DataFrame,
    noise: Mapping[str, float],
    amplified: float,
    *,
    same_data: bool = True,
) -> pandas.DataFrame:
    """Table 4, ours and the published values.

    Parameters
    ----------
    models : mapping of str to mapping
        Entries of the models trained on parts, in order.
    transfer : DataFrame
        Rows of the transfers between them.
    published : DataFrame
        ``resources/paper/table4.csv`` as `published.read` gives it.
    noise : mapping of str to float
        Standard deviation of each noise by its name in ``made_for``.
    amplified : float
        Distortion that examples are amplified to, before clipping.
    same_data : bool
        Whether the experiment has the images of the paper (MNIST).

    Returns
    -------
    DataFrame
        One row a cell: ``error_*`` on the distorted images, ``matched_noise_*`` on Gaussian noise
        of the same distortion on the same images, ``clean_*`` on the originals, in percent.
        ``distortion`` is what is left after clipping; ``beyond`` how many examples were farther
        than ``amplified`` already and stay as they are. ``paper_error_percent_is``: see
        `published.compared`.
    """
    rows: list[dict[str, Any]] = []
    for made_for, kind in _order(models, noise, amplified):
        of_source = transfer[transfer["made_for"] == made_for]
        label, role = cells.source(made_for, models)
        words, control = INPUTS[kind]
        row = {"made_for": made_for, "input": kind, "role": role}
        row["label"] = words.format(label, amplified) if made_for in models else label
        for target, entry in models.items():
            of_pair = of_source[of_source["target"] == target]
            cell = of_pair[of_pair["input"] == kind]
            numbers = {"target": target, "target_label": entry["label"], "seeds": len(cell)}
            numbers |= cells.rate("error", cell["errors"], cell["n"])
            for column, name in (("matched_noise", control), ("clean", "clean")):
                part = of_pair[of_pair["input"] == name]
                numbers |= cells.rate(column, part["errors"], part["n"])
            numbers["distortion"] = cell["distortion_mean"].mean()
            moved = kind in ("amplified", "amplified_unclipped")
            numbers["beyond"] = cell["beyond"].sum() if moved else 0
            rows.append(row | numbers | {"target_role": entry.get("role", "")})
    keys = {"role": "made_for", "input": "input", "target_role": "target"}
    table = pandas.DataFrame(rows).merge(
        published.add_prefix("paper_"),
        how="left",
        left_on=list(keys),
        right_on=[f"paper_{key}" for key in keys.values()],
    )
    table = table.drop(columns=[f"paper_{key}" for key in keys.values()])
    return matrices.compared(table, same_data)


def _order(
    models: Mapping[str, Any], noise: Mapping[str, float], amplified: float
) -> Iterator[tuple[str, str]]:
    """Rows as in the paper, weaker noise before what is amplified; then what the paper has not."""
    yield from ((name, "distorted") for name in models)
    yield from ((name, "distorted") for name in noise if noise[name] < amplified)
    yield from ((name, "amplified") for name in models)
    yield from ((name, "distorted") for name in noise if noise[name] >= amplified)
    for kind in ("amplified_unclipped", "amplified_as_printed"):
        yield from ((name, kind) for name in models)


def layouts(table: pandas.DataFrame) -> dict[str, pandas.DataFrame]:
    """Table 4 as in the paper, a row for each source; below it the errors without an adversary."""
    return {
        "": matrices.layout(table, "label", "examples"),
        "The same images without an adversary": _controls(table),
    }


def sortable(table: pandas.DataFrame) -> dict[str, pandas.DataFrame]:
    """The same numbers, a row for each cell."""
    return {"": matrices.listing(table, "label", "examples")}


def _controls(table: pandas.DataFrame) -> pandas.DataFrame:
    """Errors on noise of the same distortion, and undistorted."""
    rows = []
    with_noise = table[table["matched_noise_n"] > 0]
    for label, of_source in with_noise.groupby("label", sort=False):
        of_row: Sequence[Any] = list(of_source.itertuples())
        controls = {"matched_noise": "Gaussian noise, same distortion"}
        if of_row[0].input == "distorted":
            controls["clean"] = "undistorted"
        for name, words in controls.items():
            line = {"images of": label, "errors in %": words}
            line |= {cell.target_label: cells.percent(cell, name) for cell in of_row}
            rows.append(line)
    return cells.lines(rows)


def caption(basis: str, table: pandas.DataFrame) -> str:
    """The line below the table: that of all tables, and what is special to this one."""
    beyond = int(table["beyond"].max())
    farther = (
        f" Up to {beyond} examples of a row were farther already and stay as they are."
        if beyond
        else ""
    )
    means = table.groupby("input")["distortion"].mean()
    nearer = (
        " By the formula as printed an amplified image is nearer than the example."
        if means.get("amplified_as_printed", float("inf")) < means["distorted"]
        else ""
    )
    return (
        f"{basis}{matrices.own_examples(table)} Amplified: on along the adversarial direction,"
        " clipped to [0, 1]; av. distortion is what is left after that."
        f"{farther}{nearer} The paper itself says that its examples are considerably less effective"
        " on models of another training set."
    )
