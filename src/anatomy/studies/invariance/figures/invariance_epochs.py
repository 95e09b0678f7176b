"""Mean invariance of every layer in every epoch that was measured."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.studies.invariance.figures.style import MOST_NAMES, highest, in_words, scale

TABLES = ("epochs",)
TAKES = ("labels",)
SHOWS = "invariance by layer over epochs"
CAPTION = (
    "Mean of M over the units of each layer (all images) in each epoch that was measured, for "
    "{{ labels | unique | join('; ') }}; means over seeds. 0, black, is invariant; what lies above the scale "
    "is green."
)


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw a map for each table, two in a row, on one scale."""
    grids = [epoch_map(table) for table in tables["epochs"]]
    names = [table.drop_duplicates("position").set_index("position")["label"] for table in tables["epochs"]]
    top = highest(grid.to_numpy() for grid in grids)
    columns = min(2, len(grids))
    rows = -(-len(grids) // columns)
    tallest = max(min(len(grid), MOST_NAMES) for grid in grids)
    width = PAGE_WIDTH if columns == 2 else 0.6 * PAGE_WIDTH
    size = (width, rows * (1.2 + 0.11 * tallest))
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=size, layout="constrained")
    for ax in axes.flat[len(grids) :]:
        ax.set_axis_off()
    for ax, table, grid, named, label in zip(axes.flat, tables["epochs"], grids, names, labels, strict=False):
        image = ax.imshow(
            grid.to_numpy(), cmap=scale(), vmin=0, vmax=top, aspect="auto", interpolation="nearest"
        )
        label_axes(ax, grid, named)
        words = f"{label}\n{table['experiment'].iloc[0]}; {in_words(table).replace('mean ± std', 'mean')}"
        ax.set_title(in_lines(words, width / columns), fontsize=7)
    for ax in axes[:, 0]:
        ax.set_ylabel("layer")
    above = any((grid.to_numpy() > top).any() for grid in grids)
    figure.colorbar(image, ax=axes, label="mean M of units", extend="max" if above else "neither")
    return figure


def epoch_map(epochs: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over seeds of M (all images, first aggregation), layers x epochs."""
    own = epochs[(epochs["kind"] == "all") & (epochs["aggregation"] == epochs["aggregation"].iloc[0])]
    return own.pivot_table(index="position", columns="epoch", values="invariance", aggfunc="mean")


def label_axes(axes: Axes, grid: pd.DataFrame, names: pd.Series) -> None:
    """Write epochs below a map, and the names of layers beside it, or their numbers if they are many."""
    epochs, step = grid.columns, -(-grid.shape[1] // 12)
    axes.set_xticks(np.arange(0, len(epochs), step), epochs[::step])
    axes.set_xlabel("epoch")
    if len(grid) <= MOST_NAMES:
        axes.set_yticks(np.arange(len(grid)), names.loc[grid.index], fontsize=6)
    else:
        step = -(-len(grid) // 20)
        axes.set_yticks(np.arange(0, len(grid), step), grid.index[::step])
