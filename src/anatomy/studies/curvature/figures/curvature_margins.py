"""A normal and a wide-margin minimum: alignments, and the margin as the paper estimates it (figure 5)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.runtime.errors import InputError
from anatomy.studies.curvature.figures.style import (
    alignment_bar,
    draw_alignment,
    draw_classes,
    eigenvalues_of,
    measure_of,
    of_seed,
    printed,
)

TABLES = ("maps", "alignments", "eigenvalues", "generalisation", "margins")
TAKES = ("labels", "seed")
SHOWS = "boundary, alignments and margin"
CAPTION = (
    'For {{ labels | join("; ") }}: the boundary and the alignments with the top three eigenvectors, '
    "with the measure G; right, the margin. The paper's representative of the boundary (cross) is found "
    "by descent from a random point to an input whose gradient is along the top eigenvector, which need "
    "not lie on the boundary; the point of the boundary whose gradient is most along it is the plus. "
    "Triangles are the training points of largest and smallest alignment; the smaller distance of both "
    "to the representative is the margin, estimated for the cross (in brackets) and the plus. Nearest "
    "is the smallest distance of any training point to the boundary. Seed {{ seed }}."
)
DIRECTIONS = 3
POINT_COLOUR = "#d1006c"


def draw_margin(axes: Axes, maps: pd.DataFrame, points: pd.DataFrame, margins: pd.DataFrame) -> None:
    """Draw the points of the margin over the classes, and their distances as a title."""
    (own,) = margins.to_dict("records")
    if pd.isna(own["nearest"]):
        raise InputError("there is no margin; set `margin_steps` in the experiment")
    draw_classes(axes, maps, points, 2)
    options = {"clip_on": False, "linestyle": "none"}
    for name, marker in (("largest", "^"), ("smallest", "v")):
        place = own[f"{name}_x"], own[f"{name}_y"]
        axes.plot(*place, marker=marker, color="black", markerfacecolor="white", markersize=5, **options)
    for name, marker in (("descended", "x"), ("representative", "+")):
        place = own[f"{name}_x"], own[f"{name}_y"]
        axes.plot(*place, marker=marker, color=POINT_COLOUR, markersize=7, markeredgewidth=1.8, **options)
    low, high = axes.get_xlim()
    bottom, top = axes.get_ylim()
    x, y = own["descended_x"], own["descended_y"]
    if not (low <= x <= high and bottom <= y <= top):
        axes.set(xlim=(min(low, x), max(high, x)), ylim=(min(bottom, y), max(top, y)))
    axes.set_title(
        f"margin {own['margin']:.3g} ({own['estimate']:.3g}); nearest {own['nearest']:.3g}", fontsize=7
    )


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str], seed: int) -> Figure:
    """Draw one row for each experiment."""
    figure, axes = plt.subplots(
        len(labels),
        DIRECTIONS + 2,
        squeeze=False,
        figsize=(PAGE_WIDTH, 1.7 * len(labels) + 0.3),
        layout="constrained",
        width_ratios=[1] * (DIRECTIONS + 1) + [1.6],
    )
    parts = zip(axes, *(tables[name] for name in TABLES), labels, strict=True)
    for row, maps, points, eigenvalues, generalisation, margins, label in parts:
        maps, points = of_seed(maps, seed, "map"), of_seed(points, seed, "point")
        values = eigenvalues_of(eigenvalues, seed)
        draw_classes(row[0], maps, points, 2)
        found = measure_of(generalisation, seed)
        row[0].set_title("boundary" if pd.isna(found) else f"boundary, G = {found:.3g}", fontsize=7)
        row[0].set_ylabel(in_lines(label, 1.6), fontsize=6)
        for index, ax in enumerate(row[1 : DIRECTIONS + 1], 1):
            draw_alignment(ax, maps, points, f"A_{index}", 2)
            ax.set_title(rf"$A_{index}$, $\lambda_{index}$ = {printed(values[index - 1])}", fontsize=7)
        draw_margin(row[-1], maps, points, margins[margins["seed"] == seed])
    alignment_bar(figure, list(axes[:, : DIRECTIONS + 1].flat), location="bottom", shrink=0.4, aspect=30)
    return figure
