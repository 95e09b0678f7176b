"""How far apart the ends of subspaces are in weights, and how differently they predict."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines, label_epochs, plot_mean
from anatomy.reporting.tables import mean_over_seeds
from anatomy.studies.subspaces.figures.style import by_experiment, colour, common_and_own

TABLES = ("geometry", "layers", "evaluations_summary")
TAKES = ("labels",)
SHOWS = "distance of the ends"
CAPTION = (
    "The ends of subspaces. Above: Euclidean distance and squared cosine of their weights over epochs, all "
    "convolutions together, the classifier included if it is one. Below left: the squared cosine of each "
    "convolution after training. Below right: how differently ends predict the test images: mean total "
    "variation of their probabilities, and fraction of images with another prediction. Mean and one standard "
    'deviation over seeds, for {{ labels | join("; ") }}.'
)
DIVERSITY = {"total_variation": "total variation", "disagreement": "disagreement"}


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw four panels with the colour of each experiment."""
    title, names = common_and_own(labels)
    figure, axes = plt.subplots(2, 2, figsize=(PAGE_WIDTH, 4.2), layout="constrained")
    for position, (own, name) in enumerate(zip(by_experiment(tables), names, strict=True)):
        style = {"color": colour(position), "label": name}
        for ax, quantity in zip(axes[0], ("distance", "squared_cosine"), strict=True):
            plot_mean(ax, mean_over_seeds(own["geometry"], ["epoch"], quantity), **style)
        _layers(axes[1, 0], own["layers"], style)
        _diversity(axes[1, 1], own["evaluations_summary"], (position - (len(names) - 1) / 2) * 0.15, style)
    for ax in axes[0]:
        label_epochs(ax)
    axes[0, 0].set_ylabel("distance")
    for ax in (axes[0, 1], axes[1, 0]):
        ax.set_yscale("log")
        ax.set_ylabel("squared cosine")
    axes[1, 0].set_xlabel("convolution")
    axes[1, 0].xaxis.get_major_locator().set_params(integer=True)
    axes[1, 1].set_xticks(range(len(DIVERSITY)), DIVERSITY.values())
    axes[1, 1].set_xlim(-0.5, len(DIVERSITY) - 0.5)
    axes[1, 1].set_ylim(0, 1.15 * axes[1, 1].dataLim.y1)
    axes[1, 1].set_ylabel("between the ends")
    figure.suptitle(in_lines(title, PAGE_WIDTH), fontsize=8)
    handles, words = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside lower center", ncols=2)
    return figure


def _layers(axes: Axes, layers: pd.DataFrame, style: Mapping[str, str]) -> None:
    """Draw the squared cosine of each layer at the last epoch."""
    last = layers[(layers["epoch"] == layers["epoch"].max()) & (layers["quantity"] == "squared_cosine")]
    means = last.groupby("position")["value"].agg(["mean", "std"])
    axes.plot(means.index, means["mean"], marker="o", markersize=3, **style)
    if means["std"].notna().any():
        low = (means["mean"] - means["std"]).clip(lower=means["mean"] / 10)
        axes.fill_between(
            means.index, low, means["mean"] + means["std"], alpha=0.15, color=style["color"], linewidth=0
        )


def _diversity(axes: Axes, summary: pd.DataFrame, shift: float, style: Mapping[str, str]) -> None:
    """Draw how differently ends predict: of a line or curve at alpha 0 and 1, of a simplex its corners."""
    ends = (summary["evaluation"] == "corners") | (
        (summary["evaluation"] == "pair") & (summary["alpha"] == 0)
    )
    own = summary[ends & (summary["combined"] == "logits")].set_index("quantity")
    values = own.loc[list(DIVERSITY)]
    positions = np.arange(len(DIVERSITY)) + shift
    axes.errorbar(
        positions, values["mean"], values["std"].fillna(0), fmt="o", markersize=4, capsize=3, **style
    )
