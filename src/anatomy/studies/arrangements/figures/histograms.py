"""Histograms of cosines, initial against trained, one panel per layer (figure 4 and its kind)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anatomy.reporting.plotting import COLUMN_WIDTH, PAGE_WIDTH, in_lines
from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.epochs import PRETRAINED, in_order
from anatomy.studies.arrangements.figures.style import INITIAL_COLOUR, TRAINED_COLOUR

TABLES = ("cosines", "n_l")
TAKES = ("labels", "seed", "stand_in")
SHOWS = "cosines before and after training"
CAPTION = (
    "Cosine of each filter with the identity line (equation 1) at random initialisation and after "
    "training, one panel per convolutional layer, for {{ labels[0] }}{% if seed is not none %}, seed "
    "{{ seed }}{% endif %}.{% if stand_in %} It is a network trained by this pipeline in place of the "
    "pretrained one.{% endif %}"
)

# To each side of zero.
MOST_BINS, FEWEST_BINS = 15, 4
# With more layers the figure takes both columns of the page.
MOST_LAYERS_IN_COLUMN = 6


def plot_layer(ax: Axes, cosines: pd.DataFrame, first: int, last: int) -> None:
    """Draw both histograms of one layer over the same bins, around zero."""
    limit = 1.05 * cosines["cosine"].abs().max()
    filters = cosines["filter"].nunique()
    bins = np.linspace(-limit, limit, 1 + 2 * np.clip(filters // 8, FEWEST_BINS, MOST_BINS))
    final = "pretrained" if last == PRETRAINED else f"trained, epoch {last}"
    for epoch, colour, name in (
        (first, INITIAL_COLOUR, "random initialisation"),
        (last, TRAINED_COLOUR, final),
    ):
        values = cosines.loc[cosines["epoch"] == epoch, "cosine"]
        style = {"histtype": "stepfilled", "facecolor": (*colour, 0.35), "edgecolor": colour}
        ax.hist(values, bins, label=name, **style)
    ax.axvline(0, color="0.3", linewidth=0.6)
    # One round number to each side of zero, as far apart as fits.
    tick = float(f"{0.7 * limit:.0e}")
    ax.set_xticks([-tick, 0, tick], [f"\N{MINUS SIGN}{tick:g}", "0", f"{tick:g}"], fontsize=6)
    ax.locator_params(axis="y", nbins=3, integer=True)
    ax.tick_params(axis="y", labelsize=6)


def draw(
    tables: Mapping[str, Sequence[pd.DataFrame]],
    labels: Sequence[str],
    seed: int | None = None,
    stand_in: bool = False,
) -> Figure:
    """Draw the histograms of one seed, the first if not given, and all layers.

    `stand_in`: the network stands in for a pretrained one, and the title says so.
    """
    (cosines,), (n_l,) = tables["cosines"], tables["n_l"]
    seed = cosines["seed"].min() if seed is None else seed
    if not (cosines["seed"] == seed).any():
        raise InputError(f"seed {seed} is not in the table; it has {sorted(set(cosines['seed']))}")
    cosines = cosines[cosines["seed"] == seed].dropna(subset="cosine")
    fraction = n_l[n_l["seed"] == seed].set_index(["epoch", "layer"])["n_l"]
    first, *_, last = in_order(cosines["epoch"])
    layers = sorted(cosines["layer"].unique())
    wide = len(layers) > MOST_LAYERS_IN_COLUMN
    # Of the numbers of columns that fit, the one that leaves the fewest gaps.
    columns = min((4, 5, 6), key=lambda n: -len(layers) % n) if wide else min(3, len(layers))
    width = PAGE_WIDTH if wide else COLUMN_WIDTH
    rows = -(-len(layers) // columns)
    figure, axes = plt.subplots(
        rows, columns, squeeze=False, figsize=(width, 1.1 * rows + 0.6), layout="constrained"
    )
    for ax in axes.flat[len(layers) :]:
        ax.set_axis_off()
    for ax, layer in zip(axes.flat, layers, strict=False):
        plot_layer(ax, cosines[cosines["layer"] == layer], first, last)
        change = f"{fraction[first, layer]:.2f} → {fraction[last, layer]:.2f}"
        ax.set_title(f"layer {layer}\n$n_l$ {change}", fontsize=6.5)
    handles, names = axes.flat[0].get_legend_handles_labels()
    axis = "cosine of a filter with the identity line"
    figure.legend(handles, names, title=axis, loc="outside lower center", ncols=2)
    figure.supylabel("filters", fontsize=8)
    seeded = "initialisation with seed" if last == PRETRAINED else "seed"
    title = labels[0] + "\ntrained by this pipeline in place of the pretrained one" * stand_in
    figure.suptitle(in_lines(f"{title}\n{seeded} {seed}, n = 1", width), fontsize=8)
    return figure
