"""Test accuracy by class and angle, of both networks of a pair."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.studies.invariance.figures.style import NETWORKS, in_words

TABLES = ("angles",)
TAKES = ("labels",)
SHOWS = "accuracy by class and angle"
CAPTION = (
    "Fraction of the test images of each class that {{ labels[0] }} gets right when they are rotated by each "
    "angle, trained on plain and on rotated images; means over seeds."
)


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw the accuracies of two networks."""
    figure, axes = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 2.6), layout="constrained", sharey=True)
    for ax, table, network in zip(axes, tables["angles"], NETWORKS, strict=True):
        grid = table.pivot_table(
            index="class", columns="angle", values="accuracy", aggfunc="mean", sort=False
        )
        grid = grid.sort_index(axis=1)
        image = ax.imshow(
            grid.to_numpy(), cmap="inferno", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
        )
        angles = grid.columns.to_numpy()
        chosen = np.arange(0, len(angles), max(1, len(angles) // 4))
        ax.set_xticks(chosen, [f"{angles[index]:g}" for index in chosen])
        step = -(-len(grid) // 20)
        ax.set_yticks(range(0, len(grid), step), [str(name) for name in grid.index[::step]])
        ax.set_xlabel("rotation in degrees")
        ax.set_title(f"trained on {network} images; mean {grid.to_numpy().mean():.0%}")
    axes[0].set_ylabel("class")
    title = f"{labels[0]}; {in_words(tables['angles'][0]).replace('mean ± std', 'mean')}"
    figure.suptitle(in_lines(title, PAGE_WIDTH), fontsize=8)
    figure.colorbar(image, ax=axes, label="test accuracy")
    return figure
