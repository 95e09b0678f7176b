"""Mean invariance of every layer, of networks trained on plain and on rotated images."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.studies.invariance.figures.style import COLOURS, NETWORKS, in_words, label_layers

TABLES = ("layer_invariance",)
TAKES = ("labels",)
SHOWS = "invariance by layer"
CAPTION = (
    "Mean of M over the units of each layer that have one, for {{ labels | unique | join('; ') }}: how much"
    " a unit varies under rotation of an image, over how much it varies from image to image. 0 is "
    "invariant. Blue: over all images; red: within classes, the mean over them. Solid: trained on rotated "
    "images; dashed: on plain ones. Lines are means over seeds, bands one standard deviation. Grey, if it "
    "was measured: images turned and turned back, the part of M that is pixels lost and blurred, from 0 to "
    "the larger of both networks."
)

LINES = {"plain": "--", "rotated": "-"}


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw one panel for each pair of tables, plain and rotated in turn, by their first aggregation."""
    layers = tables["layer_invariance"]
    pairs = list(zip(layers[::2], layers[1::2], labels[::2], strict=True))
    rows = -(-len(pairs) // 2) if len(pairs) > 1 else 1
    columns = min(2, len(pairs))
    width = PAGE_WIDTH if columns == 2 else 0.7 * PAGE_WIDTH
    size = (width, 2.6 * rows + 0.5)
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=size, layout="constrained")
    for ax in axes.flat[len(pairs) :]:
        ax.set_axis_off()
    for ax, (plain, rotated, label) in zip(axes.flat, pairs, strict=False):
        panel(ax, {"plain": plain, "rotated": rotated})
        aggregation = plain["aggregation"].iloc[0]
        ax.set_title(f"{in_lines(label, width / columns)}\n{aggregation} of maps; {in_words(plain)}")
    for ax in axes[:, 0]:
        ax.set_ylabel("mean M of units")
    handles, words = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside lower center", ncols=3)
    return figure


def panel(axes: Axes, networks: Mapping[str, pd.DataFrame]) -> None:
    """Draw the layers of both networks of a pair."""
    floors = []
    for network in reversed(NETWORKS):
        table = networks[network]
        own = table[table["aggregation"] == table["aggregation"].iloc[0]]
        for kind, colour in COLOURS.items():
            groups = own[own["kind"] == kind].groupby("position")["invariance"]
            mean, std = groups.mean(), groups.std().fillna(0)
            words = f"{kind}, trained on {network} images"
            axes.plot(mean.index, mean, color=colour, linestyle=LINES[network], label=words)
            axes.fill_between(mean.index, mean - std, mean + std, color=colour, alpha=0.15, linewidth=0)
        floors.append(own[own["kind"] == "all"].groupby("position")["floor"].mean())
        label_layers(axes, own)
    floor = pd.concat(floors, axis=1).max(axis=1)
    if floor.notna().any():
        axes.fill_between(
            floor.index, 0, floor, color="0.85", linewidth=0, zorder=0, label="turned and turned back"
        )
    axes.axhline(1, color="0.6", linewidth=0.6, linestyle=":", zorder=0)
    axes.set_ylim(0)
    axes.margins(x=0.02)
