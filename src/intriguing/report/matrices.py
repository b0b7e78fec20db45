"""Matrices of errors, as in Tables 2 and 4: every model on the images of every source."""

from __future__ import annotations

import math

import pandas

from intriguing.report import cells, published


def compared(table: pandas.DataFrame, same_data: bool) -> pandas.DataFrame:
    """`published.compared`, but for the examples on which a model errs by construction: its own."""
    table = published.compared(table, {"error": "paper_error_percent"}, same_data)
    own = (table["made_for"] == table["target"]) & (table["error_percent"] == 100)
    if same_data:
        table.loc[own, "paper_error_percent_is"] = ""
    return table


def own_examples(table: pandas.DataFrame) -> str:
    """What the line below such a matrix says of its diagonal; empty if nothing is compared."""
    if not published.on_same_data(table) or table["paper_error_percent"].isna().all():
        return ""
    return " A model errs on all of its own examples by construction: these are not compared."


def layout(table: pandas.DataFrame, label: str, heading: str) -> pandas.DataFrame:
    """Errors of every model on the images of every source, as in the paper's Tables 2 and 4.

    Parameters
    ----------
    table : DataFrame
        One row a cell: ``target_label``, ``error_*``, ``paper_error_*``, ``distortion`` and
        ``paper_distortion``.
    label : str
        Column that says what the images of a row are.
    heading : str
        Of the first column.

    Returns
    -------
    DataFrame
        A row for each source, ours above the published one if there is such.
    """
    rows = []
    for source, part in table.groupby(label, sort=False):
        # the first value of each column that has one: a model without a role has none published
        first = part.bfill().iloc[0]
        ours = {heading: source, "errors in %": "ours"}
        theirs = {heading: "", "errors in %": published.words(table)}
        for cell in part.itertuples():
            ours[cell.target_label] = cells.percent(cell, "error")
            theirs[cell.target_label] = published.cell(cell, "paper_error_percent")
        ours["av. distortion"] = cells.distortion(first["distortion"])
        theirs["av. distortion"] = cells.number(f"{first['paper_distortion']:g}", math.nan)
        ours["n"] = cells.count(first["error_n"])
        rows.append(ours)
        if part["paper_error_percent"].notna().any():
            rows.append(theirs)
    return cells.lines(rows)


def listing(table: pandas.DataFrame, label: str, heading: str) -> pandas.DataFrame:
    """The cells of the same matrix below each other, with the controls of each.

    Parameters
    ----------
    table, label, heading
        As in `layout`; the table also has ``matched_noise_*`` and ``clean_*``.
    """
    rows = []
    for record in table.itertuples():
        row = {heading: getattr(record, label), "evaluated on": record.target_label}
        row["error %"] = cells.percent(record, "error")
        if table["paper_error_percent"].notna().any():
            paper = published.cell(record, "paper_error_percent", marked=False)
            row[f"error %, {published.words(table)}"] = paper
            if published.on_same_data(table):
                row["agreement"] = record.paper_error_percent_is
        row["noise of the same distortion, %"] = cells.percent(record, "matched_noise")
        row["undistorted, %"] = cells.percent(record, "clean")
        row["av. distortion"] = cells.distortion(record.distortion)
        row["n"] = cells.count(record.error_n)
        rows.append(row)
    return cells.lines(rows)
