"""What the figures of this study share: the meaning of colours, curves of n_l, heat maps of resets."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh

from anatomy.reporting.plotting import HEAT_COLOURS, PALETTE, layer_style, plot_mean

INITIAL_COLOUR, TRAINED_COLOUR = PALETTE[0], PALETTE[1]


def plot_layers(axes: Axes, summary: pd.DataFrame, layers: Sequence[int], shade: float = 0.15) -> None:
    """Draw n_l over epochs, one curve for each of `layers`, with bands of opacity `shade`."""
    for layer in layers:
        rows = summary[summary["layer"] == layer]
        plot_mean(axes, rows, shade, label=f"{layer}", **layer_style(layer))
    label_measure(axes)


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
    axes.set_xticks(np.arange(len(layers)) + 0.5, layers, fontsize=6)
    axes.set_yticks(np.arange(len(resets)) + 0.5, resets)
    return mesh
