"""Plot n_l of every layer over epochs, one panel per experiment, step beside smooth (figure 22)."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from hyperplanes.errors import InputError, run_program
from hyperplanes.plotting import (
    PAGE_WIDTH,
    in_lines,
    label_epochs,
    mark_rate_drops,
    plot_layers,
    rate_drops,
    save_figure,
    seeds_in_words,
)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-l", required=True, type=Path, nargs="+", help="n_l_summary.csv of each")
    parser.add_argument(
        "--training", required=True, type=Path, nargs="+", help="training_summary.csv of each"
    )
    parser.add_argument("--labels", required=True, nargs="+", help="network and data set of each")
    parser.add_argument("--schedules", required=True, nargs="+", choices=("step", "smooth"), help="of each")
    parser.add_argument("--output", required=True, type=Path, nargs="+", help="figures to write")
    return parser.parse_args()


def draw(
    summaries: Sequence[pd.DataFrame],
    training: Sequence[pd.DataFrame],
    labels: Sequence[str],
    schedules: Sequence[str],
) -> Figure:
    """Draw the summaries of n_l, two panels to a row, with the drops of step schedules marked."""
    if len({len(summaries), len(training), len(labels), len(schedules)}) > 1 or len(summaries) % 2:
        raise InputError(
            f"{len(summaries)} tables of n_l, {len(training)} of the training, {len(labels)} labels and "
            f"{len(schedules)} schedules are given; expected as many of each, in pairs"
        )
    rows = len(summaries) // 2
    figure, axes = plt.subplots(
        rows, 2, squeeze=False, sharey=True, figsize=(PAGE_WIDTH, 2.2 * rows + 0.4), layout="constrained"
    )
    panels = zip(axes.flat, summaries, training, labels, schedules, strict=True)
    for ax, summary, rates, label, schedule in panels:
        plot_layers(ax, summary, sorted(summary["layer"].unique()), shade=0.07)
        if schedule == "step":
            mark_rate_drops(ax, rate_drops(rates))
        label_epochs(ax)
        ax.set_title(
            f"{in_lines(label, PAGE_WIDTH / 2)}\n{schedule} schedule; {seeds_in_words(summary['n'].max())}"
        )
    for ax in axes[:, 1]:
        ax.set_ylabel("")
    curves = {}
    for ax in axes.flat:
        curves |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    layers = sorted(curves, key=int)
    handles = [curves[layer] for layer in layers]
    figure.legend(handles, layers, title="layer", loc="outside right center", handlelength=2)
    return figure


def main() -> None:
    arguments = parse_arguments()
    summaries, training = map(pd.read_csv, arguments.n_l), map(pd.read_csv, arguments.training)
    figure = draw(list(summaries), list(training), arguments.labels, arguments.schedules)
    save_figure(figure, arguments.output)


if __name__ == "__main__":
    run_program(main)
