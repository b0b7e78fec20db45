"""What the numbers of Tables 1 to 4 rest on, in the line below each, and where that is little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas

from intriguing.artifacts.sample import TargetRule
from intriguing.report.published import on_same_data

FEW = 30
"""With fewer images an interval is too wide to compare much."""


def caption(
    dataset: str,
    attack: Mapping[str, Any],
    seeds: int,
    table: pandas.DataFrame,
    *,
    published: str,
) -> str:
    """The line below a table.

    Parameters
    ----------
    dataset : str
    attack : mapping
        Settings of the attack that is shown: ``count``, ``split``, ``targets``, ``margin`` (in
        logits) and ``labels``.
    seeds : int
        How many trainings of each model there are.
    table : DataFrame
        With the columns of `published.compared`.
    published : str
        Which images of MNIST the published values are of.
    """
    of_model = (
        " An error is a class other than that of the undistorted image."
        if attack["labels"] == "model"
        else ""
    )
    covered = (
        f"images and {seeds} seeds, whose numbers of images n are added up"
        if seeds > 1
        else "images alone, since there is one seed (list several under seeds to cover trainings)"
    )
    return (
        f"{dataset}: {attack['count']} images of split {attack['split']}, target rule"
        f" {TargetRule.of(attack['targets'])}, margin {attack['margin']:g} in logits. 95 %"
        f" intervals over {covered}.{of_model}{_published(table, published)}"
    )


def _published(table: pandas.DataFrame, images: str) -> str:
    """What the published values are, and how they compare; nothing if none is shown."""
    values = [name.removesuffix("_is") for name in table if str(name).endswith("_is")]
    if not table[values].notna().any(axis=None):
        return ""
    if not on_same_data(table):
        return (
            " Published values are of MNIST, another data set, and show the scale alone: errors and"
            " distortions do not compare across images of other kinds and sizes."
        )
    return (
        f" Published: Szegedy et al. 2013, as printed there, {images} of MNIST, target rule not"
        " stated. It agrees where its 95 % interval (the value, if its number of images is not"
        " known) meets ours, and is lower or higher where it lies below or above."
    )


def warnings(table: pandas.DataFrame) -> list[str]:
    """Sentences about models with so few images that their intervals are wide.

    Parameters
    ----------
    table : DataFrame
        Table 1, Table 3 or the distortion by attack, as computed or read from its CSV file.

    Returns
    -------
    list of str
        None if every model has an example for `FEW` images or more.
    """
    each = table["success_count"] / table["seeds"]
    few = table[each < FEW]
    if few.empty:
        return []
    names = "; ".join(_images_of(row) for row in few.to_dict("records"))
    found = [
        f"Fewer than {FEW} images have an adversarial example, so that intervals are wide: {names}."
    ]
    if ((few["labels"] != "model") & (few["already_wrong_n"] > 0)).any():
        found.append(
            "Images that a model misclassifies undistorted are not attacked. With labels: model in"
            " the entry of the attack they are, from the class that the model gives them."
        )
    else:
        found.append("A larger count in the entry of the attack attacks more images.")
    return found


def _images_of(row: Mapping[Any, Any]) -> str:
    tried = row["success_n"] + row["already_wrong_n"]
    attack = f", {row['attack']}" if "attack" in row else ""
    numbers = (row[key] / row["seeds"] for key in ("success_count", "already_wrong_n"))
    with_example, wrong = (f"{number:.0f}" for number in numbers)
    return (
        f"{row['label']}{attack} {with_example} of {tried / row['seeds']:.0f}"
        f" ({wrong} misclassified undistorted)"
    )
