"""Table 2: error of each model on the adversarial examples of each, and on Gaussian noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas

from intriguing.report import cells, matrices


def tidy(
    models: Mapping[str, Mapping[str, str]],
    transfer: pandas.DataFrame,
    published: pandas.DataFrame,
    attack: str,
    noise: Sequence[str] = (),
    *,
    same_data: bool = True,
) -> pandas.DataFrame:
    """Table 2, ours and the published values.

    Parameters
    ----------
    models : mapping of str to mapping
        Entries of the experiment, in order.
    transfer : DataFrame
        Rows of all transfer jobs.
    published : DataFrame
        ``resources/paper/table2.csv`` as `published.read` gives it.
    attack : str
        Which attack.
    noise : sequence of str
        Names of the noise to show below the models.
    same_data : bool
        Whether the experiment has the images of the paper (MNIST).

    Returns
    -------
    DataFrame
        One row a cell: ``error_*`` on the distorted images, ``matched_noise_*`` on Gaussian noise
        of the same distortion on the same images, ``clean_*`` on the originals; all in percent.
        ``comparable``: the target of each image is a class of the evaluated model.
        ``paper_error_percent_is``: see `published.compared`.
    """
    chosen = transfer[transfer["attack"].isin([attack, "gaussian_noise"])]
    rows = []
    for source in [*models, *noise]:
        of_source = chosen[chosen["made_for"] == source]
        label, role = cells.source(source, models)
        for target, entry in models.items():
            cell = of_source[of_source["target"] == target]
            distorted = cell[cell["input"] == "distorted"]
            row = {
                "made_for": source,
                "made_for_label": label,
                "target": target,
                "target_label": entry["label"],
                "seeds": len(distorted),
                **cells.rate("error", distorted["errors"], distorted["n"]),
            }
            for control in ("matched_noise", "clean"):
                part = cell[cell["input"] == control]
                row |= cells.rate(control, part["errors"], part["n"])
            row["distortion"] = distorted["distortion_mean"].mean()
            # noise has no target, and models of other classes cannot make the same mistake
            row["comparable"] = bool(distorted["same_errors"].notna().any())
            rows.append(row | {"role": role, "target_role": entry.get("role", "")})
    table = (
        pandas.DataFrame(rows)
        .merge(
            published.add_prefix("paper_"),
            how="left",
            left_on=["role", "target_role"],
            right_on=["paper_made_for", "paper_target"],
        )
        .drop(columns=["paper_made_for", "paper_target"])
    )
    return matrices.compared(table, same_data)


def layouts(table: pandas.DataFrame) -> dict[str, pandas.DataFrame]:
    """Table 2 as in the paper, a row for each source; below it the errors without an adversary."""
    return {
        "": matrices.layout(table, "made_for_label", "made for"),
        "The same images without an adversary": _controls(table),
    }


def sortable(table: pandas.DataFrame) -> dict[str, pandas.DataFrame]:
    """The same numbers, a row for each cell."""
    return {"": matrices.listing(table, "made_for_label", "made for")}


def _controls(table: pandas.DataFrame) -> pandas.DataFrame:
    """Errors on Gaussian noise of the same distortion, and undistorted."""
    rows = []
    for _, of_source in table[table["matched_noise_n"] > 0].groupby("made_for", sort=False):
        for name, words in (
            ("matched_noise", "Gaussian noise, same distortion"),
            ("clean", "undistorted"),
        ):
            line = {"images of": of_source.iloc[0]["made_for_label"], "errors in %": words}
            for cell in of_source.itertuples():
                line[cell.target_label] = cells.percent(cell, name)
            rows.append(line)
    return cells.lines(rows)


def caption(basis: str, table: pandas.DataFrame) -> str:
    """The line below the table: that of all tables, and what is special to this one."""
    return f"{basis}{matrices.own_examples(table)}"
