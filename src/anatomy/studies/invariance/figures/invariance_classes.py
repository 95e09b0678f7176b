"""The invariance of every output for the images of every class, of both networks of a pair."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.studies.invariance.figures.style import NETWORKS, in_words, scale

TABLES = ("outputs",)
TAKES = ("labels",)
SHOWS = "invariance of outputs by class"
CAPTION = (
    "Invariance M of every output of {{ labels[0] }}, for the images of every class, trained on plain and "
    "on rotated images; means over seeds. On the diagonal an output sees its own class."
)


def class_map(outputs: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over seeds of M, outputs x classes in their order."""
    finite = outputs[np.isfinite(outputs["invariance"])]
    grid = finite.pivot_table(index="unit", columns="class", values="invariance", aggfunc="mean", sort=False)
    return grid.sort_index().reindex(columns=outputs["class"].unique())


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw the outputs of two networks, on one scale."""
    maps = [class_map(table) for table in tables["outputs"]]
    top = max(np.nanmax(grid.to_numpy()) for grid in maps)
    figure, axes = plt.subplots(1, 2, figsize=(0.8 * PAGE_WIDTH, 2.9), layout="constrained", sharey=True)
    for ax, grid, network in zip(axes, maps, NETWORKS, strict=True):
        image = ax.imshow(grid.to_numpy(), cmap=scale(), vmin=0, vmax=top, interpolation="nearest")
        names = [str(name) for name in grid.columns]
        step = -(-len(names) // 20)
        turn = 90 if max(map(len, names)) > 2 else 0
        ax.set_xticks(range(0, len(names), step), names[::step], rotation=turn)
        ax.set_xlabel("class of the images")
        ax.set_title(f"trained on {network} images")
        if len(grid) == len(names):
            ax.set_yticks(range(0, len(names), step), names[::step])
    axes[0].set_ylabel("output")
    title = f"{labels[0]}; {in_words(tables['outputs'][0]).replace('mean ± std', 'mean')}"
    figure.suptitle(in_lines(title, 0.8 * PAGE_WIDTH), fontsize=8)
    figure.colorbar(image, ax=axes, label="M")
    return figure
