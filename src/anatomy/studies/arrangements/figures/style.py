"""What the figures of this study share: the meaning of colours, curves of n_l, heat maps of resets."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh

from anatomy.reporting.plotting import HEAT_COLOURS, PALETTE, layer_style, plot_mean, seeds_in_words

INITIAL_COLOUR, TRAINED_COLOUR = PALETTE[0], PALETTE[1]
# More curves than that cannot be told apart: a map of layers and epochs takes their place.
MOST_CURVES = 16
# White where there is no bias.
MEASURE_COLOURS = "vlag"
# Names of layers that fit beside an axis.
MOST_NAMES = 16


def plot_layers(axes: Axes, summary: pd.DataFrame, layers: Sequence[int], shade: float = 0.15) -> None:
    """Draw n_l over epochs, one curve for each of `layers`, with bands of opacity `shade`."""
    for layer in layers:
        rows = summary[summary["layer"] == layer]
        plot_mean(axes, rows, shade, label=f"{layer}", **layer_style(layer))
    label_measure(axes)


def mean_in_words(summary: pd.DataFrame) -> str:
    """Return over how many seeds the colours of a map are means, for a title."""
    n = summary["n"].max()
    return seeds_in_words(n) if n == 1 else f"mean of n = {n} seeds"


def layer_map(axes: Axes, summary: pd.DataFrame) -> QuadMesh:
    """Draw the mean n_l as colours over layers, the first at the top, and epochs."""
    grid = summary.pivot(index="layer", columns="epoch", values="mean")
    epochs, layers = grid.columns.to_numpy(float), grid.index.to_numpy(float)
    mesh = axes.pcolormesh(
        _edges(epochs), _edges(layers), grid.to_numpy(), cmap=MEASURE_COLOURS, vmin=0, vmax=1, rasterized=True
    )
    axes.set_ylim(*axes.get_ylim()[::-1])
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("convolutional layer")
    return mesh


def _edges(centres: np.ndarray) -> np.ndarray:
    """Return the ends of cells around `centres`, half way to the next one."""
    if len(centres) == 1:
        return centres[0] + np.array([-0.5, 0.5])
    middles = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])


def label_measure(axes: Axes, symbol: str = r"$n_l$") -> None:
    """Set up the axis of n_l: from 0 to 1, with the unbiased value marked."""
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks([0, 0.5, 1])
    axes.axhline(0.5, color="0.6", linewidth=0.6, linestyle=":", zorder=0)
    axes.set_ylabel(f"measure {symbol}")


def heat_map(
    axes: Axes, grid: np.ndarray, resets: Sequence[str], layers: Sequence[int], low: float, high: float
) -> QuadMesh:
    """Draw drops (resets, layers) as colours from `low` to `high`, the first reset at the bottom."""
    mesh = axes.pcolormesh(grid, cmap=HEAT_COLOURS, edgecolors="white", linewidth=0.4, vmin=low, vmax=high)
    step = -(-len(layers) // MOST_NAMES)
    axes.set_xticks(np.arange(0, len(layers), step) + 0.5, layers[::step], fontsize=6)
    axes.set_yticks(np.arange(len(resets)) + 0.5, resets)
    return mesh
