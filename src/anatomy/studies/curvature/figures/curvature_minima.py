"""Maps and spectra of several minima of the same data, one row for each (figure 3)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.studies.curvature.figures.style import (
    alignment_bar,
    draw_alignment,
    draw_classes,
    draw_spectrum,
    eigenvalues_of,
    number_of,
    of_seed,
    printed,
)

TABLES = ("maps", "alignments", "eigenvalues", "spectrum", "measures")
TAKES = ("labels", "seed")
SHOWS = "minima: boundary, alignments and spectrum"
CAPTION = (
    'For {{ labels | join("; ") }}: the predicted classes and their boundary, the alignments with the '
    "top seven eigenvectors with their eigenvalues, and the density of the spectrum of the Hessian in "
    "200 bins. Crosses mark outliers, eigenvalues larger than a tenth of the largest. Seed {{ seed }}."
)
DIRECTIONS = 7


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str], seed: int) -> Figure:
    """Draw boundary, seven alignments and spectrum of every experiment."""
    figure, axes = plt.subplots(
        len(labels),
        DIRECTIONS + 2,
        squeeze=False,
        figsize=(PAGE_WIDTH * 1.35, 1.25 * len(labels) + 0.4),
        layout="constrained",
        width_ratios=[1] * (DIRECTIONS + 1) + [2.2],
    )
    parts = zip(axes, *(tables[name] for name in TABLES), labels, strict=True)
    for row, maps, points, eigenvalues, spectrum, measures, label in parts:
        maps, points = of_seed(maps, seed, "map"), of_seed(points, seed, "point")
        values = eigenvalues_of(eigenvalues, seed)
        draw_classes(row[0], maps, points, 2)
        row[0].set_ylabel(in_lines(label, 1.2), fontsize=6)
        for index, ax in enumerate(row[1 : DIRECTIONS + 1], 1):
            draw_alignment(ax, maps, points, f"A_{index}", 2)
            ax.set_xlabel(rf"$\lambda_{index}$ = {printed(values[index - 1])}", fontsize=6)
        count = int(number_of(measures, seed, "outliers_0.1"))
        draw_spectrum(row[-1], spectrum, values, count, seed)
        accuracy = number_of(measures, seed, "test_accuracy")
        row[-1].set_title(f"{count} outliers; test accuracy {accuracy:.1%}", fontsize=7)
    for ax in axes[:-1, -1]:
        ax.set_xlabel("")
    axes[0, 0].set_title("boundary")
    for index, ax in enumerate(axes[0, 1 : DIRECTIONS + 1], 1):
        ax.set_title(f"$A_{index}$")
    alignment_bar(figure, list(axes[:, : DIRECTIONS + 1].flat), location="bottom", shrink=0.3, aspect=30)
    return figure
