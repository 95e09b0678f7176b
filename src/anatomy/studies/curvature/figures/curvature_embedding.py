"""Training inputs by t-SNE, coloured by class and by alignment, and the spectrum (figure 6)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.runtime.errors import InputError
from anatomy.studies.curvature.figures.style import (
    ALIGNMENT_COLOURS,
    CLASS_COLOURS,
    alignment_bar,
    draw_spectrum,
    eigenvalues_of,
    number_of,
    of_seed,
    printed,
)

TABLES = ("alignments", "eigenvalues", "spectrum", "measures")
TAKES = ("labels", "seed")
SHOWS = "t-SNE by class and alignment"
CAPTION = (
    "Training inputs placed by t-SNE of their pixels (random state 42), coloured by class and by "
    "alignment with the top five eigenvectors, and eigenvalues with crosses at the outliers, larger "
    'than a tenth of the largest, for {{ labels | join("; ") }}. Seed {{ seed }}.'
)
DIRECTIONS = 5


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str], seed: int) -> Figure:
    """Draw one row for each experiment."""
    figure, axes = plt.subplots(
        len(labels),
        DIRECTIONS + 2,
        squeeze=False,
        figsize=(PAGE_WIDTH * 1.3, 1.45 * len(labels) + 0.4),
        layout="constrained",
        width_ratios=[1] * (DIRECTIONS + 1) + [1.8],
    )
    for row, alignments, eigenvalues, spectrum, measures, label in zip(
        axes, *(tables[name] for name in TABLES), labels, strict=True
    ):
        points = of_seed(alignments, seed, "alignment")
        if "y" not in points:
            raise InputError("the inputs have no place in the plane; set `embedding: true` in the experiment")
        values = eigenvalues_of(eigenvalues, seed)
        colours = [CLASS_COLOURS[own % len(CLASS_COLOURS)] for own in points["label"]]
        row[0].scatter(points["x"], points["y"], s=2, c=colours, linewidths=0)
        row[0].set_ylabel(in_lines(label, 1.4), fontsize=6)
        for index, ax in enumerate(row[1 : DIRECTIONS + 1], 1):
            options = {"cmap": ALIGNMENT_COLOURS, "vmin": -1, "vmax": 1}
            options |= {"linewidths": 0.15, "edgecolors": "0.4"}
            ax.scatter(points["x"], points["y"], s=4, c=points[f"A_{index}"], **options)
            ax.set_xlabel(rf"$\lambda_{index}$ = {printed(values[index - 1])}", fontsize=7)
        for ax in row[: DIRECTIONS + 1]:
            ax.set(xticks=[], yticks=[])
        count = int(number_of(measures, seed, "outliers_0.1"))
        draw_spectrum(row[-1], spectrum, values, count, seed)
        accuracy = number_of(measures, seed, "test_accuracy")
        row[-1].set_title(f"{count} outliers; test accuracy {accuracy:.1%}", fontsize=7)
    axes[0, 0].set_title("class")
    for index, ax in enumerate(axes[0, 1 : DIRECTIONS + 1], 1):
        ax.set_title(f"$A_{index}$")
    alignment_bar(figure, list(axes[:, : DIRECTIONS + 1].flat), location="bottom", shrink=0.3, aspect=30)
    return figure
