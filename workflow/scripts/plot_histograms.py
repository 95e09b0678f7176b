"""Plot histograms of cosines, initial against trained, one panel per layer (figure 4 and its kind)."""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from hyperplanes.errors import run_program
from hyperplanes.plotting import COLUMN_WIDTH, INITIAL_COLOUR, TRAINED_COLOUR, save_figure

MOST_BINS, FEWEST_BINS = 30, 8


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cosines", required=True, type=Path, help="cosines.csv")
    parser.add_argument("--n-l", required=True, type=Path, help="n_l.csv")
    parser.add_argument("--seed", required=True, type=int, help="the run to draw")
    parser.add_argument("--label", required=True, help="network and data set, for the title")
    parser.add_argument("--output", required=True, type=Path, nargs="+", help="figures to write")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    cosines, n_l = pd.read_csv(arguments.cosines), pd.read_csv(arguments.n_l)
    cosines = cosines[cosines["seed"] == arguments.seed].dropna(subset="cosine")
    n_l = n_l[n_l["seed"] == arguments.seed].set_index(["epoch", "layer"])["n_l"]
    first, last = cosines["epoch"].min(), cosines["epoch"].max()
    layers = sorted(cosines["layer"].unique())
    columns = min(3, len(layers))
    rows = -(-len(layers) // columns)
    figure, axes = plt.subplots(
        rows, columns, squeeze=False, figsize=(COLUMN_WIDTH, 1.1 * rows + 0.6), layout="constrained"
    )
    for ax in axes.flat[len(layers) :]:
        ax.set_axis_off()
    for ax, layer in zip(axes.flat, layers, strict=False):
        of_layer = cosines[cosines["layer"] == layer]
        limit = 1.05 * of_layer["cosine"].abs().max()
        filters = of_layer["filter"].nunique()
        bins = np.linspace(-limit, limit, 1 + np.clip(filters // 4, FEWEST_BINS, MOST_BINS))
        for epoch, colour, name in (
            (first, INITIAL_COLOUR, "initialisation"),
            (last, TRAINED_COLOUR, f"trained, epoch {last}"),
        ):
            values = of_layer.loc[of_layer["epoch"] == epoch, "cosine"]
            style = {"histtype": "stepfilled", "facecolor": (*colour, 0.35), "edgecolor": colour}
            ax.hist(values, bins, label=name, **style)
        ax.axvline(0, color="0.3", linewidth=0.6)
        change = f"{n_l[first, layer]:.2f} → {n_l[last, layer]:.2f}"
        ax.set_title(f"layer {layer}\n$n_l$ {change}", fontsize=6.5)
        # One round number to each side of zero, as far apart as fits.
        tick = float(f"{0.7 * limit:.0e}")
        ax.set_xticks([-tick, 0, tick], [f"\N{MINUS SIGN}{tick:g}", "0", f"{tick:g}"], fontsize=6)
        ax.locator_params(axis="y", nbins=3, integer=True)
        ax.tick_params(axis="y", labelsize=6)
    for ax in axes.flat[: len(layers)][-columns:]:
        ax.set_xlabel("cosine")
    handles, names = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    figure.supylabel("filters", fontsize=8)
    figure.suptitle(f"{arguments.label}; seed {arguments.seed}", fontsize=8)
    save_figure(figure, arguments.output)


if __name__ == "__main__":
    run_program(main)
