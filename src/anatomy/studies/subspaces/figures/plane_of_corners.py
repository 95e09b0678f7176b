"""Test accuracy and loss in the plane through three corners of a subspace."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines

TABLES = ("plane",)
TAKES = ("labels", "seed")
SHOWS = "the plane of three corners"
CAPTION = (
    "Test accuracy and loss in the plane through the three corners (marked; of a curve w_2 is the control "
    "point) of the subspace of seed {{ seed }} of {{ labels[0] }}. Each point has running statistics of "
    "batch normalisation of its own. Axes are Euclidean distances between all weights; between the "
    "points of the grid colours are interpolated."
)
QUANTITIES = {"accuracy": ("test accuracy", "viridis"), "loss": ("test loss", "viridis_r")}
LEVELS = 12
CORNERS = 3


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str], seed: int) -> Figure:
    """Draw a map for each quantity, with the corners and what lies between them."""
    (table,) = tables["plane"]
    own = table[table["seed"] == seed].sort_values("index")
    corners = own[own["index"] < CORNERS][["x", "y"]].to_numpy()
    figure, axes = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 3.0), layout="constrained")
    outline = np.vstack([corners, corners[:1]])
    for ax, (quantity, (words, colours)) in zip(axes, QUANTITIES.items(), strict=True):
        filled = ax.tricontourf(own["x"], own["y"], own[quantity], levels=LEVELS, cmap=colours)
        figure.colorbar(filled, ax=ax, label=words, shrink=0.85)
        ax.plot(*outline.T, color="white", linewidth=1)
        ax.plot(own["x"], own["y"], ".", color="white", markersize=1.5, alpha=0.6)
        for index, (x, y) in enumerate(corners):
            ax.plot(x, y, "o", color="white", markeredgecolor="black", markersize=5)
            words = ax.annotate(f"$w_{index}$", (x, y), xytext=(5, 5), textcoords="offset points")
            words.set_path_effects([withStroke(linewidth=2, foreground="white")])
        ax.set_aspect("equal")
        ax.set_xlabel("distance")
    axes[0].set_ylabel("distance")
    figure.suptitle(in_lines(labels[0], PAGE_WIDTH), fontsize=8)
    return figure
