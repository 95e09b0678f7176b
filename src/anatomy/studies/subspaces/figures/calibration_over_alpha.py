"""Calibration along lines and curves, and of ensembles of two of their points."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.studies.subspaces.figures.style import by_experiment, common_and_own, sweep_panel

TABLES = ("evaluations_summary", "ensembles")
TAKES = ("labels",)
SHOWS = "calibration over alpha"
CAPTION = (
    "Calibration on the test images of the points of a subspace over alpha (dashed) and of the ensembles of "
    "alpha and 1 - alpha (solid; logits are averaged): expected calibration error with 20 bins of equal "
    "width and with 20 of as many images each, Brier score, negative log-likelihood. Lower is better. Grey: "
    "single networks (dashed) and ensembles of two of them (dotted), if there are any. Mean and one standard "
    'deviation over seeds, for {{ labels | join("; ") }}.'
)
PANELS = {
    "ece": "expected calibration error",
    "adaptive_ece": "adaptive calibration error",
    "brier": "Brier score",
    "loss": "negative log-likelihood",
}


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw a panel for each measure of calibration."""
    title, names = common_and_own(labels)
    figure, axes = plt.subplots(2, 2, sharex=True, figsize=(PAGE_WIDTH, 4.6), layout="constrained")
    experiments = by_experiment(tables)
    for ax, (quantity, words) in zip(axes.flat, PANELS.items(), strict=True):
        sweep_panel(ax, experiments, names, quantity)
        ax.set_ylabel(words)
    for ax in axes[0]:
        ax.set_xlabel("")
    figure.suptitle(in_lines(title, PAGE_WIDTH), fontsize=8)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, handlelength=2.5
    )
    return figure
