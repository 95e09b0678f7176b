"""The invariance of every unit as colours, layer by layer, of both networks of a pair."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.studies.invariance.figures.style import (
    ABOVE,
    BROKEN,
    NETWORKS,
    first_seed,
    highest,
    in_figures,
    label_layers,
    scale,
)

TABLES = ("units",)
TAKES = ("labels",)
SHOWS = "invariance of every unit"
CAPTION = (
    "Invariance M of every unit of {{ labels[0] }} (first seed), trained on plain images on the left and on"
    " rotated ones on the right: over all images, within classes (the mean over them), and for each class. "
    "A column is a layer, its units from top to bottom, stretched to one height; 0, black, is invariant. "
    "All maps share one scale, up to the median and three times the interquartile range of them all: what "
    "lies above it, infinite units included, is green. Units that never vary have M = 1; those with values "
    "that are not finite are light blue."
)

# Rows of pixels of a map; units of a layer share them.
RESOLUTION = 256


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw the first aggregation of the first seed of two tables of units."""
    chosen = []
    for table in tables["units"]:
        own = first_seed(table)
        chosen.append(own[own["aggregation"] == own["aggregation"].iloc[0]])
    rows = [("all", None), ("stratified", None)]
    rows += [("class", name) for name in chosen[0].loc[chosen[0]["kind"] == "class", "class"].unique()]
    rows = [row for row in rows if len(_of(chosen[0], *row))]
    top = highest(own["invariance"].to_numpy() for own in chosen)
    sizes = {"figsize": (PAGE_WIDTH, 0.75 * len(rows) + 1.2), "layout": "constrained"}
    figure, axes = plt.subplots(len(rows), 2, squeeze=False, sharex=True, **sizes)
    for column, (own, network) in enumerate(zip(chosen, NETWORKS, strict=True)):
        for ax, row in zip(axes[:, column], rows, strict=True):
            image = heat_map(ax, _of(own, *row), top)
            ax.tick_params(bottom=row == rows[-1])
            kind, name = row
            if not column:
                words = f"class {in_figures(name)}" if kind == "class" else kind
                ax.set_ylabel(in_lines(words, 1), rotation=0, ha="right", va="center")
        axes[0, column].set_title(f"trained on {network} images{_counts(own)}", fontsize=7)
        label_layers(axes[-1, column], own)
    aggregation = chosen[0]["aggregation"].iloc[0]
    title = f"{labels[0]}; {aggregation} of maps; seed {chosen[0]['seed'].iloc[0]}"
    figure.suptitle(in_lines(title, PAGE_WIDTH), fontsize=8)
    above = any((own["invariance"] > top).any() for own in chosen)
    figure.colorbar(image, ax=axes, label="M", aspect=40, extend="max" if above else "neither")
    patches = [Patch(color=ABOVE, label="above the scale")] * above
    patches += [Patch(color=BROKEN, label="not finite")] * any(
        own["invariance"].isna().any() for own in chosen
    )
    if patches:
        figure.legend(handles=patches, loc="outside lower center", ncols=2)
    return figure


def _of(units: pd.DataFrame, kind: str, name: object) -> pd.DataFrame:
    own = units[units["kind"] == kind]
    return own if name is None else own[own["class"] == name]


def _counts(units: pd.DataFrame) -> str:
    """Return, for a title, how many units over all images have no M of their own."""
    counted = units.loc[units["kind"] == "all", "status"].value_counts()
    words = [f"{counted[name]} {name}" for name in ("dead", "infinite", "not finite") if name in counted]
    return f"\n{', '.join(words)} of {counted.sum()} units" if words else ""


def heat_map(axes: Axes, units: pd.DataFrame, top: float):
    """Draw units as one column for each layer, and return the image."""
    columns = []
    for _, layer in units.groupby("position"):
        values = layer.sort_values("unit")["invariance"].to_numpy(float)
        columns.append(values[np.arange(RESOLUTION) * len(values) // RESOLUTION])
    grid = np.stack(columns, 1)
    # Infinite ones are above any scale.
    grid = np.where(np.isposinf(grid), 2 * top, grid)
    extent = (0.5, grid.shape[1] + 0.5, 0, 1)
    image = axes.imshow(
        np.ma.masked_invalid(grid),
        cmap=scale(),
        vmin=0,
        vmax=top,
        aspect="auto",
        interpolation="nearest",
        extent=extent,
    )
    for edge in np.arange(1, grid.shape[1]) + 0.5:
        axes.axvline(edge, color="white", linewidth=min(0.8, 20 / grid.shape[1]))
    axes.set_yticks([])
    return image
