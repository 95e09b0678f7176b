"""Curvature during training: eigenvalues, alignments, G and outliers over epochs (not in the paper)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import (
    CURVE_COLOURS,
    PAGE_WIDTH,
    experiment_style,
    in_lines,
    plot_mean,
    seeds_in_words,
)
from anatomy.reporting.tables import mean_over_seeds
from anatomy.runtime.errors import InputError

TABLES = ("eigenvalues", "generalisation", "measures")
TAKES = ("labels",)
SHOWS = "curvature over epochs"
CAPTION = (
    'Curvature during training, for {{ labels | join("; ") }}: the three largest eigenvalues and the '
    "largest alignment of a training point with their eigenvectors (of the first network), the measure "
    "G (eps_avg, eigenvectors that are curved), the number of outliers and the training loss. Lines are "
    "means over seeds, bands one standard deviation; epochs are on a logarithmic axis that begins at 0."
)
TOP = 3


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw eigenvalues and alignments of the first experiment, and what else there is of all."""
    first = tables["eigenvalues"][0]
    if first["epoch"].nunique() < 2:
        raise InputError("there is one epoch only; set `curvature.epochs` in the experiment")
    figure, axes = plt.subplots(1, 5, figsize=(PAGE_WIDTH * 1.4, 2.3), layout="constrained")
    for ax, column in zip(axes, ("value", "largest"), strict=False):
        summary = mean_over_seeds(first, ["epoch", "index"], column)
        for index in range(1, TOP + 1):
            style = {"color": CURVE_COLOURS[index], "label": str(index)}
            plot_mean(ax, summary[summary["index"] == index], **style)
    axes[0].set(title="eigenvalue", yscale="log")
    axes[0].legend(title="$i$")
    axes[1].set(title="largest $|A_i|$", ylim=(0, 1.02))
    for position, label in enumerate(labels):
        style = {**experiment_style(position), "label": in_lines(label, 1.6)}
        measure = tables["generalisation"][position]
        measure = measure[measure["threshold"] == "eps_avg"].dropna(subset="curved")
        if len(measure):
            plot_mean(axes[2], mean_over_seeds(measure, ["epoch"], "curved"), **style)
        numbers = tables["measures"][position]
        for ax, quantity in ((axes[3], "outliers_0.1"), (axes[4], "loss")):
            rows = numbers[numbers["quantity"] == quantity]
            plot_mean(ax, mean_over_seeds(rows, ["epoch"], "value"), **style)
    axes[2].set_title("G")
    axes[3].set_title("outliers")
    axes[4].set(title="training loss", yscale="log")
    axes[4].legend(loc="upper left", bbox_to_anchor=(1, 1), title=seeds_in_words(first["seed"].nunique()))
    for ax in axes:
        ax.set_xscale("symlog", linthresh=1)
        ax.set(xlabel="epoch", xlim=(0, None))
    return figure
