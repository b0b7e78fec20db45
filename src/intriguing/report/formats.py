"""Report stage: tables in all formats, galleries, and the page. Knows nothing of torch."""

import html

import numpy as np

from intriguing import intervals
from intriguing.artifacts.files import read_arrays, write_table, write_text
from intriguing.report import canvas as figures
from intriguing.report import cells as tables
from intriguing.report import page
from intriguing.stages.sample import sample_of, target_rule


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
    """Figure of the first ``count`` adversarial examples of a set; of a binary model, of its class.

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
    originals = sample_of(data, settings).images
    shown = arrays["success"]
    if settings["binary"] and (shown & (arrays["labels"] == 1)).any():
        shown = shown & (arrays["labels"] == 1)
    chosen = np.flatnonzero(shown)[:count]
    found = arrays["distortion"][arrays["success"]]
    average = f"{found.mean():.4g} over all {len(found)} found" if len(found) else "none found"
    figures.gallery(
        originals[chosen],
        arrays["images"][chosen],
        arrays["labels"][chosen],
        arrays["targets"][chosen],
        arrays["distortion"][chosen],
        path,
        title=f"{label}: {len(chosen)} adversarial examples; average distortion {average}",
        class_names=settings["class_names"],
    )


def figure7(data, example_paths, labels, noise_path, errors, path, *, count=8):
    """Figure 7: pairs of image and distorted image, with the accuracies that the distortion leaves.

    Parameters
    ----------
    data : dataset_file.DatasetFile
    example_paths : sequence of path
        Adversarial sets of models, made from the same sample.
    labels : dict of str to str
        What to call these models, by name, in the same order.
    noise_path : path
        Gaussian noise on the same sample.
    errors : DataFrame
        Rows of the transfer stage on that noise.
    count : int
        Pairs in each panel.
    """
    panels = []
    for example_path, label in zip(example_paths, labels.values(), strict=True):
        names = ("images", "distortion", "success", "already_wrong")
        arrays, settings = read_arrays(example_path, names)
        originals = sample_of(data, settings).images
        found, tried = arrays["success"], len(arrays["success"])
        chosen = np.flatnonzero(found)[:count]
        # the model is right where it was before and no example was found
        right = (~found & ~arrays["already_wrong"]).sum()
        distortion = f"{arrays['distortion'][found].mean():.3g}" if found.any() else "none found"
        words = f"{label}: average distortion {distortion}, accuracy {_accuracy(right, tried)}"
        panels.append((words, originals[chosen], arrays["images"][chosen]))
    arrays, settings = read_arrays(noise_path, ("images",))
    originals = sample_of(data, settings).images[:count]
    named = errors[errors["input"] == "distorted"].set_index("target")
    right = named["n"] - named["errors"]
    accuracies = "; ".join(
        f"{label} {_accuracy(right[name], named.loc[name, 'n'])}" for name, label in labels.items()
    )
    words = f"Gaussian noise of deviation {settings['standard_deviation']:g}: accuracy {accuracies}"
    panels.append((words, originals, arrays["images"][:count]))
    figures.pairs(panels, path)


def _accuracy(right, tried):
    low, high = intervals.wilson(right, tried)
    return f"{100 * right / tried:.3g} % [{100 * low:.3g}, {100 * high:.3g}] of {tried}"


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
    paper_figures,
    filters,
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
    galleries, paper_figures, filters : sequence of path
        The last two may be empty.

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
        *_optional("Figures 5 to 7 of the paper", _FIGURES, paper_figures),
        *_optional("Filters learnt without labels", _FILTERS, filters),
        page.Section("Adversarial examples", _GALLERY, (), tuple(galleries)),
    ]
    attack = {**attack, "targets": target_rule(attack["targets"])}
    facts = {
        "data": f"{data.settings['dataset']}, SHA-256 of the arrays {data.digest}",
        "attacked images": f"{attack['count']} of split {attack['split']}, drawn with seed"
        f" {data.settings['seed']}",
        "attack": f"{attack['method']}, target rule {attack['targets']}, margin {attack['margin']}"
        " in logits, every example rechecked alone",
    }
    return page.render(template, title, sections, facts)


def _optional(title, text, figures):
    return [page.Section(title, text, (), tuple(figures))] if figures else []


_FIGURES = (
    "As in the paper: images, their adversarial examples and the magnified difference. Figure 5:"
    " all images moved to one class. Figure 6: a binary classifier (in the paper on features"
    " learnt without labels and then fixed); images of its class. Figure 7: pairs, with the"
    " accuracy that is left on all images tried; the paper reports 0 %, 0 % and, under noise of"
    " deviation 1, 51 % (the last from memory)."
)
_FILTERS = (
    "What the first layer of a QuocNet-style network looks for at some of its places, each place"
    " having filters of its own."
)
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
