"""Plot n_l of every layer over epochs, with losses and accuracies below (figure 7 and its kind)."""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hyperplanes.errors import run_program
from hyperplanes.plotting import (
    COLUMN_WIDTH,
    CURVE_COLOURS,
    PALETTE,
    in_lines,
    label_epochs,
    mark_rate_drops,
    plot_layers,
    plot_mean,
    rate_drops,
    save_figure,
    seeds_in_words,
)

# The paper shows convolutions 1 to 7 above and the others below.
UPPER_LAYERS = 7
CURVES = {
    "train_loss_rescaled": ("training loss", PALETTE[0], "-"),
    "validation_loss_rescaled": ("validation loss", PALETTE[0], "--"),
    "train_accuracy": ("training accuracy", PALETTE[1], "-"),
    "validation_accuracy": ("validation accuracy", PALETTE[1], "--"),
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-l", required=True, type=Path, help="n_l_summary.csv")
    parser.add_argument("--training", required=True, type=Path, help="training_summary.csv")
    parser.add_argument("--label", required=True, help="network and data set, for the title")
    parser.add_argument("--schedule", choices=("step", "smooth"), default="step", help="step: mark drops")
    parser.add_argument("--output", required=True, type=Path, nargs="+", help="figures to write")
    return parser.parse_args()


def plot_training(axes: Axes, summary: pd.DataFrame) -> None:
    """Draw losses, each divided by its maximum, and accuracies."""
    for quantity, (label, colour, line) in CURVES.items():
        rows = summary[summary["quantity"] == quantity]
        plot_mean(axes, rows, label=label, color=colour, linestyle=line)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("loss / max, accuracy")
    seeds = seeds_in_words(summary["n"].max())
    axes.legend(title=seeds, loc="upper center", bbox_to_anchor=(0.5, -0.35), ncols=2)


def draw(summary: pd.DataFrame, training: pd.DataFrame, schedule: str, title: str) -> Figure:
    """Draw the summaries of n_l and of the training; the first layers have a panel of their own."""
    layers = sorted(summary["layer"].unique())
    few = len(layers) <= len(CURVE_COLOURS)
    groups = [layers] if few else [layers[:UPPER_LAYERS], layers[UPPER_LAYERS:]]
    rows = len(groups) + 1
    figure, axes = plt.subplots(rows, sharex=True, figsize=(COLUMN_WIDTH, 1.65 * rows + 0.3))
    for ax, group in zip(axes, groups, strict=False):
        plot_layers(ax, summary, group)
        place = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
        ax.legend(title="layer", handlelength=2, labelspacing=0.3, **place)
    plot_training(axes[-1], training)
    if schedule == "step":
        for ax in axes:
            mark_rate_drops(ax, rate_drops(training))
    label_epochs(axes[-1])
    axes[0].set_title(f"{in_lines(title, COLUMN_WIDTH)}\n{seeds_in_words(summary['n'].max())}")
    figure.align_ylabels()
    return figure


def main() -> None:
    arguments = parse_arguments()
    summary, training = pd.read_csv(arguments.n_l), pd.read_csv(arguments.training)
    save_figure(draw(summary, training, arguments.schedule, arguments.label), arguments.output)


if __name__ == "__main__":
    run_program(main)
