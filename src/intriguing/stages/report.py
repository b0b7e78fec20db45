"""Report stage: tables in all formats, galleries, and the page. Knows nothing of torch."""

import html

import numpy as np

from intriguing import figures, page, tables
from intriguing.artifacts import read_arrays, write_table, write_text


def write_formats(table, layouts, caption, outputs):
    """Write a table as tidy CSV, and its layouts below each other as md, tex and html.

    Parameters
    ----------
    table : DataFrame
    layouts : sequence of DataFrame
        Empty ones are left out.
    caption : str
        Stands below the layouts.
    outputs : object with attributes csv, md, tex, html
        Paths.
    """
    layouts = [layout for layout in layouts if len(layout)]
    write_table(outputs.csv, table)
    latex = caption.replace("%", "\\%") + "\n"
    paragraph = f"<p>{html.escape(caption)}</p>\n"
    write_text(outputs.md, "\n".join([*map(tables.to_markdown, layouts), caption + "\n"]))
    write_text(outputs.tex, "\n".join([*map(tables.to_latex, layouts), latex]))
    write_text(outputs.html, "\n".join([*map(tables.to_html, layouts), paragraph]))


def gallery(data, examples_path, path, *, count, label):
    """Figure of the first ``count`` adversarial examples of a set.

    Parameters
    ----------
    data : dataset_file.DatasetFile
    examples_path : path
        An adversarial set.
    label : str
        Name of the model.
    """
    names = ("images", "distortion", "success", "labels", "targets")
    arrays, settings = read_arrays(examples_path, names)
    originals = data.sample(settings["split"], settings["count"]).images
    chosen = np.flatnonzero(arrays["success"])[:count]
    figures.gallery(
        originals[chosen],
        arrays["images"][chosen],
        arrays["labels"][chosen],
        arrays["targets"][chosen],
        arrays["distortion"][chosen],
        path,
        title=f"{label}: the first {len(chosen)} adversarial examples of its set",
        class_names=data.class_names,
    )


def page_html(
    template,
    title,
    data,
    attack,
    *,
    table1,
    table2,
    table5,
    distortion,
    certificates,
    heatmap,
    lipschitz,
    instability,
    galleries,
):
    """The page of an experiment.

    Parameters
    ----------
    template : path
    title : str
    data : dataset_file.DatasetFile
    attack : dict
        Settings of the attack that is shown.
    table1, table2, table5, distortion, certificates : path
        HTML tables.
    heatmap, lipschitz, instability : path
        PNG figures.
    galleries : sequence of path

    Returns
    -------
    str
    """
    sections = [
        page.Section("Table 1. Models and the distortion that fools them", _TABLE1, (table1,)),
        page.Section("Table 2. Errors on examples made for another model", _TABLE2, (table2,)),
        page.Section("Transfer matrix", _HEATMAP, (), (heatmap,)),
        page.Section("Distortion by attack", _DISTORTION, (distortion,)),
        page.Section("Table 5. Lipschitz bounds of every layer", _TABLE5, (table5,), (lipschitz,)),
        page.Section("What the bounds certify", _CERTIFICATES, (certificates,), (instability,)),
        page.Section("Adversarial examples", _GALLERY, (), tuple(galleries)),
    ]
    facts = {
        "data": f"{data.settings['dataset']}, SHA-256 of the arrays {data.digest}",
        "attacked images": f"{attack['count']} of split {attack['split']}, drawn with seed"
        f" {data.settings['seed']}",
        "attack": f"{attack['method']}, target rule {attack['targets']}, margin {attack['margin']}"
        " in logits, every example rechecked alone",
    }
    return page.render(template, title, sections, facts)


_TABLE1 = (
    "Errors with the number n of training / test images and 95 % intervals (Wilson for one seed;"
    " with several seeds the spread between them is"
    " added). Distortion is the root mean square difference per pixel, averaged over the images for"
    " which an example was found; images that the model misclassifies undistorted are not attacked."
    " Below each line the published value on MNIST: S = read in a secondary source."
)
_TABLE2 = (
    "Each row: images distorted for the row's model, evaluated on every column's model; error in %"
    " with its 95 % interval. Published values carry the interval of 256 images, on which they"
    " probably rest. The second table shows the same images, first with Gaussian noise of exactly"
    " the same distortion, then undistorted: what is above them is the adversary's doing."
)
_DISTORTION = (
    "The attacks of the experiment side by side. Each ends where the model gives the image another"
    " class: the target's, or, where targets is any, whichever is nearest."
)
_TABLE5 = (
    "Of the paper's statements in its section 4.3: the formula for strided convolutions holds with"
    " the factor 1/stride in place of the printed 1/stride² (as printed it falls below the true"
    " norm wherever the stride is larger than 1). Max-pools are contractive only where windows do"
    " not overlap: a 3×3 pool of stride 2 doubles distances, so that AlexNet's three make the"
    " product 8 times larger. Contrast normalisation x/(ε+|x|²)^γ has the constant ε^-γ, as"
    " stated, for γ up to 1; AlexNet's local response normalisation is of another form and has a"
    " bound of its own. A large product of upper bounds does not show that a network is unstable:"
    " it only fails to show that it is stable. The largest Jacobian norm found is what bounds it"
    " from below."
)
_CERTIFICATES = (
    "No adversarial example can lie nearer than certified; every example of every attack was"
    " checked against its own image's radius, and the build fails if one lies inside. Between the"
    " two marks of a model lies what neither attack nor bound decides."
)
_HEATMAP = (
    "Rows: the model that the examples were made for. Columns: the model that sees them. The"
    " middle panel has Gaussian noise of the same distortion on the same images."
)
_GALLERY = (
    "The first examples of each set, not selected. Top: image and its class. Middle: difference,"
    " magnified as stated. Bottom: adversarial image and the class it is now given."
)
