"""n_l of every layer over epochs, with losses and accuracies below (figure 7 and its kind)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anatomy.reporting.plotting import (
    COLUMN_WIDTH,
    CURVE_COLOURS,
    PALETTE,
    in_lines,
    label_epochs,
    mark_rate_drops,
    plot_mean,
    rate_drops,
    seeds_in_words,
)
from anatomy.studies.arrangements.figures.style import MOST_CURVES, layer_map, mean_in_words, plot_layers

TABLES = ("n_l_summary", "training_summary")
TAKES = ("labels", "schedules")
SHOWS = "n_l over epochs"
CAPTION = (
    "Fraction of negative projections n_l of every convolutional layer over epochs, for {{ labels[0] }}; "
    "below, losses (divided by their maximum) and accuracies. Lines are means over seeds, bands one "
    "standard deviation; of a network with more than 16 layers the means of n_l are colours"
    '{% if schedules[0] == "step" %}; red ticks, if any, mark epochs after which the '
    "learning rate drops{% endif %}."
)

# The paper shows convolutions 1 to 7 above and the others below.
UPPER_LAYERS = 7
CURVES = {
    "train_loss_rescaled": ("training loss", PALETTE[0], "-"),
    "validation_loss_rescaled": ("validation loss", PALETTE[0], "--"),
    "train_accuracy": ("training accuracy", PALETTE[1], "-"),
    "validation_accuracy": ("validation accuracy", PALETTE[1], "--"),
}


def plot_training(axes: Axes, summary: pd.DataFrame) -> None:
    """Draw losses, each divided by its maximum, and accuracies."""
    for quantity, (label, colour, line) in CURVES.items():
        rows = summary[summary["quantity"] == quantity]
        plot_mean(axes, rows, label=label, color=colour, linestyle=line)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("loss / max, accuracy")
    seeds = seeds_in_words(summary["n"].max())
    axes.legend(title=seeds, loc="upper center", bbox_to_anchor=(0.5, -0.35), ncols=2)


def draw(
    tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str], schedules: Sequence[str]
) -> Figure:
    """Draw the summaries of n_l and of the training; the first layers have a panel of their own.

    Drops of the learning rate are marked if the schedule is `step`.
    """
    (summary,), (training,) = tables["n_l_summary"], tables["training_summary"]
    layers = sorted(summary["layer"].unique())
    if len(layers) > MOST_CURVES:
        return _with_map(summary, training, labels[0], schedules[0])
    few = len(layers) <= len(CURVE_COLOURS)
    groups = [layers] if few else [layers[:UPPER_LAYERS], layers[UPPER_LAYERS:]]
    rows = len(groups) + 1
    figure, axes = plt.subplots(rows, sharex=True, figsize=(COLUMN_WIDTH, 1.65 * rows + 0.3))
    for ax, group in zip(axes, groups, strict=False):
        plot_layers(ax, summary, group)
        position = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        ax.legend(title="layer", handlelength=2, labelspacing=0.3, **position)
    _finish(axes, training, labels[0], seeds_in_words(summary["n"].max()), schedules[0])
    return figure


def _with_map(summary: pd.DataFrame, training: pd.DataFrame, label: str, schedule: str) -> Figure:
    """Draw n_l of many layers as a map, as tall as they need up to a page, above the training."""
    height = min(6.0, max(2.0, 0.06 * summary["layer"].nunique()))
    sizes = {"figsize": (COLUMN_WIDTH, height + 2.2), "height_ratios": [height, 1.5]}
    figure, axes = plt.subplots(2, sharex=True, **sizes)
    mesh = layer_map(axes[0], summary)
    # Beside the panel and not out of it, so that both panels keep one axis of epochs.
    figure.colorbar(
        mesh, cax=axes[0].inset_axes([1.03, 0, 0.04, 1]), label=r"measure $n_l$", ticks=[0, 0.5, 1]
    )
    _finish(axes, training, label, mean_in_words(summary), schedule)
    return figure


def _finish(axes: Sequence[Axes], training: pd.DataFrame, label: str, seeds: str, schedule: str) -> None:
    """Draw the training into the last panel; mark the drops of its rate, and write title and labels."""
    plot_training(axes[-1], training)
    if schedule == "step":
        for ax in axes:
            mark_rate_drops(ax, rate_drops(training))
    label_epochs(axes[-1])
    axes[0].set_title(f"{in_lines(label, COLUMN_WIDTH)}\n{seeds}")
    axes[0].figure.align_ylabels()
