"""Accuracy and loss over epochs of a pair, and both networks tested on plain and on rotated images."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, PALETTE, in_lines, label_epochs, plot_mean
from anatomy.studies.invariance.figures.style import NETWORKS, in_words

TABLES = ("training_summary", "scores")
TAKES = ("labels",)
SHOWS = "accuracy and loss, plain and rotated"
CAPTION = (
    "Accuracy and loss over epochs of {{ labels[0] }}, trained on plain and on rotated images, on the "
    "images it trains on and on those that validate (plain ones); on the right the accuracy of both at the "
    "end, on test images as they are and each turned by a random angle. Means over seeds, with one standard"
    " deviation."
)

PARTS = {"train": "training", "validation": "validation, plain images"}


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw two panels for each network, and one with bars."""
    size = (PAGE_WIDTH, 3.6)
    figure, axes = plt.subplots(2, 3, figsize=size, layout="constrained", width_ratios=[1, 1, 0.9])
    for column, (summary, network) in enumerate(zip(tables["training_summary"], NETWORKS, strict=True)):
        for row, quantity in enumerate(("accuracy", "loss")):
            ax = axes[row, column]
            for index, (part, words) in enumerate(PARTS.items()):
                rows = summary[summary["quantity"] == f"{part}_{quantity}"]
                plot_mean(ax, rows, label=words, color=PALETTE[index])
            ax.set_ylabel(quantity if not column else "")
        axes[0, column].set_ylim(0, 1.1)
        axes[1, column].set_ylim(0, max(ax.get_ylim()[1] for ax in axes[1, : column + 1]))
        axes[0, column].set_title(f"trained on {network} images")
        label_epochs(axes[1, column])
    axes[0, 0].legend()
    grid = axes[0, 2].get_gridspec()
    for ax in axes[:, 2]:
        ax.remove()
    bars(figure.add_subplot(grid[:, 2]), tables["scores"])
    title = f"{labels[0]}; {in_words(tables['scores'][0])}"
    figure.suptitle(in_lines(title, PAGE_WIDTH), fontsize=8)
    return figure


def bars(axes: Axes, scores: Sequence[pd.DataFrame]) -> None:
    """Draw the test accuracies of two networks on plain and on rotated images, with their values."""
    for index, (rotated, words) in enumerate(((False, "plain"), (True, "rotated"))):
        chosen = [table[(table["part"] == "test") & (table["rotated"] == rotated)] for table in scores]
        means = [rows["accuracy"].mean() for rows in chosen]
        spread = [rows["accuracy"].std(ddof=1) if len(rows) > 1 else 0 for rows in chosen]
        places = np.arange(2) + 0.4 * (index - 0.5)
        drawn = axes.bar(
            places, means, 0.38, yerr=spread, color=PALETTE[(0, 3)[index]], label=f"{words} test images"
        )
        axes.bar_label(drawn, [f"{mean:.2f}" for mean in means], padding=2, fontsize=6)
    axes.set_xticks(range(2), [f"trained on\n{network}" for network in NETWORKS])
    axes.set_ylim(0, 1.19)
    axes.set_ylabel("accuracy")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18))
