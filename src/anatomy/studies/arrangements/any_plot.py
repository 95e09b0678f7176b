"""What was measured of any network, as a figure."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from anatomy.reporting.plotting import HEAT_COLOURS, PAGE_WIDTH, PALETTE
from anatomy.studies.arrangements.any_network import projections, summarise
from anatomy.studies.arrangements.figures.style import label_measure


def plot(source: Any, **options: Any) -> Figure:
    """Draw n_l of every layer with its 95 % interval; of a table of `reinitialise` the drops, as a heat map.

    `source` is a table of `projections`, `summarise` or `reinitialise`, or what `projections` takes with
    `options`. Layers that differ from one half (`p_corrected` below 0.05) are filled.
    """
    table = source if isinstance(source, pd.DataFrame) else projections(source, **options)
    figure, axes = plt.subplots(figsize=(PAGE_WIDTH, 2.4), layout="constrained")
    if "reset_to" in table:
        _draw_drops(figure, axes, table)
    else:
        _draw_n_l(axes, table if "n_l" in table else summarise(table))
    axes.set_xlabel("layer")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _draw_n_l(axes: Axes, summary: pd.DataFrame) -> None:
    layer, n_l = summary["layer"].to_numpy(), summary["n_l"].to_numpy()
    ends = np.abs(summary[["low", "high"]].to_numpy().T - n_l)
    axes.errorbar(layer, n_l, ends, fmt="none", color=PALETTE[0], linewidth=0.8)
    differs = summary["p_corrected"].to_numpy() < 0.05
    for chosen, face in ((differs, PALETTE[0]), (~differs, "white")):
        axes.scatter(layer[chosen], n_l[chosen], 16, facecolor=face, edgecolor=PALETTE[0], zorder=3)
    label_measure(axes)
    axes.set_ylabel(r"measure $n_l$")


def _draw_drops(figure: Figure, axes: Axes, table: pd.DataFrame) -> None:
    names = list(dict.fromkeys(table["reset_to"]))
    grid = table.pivot(index="reset_to", columns="layer", values="drop").loc[names]
    ends = (grid.columns.min() - 0.5, grid.columns.max() + 0.5, len(names) - 0.5, -0.5)
    highest = max(table["trained_accuracy"].max(), 0.01)
    shown = axes.imshow(
        grid, cmap=HEAT_COLOURS, vmin=0, vmax=highest, extent=ends, aspect="auto", interpolation="none"
    )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylabel("reset to")
    figure.colorbar(shown, ax=axes, label="drop in accuracy")
