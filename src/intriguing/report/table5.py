"""Table 5 and the table of certified distortions. Knows nothing of torch."""

import pandas

from intriguing import intervals

# layers that only pass on what they get have no line in the rendered table
PLAIN = ("reshape", "ReLU", "dropout", "tanh", "sigmoid", "softmax")
METHODS = ("paper_as_printed", "paper", "lower", "upper", "unfold", "article", "toeplitz", "gram")
DISTANCES = ("simple", "pairwise", "targeted", "found", "noise")

TABLE5_CAPTION = (
    "Operator norm of each layer. published: Szegedy et al. 2013, Table 5, for an AlexNet whose"
    " weights they do not name ([S]: read in a secondary source). printed: their formula as it"
    " stands; corrected: with the right power of the stride; ours: certified interval; unfold,"
    " article, Toeplitz (LipBound), Gram iteration: other methods. network: largest Jacobian norm"
    " found, and the smallest certified constant; under corrected their product with pools as 1,"
    " which is no bound where pools overlap."
)
CERTIFICATES_CAPTION = (
    "Mean distortion (root mean square per pixel) over the n images with an adversarial example,"
    " with 95 % intervals. certified: no distortion below it changes the class, by the network's"
    " constant (simple), by that of each pair of logits (pairwise), or moves the image to its"
    " target (targeted). found: by the attack. noise: Gaussian, along one random direction, where"
    " the class first changes. least ratio: the smallest found over certified; were one below 1,"
    " the build would fail."
)


def table5(networks, published):
    """Bounds of all layers of all networks, tidy.

    Parameters
    ----------
    networks : sequence of (dict, DataFrame)
        Label (``label``), ``architecture`` and ``seed`` of each, and its `stages.lipschitz` table.
    published : DataFrame
        ``resources/paper/table5.csv``; stands beside the network of that architecture.

    Returns
    -------
    DataFrame
        One row a layer; the last row of each network is for the whole.
    """
    frames = []
    for entry, layers in networks:
        frame = layers.copy()
        theirs = published.rename(columns=lambda name: f"published_{name}")
        if entry["architecture"] == "alexnet":
            frame = frame.merge(theirs, how="left", left_on="layer", right_on="published_layer")
        frame.insert(0, "network", entry["label"])
        frame.insert(1, "seed", entry["seed"])
        frames.append(frame.reindex(columns=_COLUMNS))
    return pandas.concat(frames, ignore_index=True)


_COLUMNS = (
    *("network", "seed", "layer", "name", "kind", "input", "weight", "stride"),
    *("published_size", "published_bound", "published_tag", *METHODS, "product", "method"),
)


def table5_layout(table):
    """As in the paper: a line a layer, each network under the last; the first seed of each."""
    lines = []
    for label, of_label in table.groupby("network", sort=False):
        shown = of_label[of_label["seed"] == of_label["seed"].iloc[0]]
        for row in shown[~shown["kind"].isin(PLAIN)].itertuples():
            published = "" if pandas.isna(row.published_bound) else f"{row.published_bound:g}"
            lines.append(
                {
                    "network": label,
                    "layer": row.layer,
                    "size": _size(row.weight),
                    "stride": "" if pandas.isna(row.stride) else f"{row.stride:.0f}",
                    "published": published and f"{published} [{row.published_tag}]",
                    "printed": _number(row.paper_as_printed),
                    "corrected": _number(row.paper),
                    "ours [lower, upper]": _interval(row),
                    "unfold": _number(row.unfold),
                    "article": _number(row.article),
                    "Toeplitz": _number(row.toeplitz),
                    "Gram": _number(row.gram),
                }
            )
    return pandas.DataFrame(lines)


def _interval(row):
    interval = f"[{_number(row.lower)}, {_number(row.upper)}]"
    # of a network without a bound the reason
    return interval if row.upper < float("inf") else f"{interval}: {row.method}"


def _size(weight):
    """Outputs×inputs×height×width as the paper writes it: inputs×height×width×outputs."""
    if pandas.isna(weight) or not weight:
        return ""
    outputs, *rest = weight.split("×")
    return "×".join([*rest, outputs])


def _number(value):
    return "" if pandas.isna(value) else f"{value:.4g}"


def certificates(models, lines, attacks):
    """Certified, found and random distortion: a row for each model and attack, seeds pooled.

    Parameters
    ----------
    models : dict of str to dict
        Entries of the experiment, in order.
    lines : DataFrame
        Rows of `stages.lipschitz.certificates` with ``attack``, ``model`` and ``seed``.
    attacks : sequence of str
    """
    rows = []
    for name, entry in models.items():
        for attack in attacks:
            made = lines[(lines["attack"] == attack) & (lines["model"] == name)]
            if made.empty:  # an attack that is not made for this model
                continue
            row = {"model": name, "label": entry["label"], "attack": attack}
            row |= {key: made[key].iloc[0] for key in ("method", "split", "targets")}
            row |= {"seeds": len(made), "n": made["n"].sum()}
            for distance in DISTANCES:
                row |= _mean(distance, made)
            row["least_ratio"] = made["least_ratio"].min()
            rows.append(row)
    return pandas.DataFrame(rows)


def _mean(name, made):
    if f"{name}_mean" not in made or made[f"{name}_mean"].isna().all():
        return {}
    found = made[made["n"] > 0]
    centre, low, high = intervals.mean(
        found[f"{name}_mean"], found[f"{name}_deviation"], found["n"]
    )
    return {
        name: centre,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_median": found[f"{name}_median"].mean(),
    }


def _fine(value):
    """Four decimals, or two digits of what they would not show."""
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.1e}"


def certificates_layout(table):
    """Attacks below each other within a model."""
    lines = []
    for row in table.to_dict("records"):
        line = {"model": row["label"], "attack": row["attack"], "n": f"{row['n']:.0f}"}
        for name in DISTANCES:
            if name == "noise":
                # some images stand the strongest that is tried: a mean would depend on it
                line["noise, median"] = f"{row['noise_median']:.4f}"
                continue
            heading = f"certified, {name}" if name in DISTANCES[:3] else name
            value = row.get(name)
            line[heading] = (
                ""
                if value is None or pandas.isna(value)
                else f"{_fine(value)} [{_fine(row[f'{name}_low'])}, {_fine(row[f'{name}_high'])}]"
            )
        line["least ratio"] = f"{row['least_ratio']:.2f}"
        lines.append(line)
    return pandas.DataFrame(lines)
