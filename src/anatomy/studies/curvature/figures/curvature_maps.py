"""The boundary and alignment maps with the top eigenvectors, one row for each experiment (figure 2)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.studies.curvature.figures.style import (
    alignment_bar,
    draw_alignment,
    draw_classes,
    eigenvalues_of,
    of_seed,
    printed,
)

TABLES = ("maps", "alignments", "eigenvalues")
TAKES = ("labels", "seed", "directions")
SHOWS = "boundary and alignments"
CAPTION = (
    "Left, the class that the network predicts in the plane, its boundary (black) and the training "
    "points; right of it the alignment of the reinforcing gradient at every point with the top "
    'eigenvectors of the Hessian, with their eigenvalues, for {{ labels | join("; ") }}. Seed {{ seed '
    "}}; the sign of an eigenvector is arbitrary."
)
DIRECTIONS = 5


def draw(
    tables: Mapping[str, Sequence[pd.DataFrame]],
    labels: Sequence[str],
    seed: int,
    directions: int | None = None,
) -> Figure:
    """Draw the maps of a seed, `directions` alignments for each experiment."""
    count = DIRECTIONS if directions is None else directions
    height = 1.35 * len(labels) + 0.3
    figure, axes = plt.subplots(
        len(labels), count + 1, squeeze=False, figsize=(PAGE_WIDTH, height), layout="constrained"
    )
    parts = zip(axes, *(tables[name] for name in TABLES), labels, strict=True)
    for row, maps, points, eigenvalues, label in parts:
        maps, points = of_seed(maps, seed, "map"), of_seed(points, seed, "point")
        values = eigenvalues_of(eigenvalues, seed)
        draw_classes(row[0], maps, points)
        row[0].set_ylabel(in_lines(label, 1.3), fontsize=6)
        for index, ax in enumerate(row[1:], 1):
            draw_alignment(ax, maps, points, f"A_{index}")
            ax.set_xlabel(rf"$\lambda_{index}$ = {printed(values[index - 1])}", fontsize=7)
    axes[0, 0].set_title("boundary")
    for index, ax in enumerate(axes[0, 1:], 1):
        ax.set_title(f"$A_{index}$")
    alignment_bar(figure, list(axes.flat), shrink=0.8, aspect=30)
    return figure
