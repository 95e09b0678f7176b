"""Mean invariance of every layer under rotation, scale, translation, and all together."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, PALETTE, in_lines
from anatomy.studies.invariance.figures.style import in_words, label_layers

TABLES = ("transformations",)
TAKES = ("labels",)
SHOWS = "invariance under several transformations"
CAPTION = (
    "Mean of M over the units of each layer (all images) under each transformation of the image, for "
    "{{ labels | unique | join('; ') }}: rotation all around, scale from 0.5 to 1.25, translation by up to "
    "15 % of a side, and every combination of them. Lines are means over seeds, bands one standard deviation."
)


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw one panel for each table, two in a row, by its first aggregation."""
    own = tables["transformations"]
    columns = min(2, len(own))
    rows = -(-len(own) // columns)
    width = PAGE_WIDTH if columns == 2 else 0.7 * PAGE_WIDTH
    size = (width, 2.5 * rows + 0.4)
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=size, layout="constrained", sharey=True)
    for ax in axes.flat[len(own) :]:
        ax.set_axis_off()
    shown: dict[str, object] = {}
    for ax, table, label in zip(axes.flat, own, labels, strict=False):
        first = table[table["aggregation"] == table["aggregation"].iloc[0]]
        for name, rows_of in first.groupby("transformation", sort=False):
            groups = rows_of.groupby("position")["invariance"]
            mean, std = groups.mean(), groups.std().fillna(0)
            count = rows_of["count"].iloc[0]
            colour = shown[name].get_color() if name in shown else PALETTE[len(shown)]
            (line,) = ax.plot(mean.index, mean, color=colour, label=f"{name}, {count} of each image")
            shown.setdefault(name, line)
            ax.fill_between(mean.index, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
        ax.axhline(1, color="0.6", linewidth=0.6, linestyle=":", zorder=0)
        label_layers(ax, first)
        words = f"{label}\n{table['experiment'].iloc[0]}; {in_words(table)}"
        ax.set_title(in_lines(words, width / columns), fontsize=7)
    for ax in axes[:, 0]:
        ax.set_ylabel("mean M of units")
    # Of all panels, which share it: before one is drawn its values would not count.
    axes[0, 0].set_ylim(0)
    figure.legend(handles=list(shown.values()), loc="outside lower center", ncols=2)
    return figure
