"""Test accuracy of the mid-points of simplexes over their number of corners (figure 5)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import COLUMN_WIDTH, in_lines
from anatomy.studies.subspaces.figures.style import (
    ALONE,
    band,
    by_experiment,
    colour,
    common_and_own,
    is_standard,
    mean_and_std,
)

TABLES = ("evaluations_summary",)
TAKES = ("labels",)
SHOWS = "accuracy over corners"
CAPTION = (
    "Test accuracy of the mid-point over the number of corners, of simplexes and of lines, which are "
    "simplexes of two corners; with a random point for the whole network in training, or one for each layer. "
    'Grey: single networks. Mean and one standard deviation over seeds, for {{ labels | join("; ") }}.'
)


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw a marker for each experiment, joined for those that differ in their corners alone."""
    title, names = common_and_own(labels)
    figure, axes = plt.subplots(figsize=(COLUMN_WIDTH, 2.4))
    series: dict[tuple[bool, float], list[tuple[int, float, float]]] = {}
    for own, name in zip(by_experiment(tables), names, strict=True):
        summary = own["evaluations_summary"]
        middle = summary[(summary["evaluation"] == "network") & (summary["quantity"] == "accuracy")]
        if is_standard(summary):
            band(axes, *mean_and_std(middle), ALONE, name)
            continue
        first = middle.iloc[0]
        key = bool(first["layerwise"]), float(first["beta"])
        series.setdefault(key, []).append((int(first["corners"]), *mean_and_std(middle)))
    several = len({beta for _, beta in series}) > 1
    for position, ((layerwise, beta), rows) in enumerate(series.items()):
        corners, means, spreads = zip(*sorted(rows), strict=True)
        name = f"{'layerwise ' if layerwise else ''}simplex{f', beta {beta:g}' if several else ''}, mid-point"
        axes.errorbar(
            corners, means, spreads, marker="o", markersize=4, capsize=3, color=colour(position), label=name
        )
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.margins(x=0.15)
    axes.set_xlabel("corners")
    axes.set_ylabel("test accuracy")
    axes.set_title(in_lines(title, COLUMN_WIDTH))
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.22))
    return figure
