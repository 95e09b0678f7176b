"""Test accuracy along lines and curves, and of ensembles of two of their points (figure 4)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import COLUMN_WIDTH, in_lines
from anatomy.studies.subspaces.figures.style import by_experiment, network_and_data, own_words, sweep_panel

TABLES = ("evaluations_summary", "ensembles")
TAKES = ("labels",)
SHOWS = "accuracy over alpha"
CAPTION = (
    "Test accuracy of the points of a subspace over alpha (dashed), each with running statistics of batch "
    "normalisation of its own, and of the ensembles of the points alpha and 1 - alpha (solid), which at one "
    "half are the mid-point; logits are averaged. A panel for each network and data set. Grey: single "
    "networks (dashed) and ensembles of two of them (dotted), if there are any. Mean and one "
    'standard deviation over seeds, for {{ labels | join("; ") }}.'
)


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw one dashed and one solid curve for each line and curve, bands for all else; a panel a data set."""
    panels: dict[str, list[int]] = {}
    for position, label in enumerate(labels):
        panels.setdefault(network_and_data(label), []).append(position)
    width = COLUMN_WIDTH * len(panels)
    figure, axes = plt.subplots(1, len(panels), squeeze=False, figsize=(width, 2.6))
    experiments = by_experiment(tables)
    for ax, (title, members) in zip(axes[0], panels.items(), strict=True):
        names = [own_words(labels[position]) for position in members]
        sweep_panel(ax, [experiments[position] for position in members], names, "accuracy")
        ax.set_title(in_lines(title, COLUMN_WIDTH))
        ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.2), handlelength=2.5)
    axes[0, 0].set_ylabel("test accuracy")
    figure.subplots_adjust(wspace=0.3)
    return figure
