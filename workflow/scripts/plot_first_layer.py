"""Plot n_l of the first layer over epochs, one curve per experiment (figure 21)."""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from hyperplanes.errors import run_program
from hyperplanes.plotting import COLUMN_WIDTH, PALETTE, label_epochs, label_measure, plot_mean, save_figure


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-l", required=True, type=Path, nargs="+", help="n_l_summary.csv of each")
    parser.add_argument("--labels", required=True, nargs="+", help="network and data set of each")
    parser.add_argument("--output", required=True, type=Path, nargs="+", help="figures to write")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    figure, axes = plt.subplots(figsize=(COLUMN_WIDTH, 2.2))
    for place, (path, label) in enumerate(zip(arguments.n_l, arguments.labels, strict=True)):
        summary = pd.read_csv(path)
        first = summary[summary["layer"] == 1]
        name = f"{label}; {first['filters'].iloc[0]} filters, n = {first['n'].max()}"
        style = {"color": PALETTE[place], "linestyle": "--" if place % 2 else "-"}
        plot_mean(axes, first, label=name, **style)
    label_measure(axes, "$n_1$")
    label_epochs(axes)
    axes.set_title("first layer; mean ± std over n seeds")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25))
    save_figure(figure, arguments.output)


if __name__ == "__main__":
    run_program(main)
