"""Plot n_l of the first layer over epochs, one curve per experiment (figure 21 and its kind)."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from hyperplanes.errors import run_program
from hyperplanes.plotting import (
    COLUMN_WIDTH,
    experiment_style,
    in_lines,
    label_epochs,
    label_measure,
    plot_mean,
    save_figure,
)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-l", required=True, type=Path, nargs="+", help="n_l_summary.csv of each")
    parser.add_argument("--labels", required=True, nargs="+", help="network and data set of each")
    parser.add_argument("--places", type=int, nargs="+", help="place of each among the styles; 0, 1, ...")
    parser.add_argument("--output", required=True, type=Path, nargs="+", help="figures to write")
    return parser.parse_args()


def draw(summaries: Sequence[pd.DataFrame], labels: Sequence[str], places: Sequence[int]) -> Figure:
    """Draw the first layer of each summary of n_l; the legend has its filters and seeds."""
    figure, axes = plt.subplots(figsize=(COLUMN_WIDTH, 2.2))
    for summary, label, place in zip(summaries, labels, places, strict=True):
        first = summary[summary["layer"] == 1]
        name = f"{label}; {first['filters'].iloc[0]} filters, n = {first['n'].max()}"
        plot_mean(axes, first, label=in_lines(name, COLUMN_WIDTH), **experiment_style(place))
    label_measure(axes, "$n_1$")
    label_epochs(axes)
    axes.set_title("first layer; mean ± std over n seeds")
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.25), handlelength=2.5)
    return figure


def main() -> None:
    arguments = parse_arguments()
    places = arguments.places or range(len(arguments.n_l))
    figure = draw([pd.read_csv(path) for path in arguments.n_l], arguments.labels, places)
    save_figure(figure, arguments.output)


if __name__ == "__main__":
    run_program(main)
