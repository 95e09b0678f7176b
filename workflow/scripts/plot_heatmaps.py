"""Plot the drop in test accuracy when a layer is reset, one heat map per run (figure 2 and its kind)."""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hyperplanes.errors import run_program
from hyperplanes.plotting import COLUMN_WIDTH, HEAT_COLOURS, PAGE_WIDTH, in_lines, save_figure
from hyperplanes.reset_tables import convolutions, mean_over_draws
from hyperplanes.resets import order_of_reset

# More runs than that take both columns of the page.
MOST_RUNS_IN_COLUMN = 3


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reinit", required=True, type=Path, help="reinit.csv")
    parser.add_argument("--runs", type=int, help="draw only so many seeds, the first ones")
    parser.add_argument("--label", required=True, help="network and data set, for the title")
    parser.add_argument("--output", required=True, type=Path, nargs="+", help="figures to write")
    return parser.parse_args()


def draw(table: pd.DataFrame, runs: int | None, title: str) -> Figure:
    """Draw one heat map for each of the first `runs` seeds of a re-initialisation table, on one scale.

    Its columns are the convolutions; several random draws are one row, their mean.
    """
    table = mean_over_draws(convolutions(table))
    seeds = sorted(table["seed"].unique())[:runs]
    table = table[table["seed"].isin(seeds)].assign(points=lambda rows: 100 * rows["drop"])
    names = sorted(table["reset_to"].unique(), key=order_of_reset)
    layers = sorted(table["layer"].unique())
    width, columns = (COLUMN_WIDTH, 1) if len(seeds) <= MOST_RUNS_IN_COLUMN else (PAGE_WIDTH, 2)
    rows = -(-len(seeds) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        squeeze=False,
        sharex=True,
        sharey=True,
        figsize=(width, (0.35 + 0.17 * len(names)) * rows + 0.6),
        layout="constrained",
    )
    limits = {"vmin": 0, "vmax": max(1, table["points"].max())}
    for ax in axes.flat[len(seeds) :]:
        ax.set_axis_off()
    for ax, seed in zip(axes.flat, seeds, strict=False):
        run = table[table["seed"] == seed]
        grid = run.pivot(index="reset_to", columns="layer", values="points").loc[names, layers]
        image = ax.pcolormesh(grid, cmap=HEAT_COLOURS, edgecolors="white", linewidth=0.4, **limits)
        ax.set_title(f"seed {seed} (test accuracy {run['trained_accuracy'].iloc[0]:.0%})")
        ax.set_xticks(np.arange(len(layers)) + 0.5, layers, fontsize=6)
        ax.set_yticks(np.arange(len(names)) + 0.5, names)
        ax.tick_params(length=0)
    for ax in axes[:, 0]:
        ax.set_ylabel("reset to epoch", fontsize=7)
    for ax in axes.flat[: len(seeds)][-columns:]:
        ax.set_xlabel("convolutional layer")
        ax.tick_params(labelbottom=True)
    title = f"{title}; n = {len(seeds)} seed{'s' * (len(seeds) > 1)}"
    figure.suptitle(in_lines(title, width), fontsize=8)
    # A reset can also raise the accuracy a little.
    below = "min" if (table["points"] < 0).any() else "neither"
    # Beside a single run the label does not fit on one line.
    label = "drop in test accuracy (points)" if rows > 1 else "drop in test\naccuracy (points)"
    figure.colorbar(image, ax=axes, extend=below, label=label, aspect=min(40, 14 * rows))
    return figure


def main() -> None:
    arguments = parse_arguments()
    table = pd.read_csv(arguments.reinit, dtype={"reset_to": str})
    save_figure(draw(table, arguments.runs, arguments.label), arguments.output)


if __name__ == "__main__":
    run_program(main)
