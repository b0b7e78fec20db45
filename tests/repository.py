"""Where the repository under test lies, and its scripts."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
# those whose jobs load no torch: numbers only, and with matplotlib
TABLES = ("table1", "table2", "table5", "distortion", "certificates", "cures", "units_table")
LIGHT = (*TABLES, "bundle", "merge", "collect")
FIGURES = (
    "gallery",
    "galleries",
    "figure7",
    "heatmap",
    "layers_figure",
    "instability",
    "unit_images",
    "units_figure",
    "rotation",
    "curves",
    "claim_pictures",
)
# the scripts that load what is chosen by name
CHOOSING = {
    "architectures": ("train", "lipschitz_of_network"),
    "datasets": ("data",),
    "attacks": ("attack", "attack_shard"),
    "unsupervised": ("train",),
    "cures": ("train",),
    "sources": ("train",),
}
