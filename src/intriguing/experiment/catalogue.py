"""What an experiment shows: every table and figure by name, in the order of a paper.

The name is that of the caption, ``workflow/report/<name>.rst``.
"""

from __future__ import annotations

from dataclasses import dataclass

CLAIMS = "Claims"
PAPER_TABLES, PAPER_FIGURES = "Tables of the paper", "Figures of the paper"
ATTACKS, BOUNDS, UNITS = "Attacks", "Bounds", "Units"
TRAINING, PAGE = "Training", "Page"


@dataclass(frozen=True)
class Entry:
    """A table or figure.

    title : str
    category : str
        Its part of a report.
    file : str
        The files of a figure without their ending, below ``figures/`` of the results.
    """

    title: str
    category: str
    file: str = ""


TABLES = {
    "claims": Entry("The paper's claims", CLAIMS),
    "table1": Entry("Table 1: models and distortions", PAPER_TABLES),
    "table2": Entry("Table 2: transfer between models", PAPER_TABLES),
    "table3": Entry("Table 3: models of disjoint training sets", PAPER_TABLES),
    "table4": Entry("Table 4: transfer between training sets", PAPER_TABLES),
    "table5": Entry("Table 5: Lipschitz bounds of layers", PAPER_TABLES),
    "mistakes": Entry("How examples transfer", ATTACKS),
    "distortion": Entry("Distortion by attack", ATTACKS),
    "cures": Entry("Adversarial and contractive training", ATTACKS),
    "certificates": Entry("Certified distortion", BOUNDS),
    "units": Entry("Units and directions", UNITS),
}

FIGURES = {
    "transfer": Entry("Transfer matrix", ATTACKS, "transfer"),
    "mistakes_figure": Entry("How examples transfer", ATTACKS, "mistakes"),
    "gallery": Entry("Adversarial examples", ATTACKS, "gallery"),
    "lipschitz": Entry("Lipschitz bounds of layers", BOUNDS, "lipschitz"),
    "instability": Entry("Certified, adversarial and random distortion", BOUNDS, "instability"),
    "unit_images": Entry("Figures 1 to 4: images of units and directions", PAPER_FIGURES, "units"),
    "figure5": Entry("Figure 5: examples of one class", PAPER_FIGURES, "figure5"),
    "figure6": Entry("Figure 6: examples for a binary classifier", PAPER_FIGURES, "figure6"),
    "figure7": Entry("Figure 7: images and distorted images", PAPER_FIGURES, "figure7"),
    "units_figure": Entry("Purity of units and directions", UNITS, "units"),
    "rotation": Entry("Units turned into directions", UNITS, "rotation"),
    "filters": Entry("Filters learnt without labels", UNITS, "filters"),
    "curves": Entry("Learning curves", TRAINING, "curves"),
}
