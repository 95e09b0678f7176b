"""Invariance of the layers over seeds, of trained networks and of the same at initialisation."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, PALETTE, in_lines, seeds_in_words
from anatomy.studies.invariance.agreement import layers_by_seed, mean_correlation, pair_correlations
from anatomy.studies.invariance.figures.style import label_layers

TABLES = ("epochs",)
TAKES = ("labels",)
SHOWS = "invariance over seeds"
CAPTION = (
    "Mean of M over the units of each layer (all images) of every seed of {{ labels | unique | join('; ') }},"
    " on the left at initialisation, on the right after training; thick, the mean over seeds. The "
    "correlation over layers is that of networks of two seeds, every seed in one pair, with the 95 % "
    "interval of its mean."
)


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw a row for each table, epoch 0 on the left and the last one on the right."""
    rows = len(tables["epochs"])
    size = (PAGE_WIDTH, 2.5 * rows + 0.2)
    figure, axes = plt.subplots(
        rows, 2, squeeze=False, figsize=size, layout="constrained", sharex="row", sharey=True
    )
    for (left, right), table, label in zip(axes, tables["epochs"], labels, strict=True):
        last, name = table["epoch"].max(), table["experiment"].iloc[0]
        seeds = seeds_in_words(table["seed"].nunique()).replace("mean ± std", "mean")
        for ax, epoch, words in ((left, 0, "at initialisation"), (right, last, f"after {last} epochs")):
            layers = layers_by_seed(table, epoch)
            panel(ax, layers)
            title = f"{label}\n{name}, {words}\n{agreement(layers)}; {seeds}"
            ax.set_title(in_lines(title, PAGE_WIDTH / 2), fontsize=7)
            label_layers(ax, table)
        left.set_ylabel("mean M of units")
    # Of all panels, which share it: before one is drawn its values would not count.
    axes[0, 0].set_ylim(0)
    return figure


def panel(axes: Axes, layers: np.ndarray) -> None:
    """Draw M of (seeds, layers), and the mean over seeds."""
    positions = np.arange(1, layers.shape[1] + 1)
    axes.plot(positions, layers.T, color=PALETTE[0], linewidth=0.5, alpha=0.4)
    axes.plot(positions, layers.mean(0), color=PALETTE[3])
    axes.axhline(1, color="0.6", linewidth=0.6, linestyle=":", zorder=0)


def agreement(layers: np.ndarray) -> str:
    """Return in words how far the seeds agree."""
    found = pair_correlations(layers)
    if not len(found):
        return "one seed, no pair to compare"
    value, low, high = mean_correlation(found)
    interval = f" ({low:.3f} to {high:.3f})" if np.isfinite(low) else ""
    return f"correlation of seeds {value:.3f}{interval}"
