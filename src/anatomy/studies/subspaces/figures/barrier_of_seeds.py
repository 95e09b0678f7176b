"""Test accuracy and loss along lines between networks of different seeds, as trained and matched."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.studies.subspaces.figures.style import ALONE, TOGETHER, colour, curve

TABLES = ("barrier",)
TAKES = ("labels",)
SHOWS = "barriers between seeds"
CAPTION = (
    "Test accuracy and loss along the line between the networks of two seeds, which were trained "
    "independently: as trained (dashed), and with the units of the second permuted to match those of the "
    "first (solid), which leaves what it computes as it is. Mean and one standard deviation over pairs of "
    'seeds, for {{ labels | join("; ") }}.'
)
QUANTITIES = {"accuracy": "test accuracy", "loss": "test loss"}
# Matched or not: line and words.
WAYS = {False: (ALONE, "as trained"), True: (TOGETHER, "units matched")}


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw a dashed and a solid curve for each experiment, in a panel for each quantity."""
    figure, axes = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 2.6), layout="constrained")
    for ax, (quantity, words) in zip(axes, QUANTITIES.items(), strict=True):
        for position, (table, label) in enumerate(zip(tables["barrier"], labels, strict=True)):
            for is_matched, own in table.groupby("matched"):
                line, way = WAYS[bool(is_matched)]
                rows = own.groupby("alpha")[quantity].agg(["mean", "std"]).reset_index()
                name = way if len(labels) == 1 else f"{label}, {way}"
                curve(
                    ax, rows, linestyle=line, marker="o", markersize=2.5, color=colour(position), label=name
                )
        ax.set_xlabel(r"$\alpha$")
        ax.set_ylabel(words)
    if len(labels) == 1:
        figure.suptitle(in_lines(labels[0], PAGE_WIDTH), fontsize=8)
    handles, words = axes[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside lower center", ncols=2, handlelength=2.5)
    return figure
