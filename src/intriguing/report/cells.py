"""The paper's tables from the files of the workflow: ours with intervals, the published beside.

Rates are in percent, distortions in units of the pixel range. This module reads and writes
pandas.DataFrame and text; it knows nothing of torch.
"""

import pandas

from intriguing import intervals

NOISE_LABEL = "Gaussian noise {}"


def table1(models, metrics, attacks, published, attack):
    """Table 1: each model's errors and the average distortion of its adversarial examples.

    Parameters
    ----------
    models : dict of str to dict
        Entries of the experiment (``label``, ``description``, ``role``), in order.
    metrics : dict of str to list of dict
        ``metrics.json`` of each model, one for each seed.
    attacks : DataFrame
        Rows of `stages.attack.summary` with the columns ``attack``, ``model`` and ``seed``.
    published : DataFrame
        ``resources/paper/table1.csv`` as `published.read` gives it.
    attack : str
        Which attack.

    Returns
    -------
    DataFrame
        One row a model. ``*_low`` and ``*_high`` bound the 95 % interval; ``paper_*`` are
        published. ``train`` is the error on the split that the model was trained on; ``missed`` the
        share of a binary model's class that it does not recognise, in the test set.
    """
    rows = []
    for name, entry in models.items():
        row = {"model": name, "label": entry["label"], "description": entry["description"]}
        runs = metrics[name]
        row["seeds"] = len(runs)
        for column, split in (("train", runs[0]["trained_on"]), ("test", "test")):
            counts = [run["errors"][split] for run in runs]
            row |= _rate(column, [c["errors"] for c in counts], [c["n"] for c in counts])
        tested = [run["errors"]["test"] for run in runs]
        if "positive_n" in tested[0]:
            missed = [count["positive_errors"] for count in tested]
            row |= _rate("missed", missed, [count["positive_n"] for count in tested])
        made = attacks[(attacks["attack"] == attack) & (attacks["model"] == name)]
        row |= _rate("success", made["successes"], made["attacked"])
        row |= _found(made)
        row["already_wrong_n"] = made["already_wrong"].sum()
        row |= {"split": made["split"].iloc[0], "targets": made["targets"].iloc[0]}
        rows.append(row | {"role": entry.get("role", "")})
    frame = pandas.DataFrame(rows)
    theirs = published.rename(columns=lambda name: f"paper_{name}")
    return frame.merge(theirs, how="left", left_on="role", right_on="paper_model").drop(
        columns="paper_model"
    )


def distortion(models, attacks, names):
    """Distortion by attack: one row for each attack of each model, seeds pooled.

    Parameters
    ----------
    models : dict of str to dict
        Entries of the experiment, in order.
    attacks : DataFrame
        Rows of `stages.attack.summary` with the columns ``attack``, ``model`` and ``seed``.
    names : sequence of str
        The attacks, in order.
    """
    rows = []
    for name, entry in models.items():
        for attack in names:
            made = attacks[(attacks["attack"] == attack) & (attacks["model"] == name)]
            if made.empty:  # an attack that is not made for this model
                continue
            settings = made.iloc[0]
            row = {"model": name, "label": entry["label"], "attack": attack}
            row |= {
                key: settings[key] for key in ("method", "split", "targets", "margin", "levels")
            }
            row["seeds"] = len(made)
            row |= _rate("success", made["successes"], made["attacked"]) | _found(made)
            rows.append(row | {"evaluations": made["evaluations_mean"].mean()})
    return pandas.DataFrame(rows)


def distortion_layout(table):
    """Attacks below each other within a model."""
    lines = [
        {
            "model": row.label,
            "attack": row.attack,
            "method": row.method,
            "targets": row.targets,
            "images": row.split,
            "margin": f"{row.margin:g}" + _levels(row.levels),
            "found": f"{row.success_count:.0f}/{row.success_n:.0f}" + _seeds(row.seeds),
            "success %": _percent(row, "success_percent", "success_low", "success_high"),
            "av. distortion": _distortion(row.distortion, row.distortion_low, row.distortion_high),
            "median": _distortion(row.distortion_median),
            "worst": _distortion(row.distortion_worst),
            "gradients": f"{row.evaluations:.0f}",
        }
        for row in table.itertuples()
    ]
    return pandas.DataFrame(lines)


def _levels(levels):
    return "" if pandas.isna(levels) else f", {levels:.0f} levels"


def _found(made):
    """Distortion of the examples found, over all seeds."""
    found = made[made["successes"] > 0]
    centre, low, high = intervals.mean(
        found["distortion_mean"], found["distortion_deviation"], found["successes"]
    )
    return {
        "distortion": centre,
        "distortion_low": low,
        "distortion_high": high,
        "distortion_median": found["distortion_median"].mean(),
        "distortion_worst": found["distortion_worst"].max(),
    }


def table2(models, transfer, published, attack):
    """Table 2: error of each model on the examples made for each, and on Gaussian noise.

    Parameters
    ----------
    models : dict of str to dict
        Entries of the experiment, in order.
    transfer : DataFrame
        Rows of all transfer jobs.
    published : DataFrame
        ``resources/paper/table2.csv`` as `published.read` gives it.
    attack : str
        Which attack.

    Returns
    -------
    DataFrame
        One row a cell: ``error_*`` on the distorted images, ``matched_noise_*`` on Gaussian noise
        of the same distortion on the same images, ``clean_*`` on the originals.
    """
    chosen = transfer[transfer["attack"].isin([attack, "gaussian_noise"])]
    rows = []
    for made_for in dict.fromkeys([*models, *chosen["made_for"]]):
        of_source = chosen[chosen["made_for"] == made_for]
        label, role = _source(made_for, models)
        for target, entry in models.items():
            cell = of_source[of_source["target"] == target]
            distorted = cell[cell["input"] == "distorted"]
            row = {
                "made_for": made_for,
                "made_for_label": label,
                "target": target,
                "target_label": entry["label"],
                "seeds": len(distorted),
                **_rate("error", distorted["errors"], distorted["n"]),
            }
            for control in ("matched_noise", "clean"):
                part = cell[cell["input"] == control]
                row |= _rate(control, part["errors"], part["n"])
            row["distortion"] = distorted["distortion_mean"].mean()
            rows.append(row | {"role": role, "target_role": entry.get("role", "")})
    frame = pandas.DataFrame(rows)
    theirs = published.rename(columns=lambda name: f"paper_{name}")
    return frame.merge(
        theirs,
        how="left",
        left_on=["role", "target_role"],
        right_on=["paper_made_for", "paper_target"],
    ).drop(columns=["paper_made_for", "paper_target"])


def table1_layout(table):
    """Table 1 as a reader wants it: two lines a model, ours and the paper's."""
    lines = []
    for row in table.itertuples():
        sizes = f"ours, n = {row.train_n:.0f} / {row.test_n:.0f}"
        ours = {"model": row.label, "": sizes}
        theirs = {"model": row.role, "": f"paper [{row.paper_tag}]"}
        for heading, stem in (("train error %", "train"), ("test error %", "test")):
            ours[heading] = _percent(row, f"{stem}_percent", f"{stem}_low", f"{stem}_high")
            theirs[heading] = _percent(
                row, f"paper_{stem}_percent", f"paper_{stem}_low", f"paper_{stem}_high"
            )
        if "missed_n" in table:
            of_class = _percent(row, "missed_percent", "missed_low", "missed_high")
            ours["its class missed %"] = f"{of_class} of {row.missed_n:.0f}" if of_class else ""
            theirs["its class missed %"] = ""
        ours["attack success"] = f"{row.success_count:.0f}/{row.success_n:.0f}" + _seeds(row.seeds)
        theirs["attack success"] = ""
        ours["av. distortion"] = _distortion(
            row.distortion, row.distortion_low, row.distortion_high
        )
        theirs["av. distortion"] = f"{row.paper_distortion:g}"
        ours["median"], theirs["median"] = _distortion(row.distortion_median), ""
        ours["worst"], theirs["worst"] = _distortion(row.distortion_worst), ""
        lines.append(ours)
        if row.role:
            lines.append(theirs)
    return pandas.DataFrame(lines).fillna("")


def table2_layout(table):
    """Table 2 as in the paper: a row for each source, ours above the published one."""
    lines = []
    for _made_for, cells in table.groupby("made_for", sort=False):
        # the first value of each column that is there: a model without a role has none published
        first = cells.bfill().iloc[0]
        images = f"{first['error_n']:.0f}" + _seeds(first["seeds"])
        ours = {"made for": first["made_for_label"], "": f"ours, n = {images}"}
        theirs = {"made for": "", "": f"paper [{first['paper_tag']}]"}
        for cell in cells.itertuples():
            ours[cell.target_label] = _percent(cell, "error_percent", "error_low", "error_high")
            theirs[cell.target_label] = _percent(
                cell, "paper_error_percent", "paper_error_low", "paper_error_high"
            )
        ours["av. distortion"] = _distortion(first["distortion"])
        theirs["av. distortion"] = f"{first['paper_distortion']:g}"
        lines.append(ours)
        if not cells["paper_error_percent"].isna().all():
            lines.append(theirs)
    return pandas.DataFrame(lines)


def control_layout(table):
    """What the same distortion does without an adversary: error on Gaussian noise, and clean."""
    lines = []
    for _, cells in table[table["matched_noise_n"] > 0].groupby("made_for", sort=False):
        for name, words in (
            ("matched_noise", "same distortion, Gaussian"),
            ("clean", "undistorted"),
        ):
            line = {"images of": cells.iloc[0]["made_for_label"], "": words}
            for cell in cells.itertuples():
                line[cell.target_label] = _percent(
                    cell, f"{name}_percent", f"{name}_low", f"{name}_high"
                )
            lines.append(line)
    return pandas.DataFrame(lines)


def caption(dataset, attack):
    """What the numbers of Tables 1 and 2 rest on, in a line.

    Parameters
    ----------
    dataset : str
    attack : dict
        Settings of the attack that is shown.
    """
    rule = attack["targets"] if isinstance(attack["targets"], str) else attack["targets"]["class"]
    of_model = "; an error is another class than undistorted" if attack["labels"] == "model" else ""
    return (
        f"Ours: {dataset}, {attack['count']} images of split {attack['split']}, target rule"
        f" {rule}, margin {attack['margin']:g}; 95 % intervals{of_model}. Paper: MNIST,"
        " training images, target rule not stated; [S]: read in a secondary source."
    )


def found_statement(table):
    """The paper's claim beside what was found, in a sentence.

    Parameters
    ----------
    table : DataFrame
        As `distortion` gives it.
    """
    counts = table.groupby("label", sort=False)[["success_count", "success_n"]].sum()
    systems = "; ".join(
        f"{row.Index} {row.success_count:.0f} of {row.success_n:.0f}" for row in counts.itertuples()
    )
    return (
        "Paper: for every network studied an adversarial example was found for every sample."
        f" Here, an image once for each attack on it: {systems}."
    )


def distortion_caption(dataset, table):
    """What the table of distortion by attack shows, and the paper's claim about it."""
    return (
        f"Every attack on every model of {dataset}: examples found of images attacked, from the"
        " split named (those that the model had wrong already are left out, unless their class is"
        " the model's own answer), and the mean, median and worst distortion of what was found,"
        " with the 95 % interval of the mean. margin: in"
        " logits, of the example evaluated alone. gradients: mean number of gradient evaluations"
        f" for an image. {found_statement(table)}"
    )


def to_markdown(layout):
    """GitHub Markdown."""
    return layout.to_markdown(index=False, disable_numparse=True) + "\n"


def to_latex(layout):
    """LaTeX with booktabs."""
    return layout.to_latex(
        index=False, escape=True, column_format="ll" + "r" * (layout.shape[1] - 2)
    )


def to_html(layout):
    """An HTML table without styles of its own."""
    return layout.to_html(index=False, border=0, escape=True) + "\n"


def _source(made_for, models):
    if made_for in models:
        return models[made_for]["label"], models[made_for].get("role", "")
    label = NOISE_LABEL.format(made_for.removeprefix("noise"))
    return label, label


def _rate(name, counts, numbers):
    counts, numbers = list(counts), list(numbers)
    centre, low, high = intervals.rate(counts, numbers)
    return {
        f"{name}_n": sum(numbers),
        f"{name}_count": sum(counts),
        f"{name}_percent": 100 * centre,
        f"{name}_low": 100 * low,
        f"{name}_high": 100 * high,
    }


def _seeds(number):
    return f" in {number} seeds" if number > 1 else ""


def _distortion(value, low=float("nan"), high=float("nan")):
    if pandas.isna(value):
        return ""
    return f"{value:.4f}" + ("" if pandas.isna(low) else f" [{low:.4f}, {high:.4f}]")


def _percent(row, value, low, high):
    value, low, high = (getattr(row, name) for name in (value, low, high))
    if pandas.isna(value):
        return ""
    digits = 2 if value < 2 else 1
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
