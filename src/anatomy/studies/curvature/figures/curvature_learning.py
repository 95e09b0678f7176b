"""Learning curves: loss and accuracy over epochs, of training and of what is held out (not in the paper)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, experiment_style, in_lines, plot_mean, seeds_in_words
from anatomy.reporting.tables import mean_over_seeds

TABLES = ("training",)
TAKES = ("labels",)
SHOWS = "learning curves"
CAPTION = (
    'Loss and accuracy during training, for {{ labels | join("; ") }}, on the training inputs (left) and on '
    "those held out (right). Lines are means over seeds, bands one standard deviation; epochs are on a "
    "logarithmic axis."
)
# Columns of the table, each of training and of what is held out.
PANELS = (("loss", "log"), ("accuracy", "linear"))
PARTS = {"train": "training", "validation": "held out"}


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw loss and accuracy of both parts, one curve for each experiment."""
    figure, axes = plt.subplots(1, 4, sharex=True, figsize=(PAGE_WIDTH * 1.3, 2.2), layout="constrained")
    for row, (quantity, scale) in enumerate(PANELS):
        pair = axes[2 * row : 2 * row + 2]
        pair[1].sharey(pair[0])
        for ax, (part, words) in zip(pair, PARTS.items(), strict=True):
            for position, (table, label) in enumerate(zip(tables["training"], labels, strict=True)):
                summary = mean_over_seeds(table, ["epoch"], f"{part}_{quantity}").dropna(subset="mean")
                # A logarithmic axis has no epoch 0.
                summary = summary[summary["epoch"] > 0]
                plot_mean(ax, summary, label=in_lines(label, 1.8), **experiment_style(position))
            ax.set(title=f"{quantity}, {words}", xscale="log", yscale=scale, xlabel="epoch")
    seeds = min(table["seed"].nunique() for table in tables["training"])
    axes[-1].legend(loc="upper left", bbox_to_anchor=(1, 1), title=seeds_in_words(seeds))
    return figure
