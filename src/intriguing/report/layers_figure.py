"""Figures of bounds: methods beside the certified interval, and what certificates leave open."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from intriguing.report.canvas import save
from intriguing.report.table5 import PLAIN

MARKS = {
    "published_bound": ("*", "black", "published"),
    "paper_as_printed": ("v", "tab:red", "paper's formula as printed"),
    "paper": ("^", "tab:blue", "paper's formula, corrected"),
    "unfold": ("s", "tab:green", "unfold"),
    "article": ("x", "tab:purple", "article"),
    "toeplitz": ("D", "tab:orange", "Toeplitz (LipBound)"),
    "gram": ("+", "tab:brown", "Gram iteration"),
}

VISIBLE = 1.03


def layers(table, path):
    """A bar for each layer's certified interval, other methods as marks, one panel a network.

    Parameters
    ----------
    table : DataFrame
        As `bound_tables.table5` gives it; layers without a bound are left out.
    """
    # a layer without a bound has no bar; Table 5 gives the reason
    bounded = table["upper"] < float("inf")
    shown = table[bounded & ~table["kind"].isin([*PLAIN, "network"])]
    networks = [
        part[part["seed"] == part["seed"].iloc[0]]
        for _, part in shown.groupby("network", sort=False)
    ]
    if not networks:
        figure, axis = plt.subplots(figsize=(9, 1))
        axis.set_axis_off()
        axis.text(0.5, 0.5, "no network here has bounds: see Table 5 for the reasons", ha="center")
        save(figure, path)
        return
    sizes = [len(part) for part in networks]
    figure, axes = plt.subplots(
        len(networks),
        1,
        figsize=(9, 1.2 + sum(0.32 * size + 0.75 for size in sizes)),
        height_ratios=[size + 1 for size in sizes],
        squeeze=False,
        sharex=True,
        layout="constrained",
    )
    for axis, part in zip(axes[:, 0], networks, strict=True):
        _panel(axis, part.reset_index(drop=True))
    handles = {}
    for axis in axes[:, 0]:
        handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles, loc="outside upper center", ncols=3, fontsize=8)
    axes[-1, 0].set_xlabel("Lipschitz constant of the layer (log scale)")
    save(figure, path)


def _panel(axis, part):
    places = np.arange(len(part))
    # widened by a fixed factor: most intervals are narrower than a line
    low, high = part["lower"] / VISIBLE, part["upper"] * VISIBLE
    axis.barh(
        places,
        high - low,
        left=low,
        height=0.6,
        color="0.75",
        edgecolor="0.4",
        label="certified interval, widened by 3 % either way",
    )
    for column, (mark, colour, label) in MARKS.items():
        if part[column].notna().any():
            axis.scatter(
                part[column], places, marker=mark, s=34, color=colour, label=label, zorder=3
            )
    axis.set_yticks(places, part["layer"], fontsize=8)
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.grid(axis="x", which="both", alpha=0.25)
    axis.set_title(part["network"].iloc[0], fontsize=9, loc="left")


def instability(table, attack, path):
    """Certified, found and random distortion of each model, on a log axis.

    Parameters
    ----------
    table : DataFrame
        As `bound_tables.certificates` gives it.
    attack : str
        Which attack.
    """
    rows = table[table["attack"] == attack].reset_index(drop=True)
    places = np.arange(len(rows))
    figure, axis = plt.subplots(figsize=(8, 1.4 + 0.45 * len(rows)), layout="constrained")
    certified, found = rows["pairwise_median"], rows["found_median"]
    if "targeted_median" in rows and rows["targeted_median"].notna().all():
        certified = rows["targeted_median"]
    # nothing is certified of a network without bounds: there is no place for 0 on a log axis
    certified = certified.where(certified > 0)
    axis.hlines(places, certified, found, color="0.8", linewidth=6, zorder=1)
    for values, mark, colour, label in (
        (certified, "|", "tab:blue", "certified: no example is nearer"),
        (found, "o", "tab:red", "adversarial, found"),
        (rows["noise_median"], "s", "tab:green", "Gaussian noise that changes the class"),
    ):
        axis.scatter(values, places, marker=mark, s=60, color=colour, label=label, zorder=3)
    axis.set_yticks(places, rows["label"])
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.grid(axis="x", which="both", alpha=0.25)
    axis.set_xlabel("median distortion (root mean square per pixel, log scale)")
    axis.set_ylim(len(rows) - 0.5, -0.5)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8)
    save(figure, path)
