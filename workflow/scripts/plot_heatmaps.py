"""Plot the drop in test accuracy when a layer is reset, one heat map per run (figure 2 and its kind)."""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from hyperplanes.errors import run_program
from hyperplanes.plotting import COLUMN_WIDTH, HEAT_COLOURS, save_figure


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reinit", required=True, type=Path, help="reinit.csv")
    parser.add_argument("--runs", type=int, help="draw only so many seeds, the first ones")
    parser.add_argument("--label", required=True, help="network and data set, for the title")
    parser.add_argument("--output", required=True, type=Path, nargs="+", help="figures to write")
    return parser.parse_args()


def epoch_order(name: str) -> float:
    """Sort epochs by number, random weights below epoch 0."""
    return -1 if name == "random" else int(name)


def main() -> None:
    arguments = parse_arguments()
    table = pd.read_csv(arguments.reinit, dtype={"reset_to": str})
    table["drop"] *= 100
    seeds = sorted(table["seed"].unique())[: arguments.runs]
    table = table[table["seed"].isin(seeds)]
    names = sorted(table["reset_to"].unique(), key=epoch_order)
    layers = sorted(table["layer"].unique())
    height = (0.35 + 0.17 * len(names)) * len(seeds) + 0.6
    figure, axes = plt.subplots(
        len(seeds), squeeze=False, sharex=True, figsize=(COLUMN_WIDTH, height), layout="constrained"
    )
    limits = {"vmin": 0, "vmax": max(1, table["drop"].max())}
    for ax, seed in zip(axes.flat, seeds, strict=True):
        run = table[table["seed"] == seed]
        grid = run.pivot(index="reset_to", columns="layer", values="drop").loc[names, layers]
        image = ax.pcolormesh(grid, cmap=HEAT_COLOURS, edgecolors="white", linewidth=0.4, **limits)
        ax.set_title(f"seed {seed} (test accuracy {run['trained_accuracy'].iloc[0]:.0%})")
        ax.set_xticks(np.arange(len(layers)) + 0.5, layers, fontsize=6)
        ax.set_yticks(np.arange(len(names)) + 0.5, names)
        ax.tick_params(length=0)
        ax.set_ylabel("reset to epoch", fontsize=7)
    axes.flat[-1].set_xlabel("convolutional layer")
    figure.suptitle(arguments.label, fontsize=8)
    # A reset can also raise the accuracy a little.
    below = "min" if (table["drop"] < 0).any() else "neither"
    figure.colorbar(image, ax=axes, extend=below, label="drop in test accuracy (points)", aspect=40)
    save_figure(figure, arguments.output)


if __name__ == "__main__":
    run_program(main)
