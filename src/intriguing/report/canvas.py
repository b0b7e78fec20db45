"""The figures of the page, as PNG files. Knows nothing of torch."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import seaborn

from intriguing.artifacts.files import replacing

DIFFERENCE_COLOURS = "RdBu_r"
# names of so many letters would run into each other
LONG = 13


def transfer_heatmap(table, path):
    """Transfer matrix as a heat map, ours and the published one side by side.

    Parameters
    ----------
    table : DataFrame
        As `tables.table2` gives it.
    """
    published = table["paper_error_percent"].notna().any()
    columns = [("error_percent", "this rebuild")]
    columns += [("matched_noise_percent", "Gaussian noise of the same distortion")]
    columns += [("paper_error_percent", "published (MNIST)")] if published else []
    rows = list(dict.fromkeys(table["made_for_label"]))
    models = list(dict.fromkeys(table["target_label"]))
    size = (1.6 + len(columns) * (0.75 * len(models) + 0.4), 1.8 + 0.5 * len(rows))
    figure, axes = plt.subplots(1, len(columns), figsize=size, sharey=True, squeeze=False)
    for axis, (column, heading) in zip(axes[0], columns, strict=True):
        matrix = table.pivot(index="made_for_label", columns="target_label", values=column)
        seaborn.heatmap(
            matrix.reindex(index=rows, columns=models),
            ax=axis,
            vmin=0,
            vmax=100,
            cmap="rocket_r",
            annot=True,
            fmt=".0f",
            linewidths=0.5,
            cbar=axis is axes[0][-1],
            cbar_kws={"label": "error, %"},
        )
        axis.set_title(heading, fontsize=10)
        axis.set_xlabel("evaluated on")
        axis.set_ylabel("made for" if axis is axes[0][0] else "")
        axis.tick_params(axis="y", left=axis is axes[0][0])
        axis.tick_params(axis="x", labelrotation=45)
        plt.setp(axis.get_xticklabels(), ha="right")
    save(figure, path)


def gallery(originals, distorted, labels, targets, distortions, path, *, title, class_names):
    """Image, magnified difference and adversarial image, one column for each example.

    Parameters
    ----------
    originals, distorted : float array (k, C, H, W) in [0, 1]
    labels, targets : int array (k,)
    distortions : float array (k,)
    title : str
    class_names : sequence of str
    """
    difference = distorted - originals
    # as large as leaves all but the last half percent of the pixels within the colours
    largest = np.quantile(np.abs(difference), 0.995) if difference.size else 0.0
    magnified = max(1, int(0.5 / largest)) if largest else 1
    count = max(1, len(originals))
    figure, axes = plt.subplots(3, count, figsize=(1.15 * count + 1.2, 4.6), squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for k in range(len(originals)):
        _image(axes[0][k], originals[k])
        axes[0][k].set_title(class_names[labels[k]], fontsize=9)
        _difference(axes[1][k], magnified * difference[k])
        axes[1][k].set_title(f"rms {distortions[k]:.2g}", fontsize=8)
        _image(axes[2][k], distorted[k])
        reached = f"→ {class_names[targets[k]]}"
        axes[2][k].set_title(reached, fontsize=9 if len(reached) < LONG else 7)
    for row, words in enumerate(("image", f"difference ×{magnified}", "adversarial")):
        axes[row][0].text(
            -0.15, 0.5, words, transform=axes[row][0].transAxes, ha="right", va="center", fontsize=9
        )
    figure.suptitle(title, fontsize=10)
    save(figure, path)


def pairs(panels, path):
    """Panels of images, each above its distorted version.

    Parameters
    ----------
    panels : sequence of (str, float array (k, C, H, W), float array (k, C, H, W))
        What stands above a panel, originals, distorted images (shown clipped to [0, 1]).
    """
    columns = max(1, *(len(originals) for _, originals, _ in panels))
    figure = plt.figure(figsize=(1.0 * columns + 0.6, 2.5 * len(panels)), layout="constrained")
    for part, (words, originals, distorted) in zip(
        figure.subfigures(len(panels), 1, squeeze=False)[:, 0], panels, strict=True
    ):
        part.suptitle(words, fontsize=9)
        axes = part.subplots(2, columns, squeeze=False)
        for axis in axes.flat:
            axis.set_axis_off()
        for k, pair in enumerate(zip(originals, distorted, strict=True)):
            for axis, image in zip(axes[:, k], pair, strict=True):
                _image(axis, np.clip(image, 0, 1))
    save(figure, path)


def _image(axis, image):
    if len(image) == 1:
        axis.imshow(image[0], cmap="gray", vmin=0, vmax=1)
    else:
        axis.imshow(image.transpose(1, 2, 0))


def _difference(axis, difference):
    if len(difference) == 1:
        axis.imshow(difference[0], cmap=DIFFERENCE_COLOURS, vmin=-0.5, vmax=0.5)
    else:
        axis.imshow(np.clip(0.5 + difference, 0, 1).transpose(1, 2, 0))


def save(figure, path):
    """Write a figure as PNG that depends on the data alone, and close it."""
    with replacing(path) as partial:
        # no Software key: the file depends on the data alone
        figure.savefig(
            partial, dpi=110, bbox_inches="tight", format="png", metadata={"Software": None}
        )
    plt.close(figure)
