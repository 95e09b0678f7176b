"""Alignments of every training point with the top eigenvectors, one panel for each experiment (figure 4)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.studies.curvature.figures.style import (
    CLASS_COLOURS,
    eigenvalues_of,
    measure_of,
    number_of,
    of_seed,
    printed,
)

TABLES = ("alignments", "eigenvalues", "generalisation", "measures")
TAKES = ("labels", "seed")
SHOWS = "alignments of every training point"
CAPTION = (
    "Alignment of the reinforcing gradient of every training point (thin lines) with the top "
    "eigenvectors, ordered by eigenvalue with the largest on the right, and the means of the classes "
    '(thick), for {{ labels | join("; ") }}. G is the fraction of all eigenvectors with an alignment of '
    "some training point of at least the threshold of random directions (eps_avg, of each network its "
    "own). Seed {{ seed }}."
)
# Eigenvectors for each class, as many as the paper shows.
PER_CLASS = 8


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str], seed: int) -> Figure:
    """Draw one panel for each experiment."""
    figure, axes = plt.subplots(
        1, len(labels), squeeze=False, sharey=True, figsize=(PAGE_WIDTH, 2.4), layout="constrained"
    )
    parts = zip(axes[0], *(tables[name] for name in TABLES), labels, strict=True)
    for ax, alignments, eigenvalues, generalisation, measures, label in parts:
        points = of_seed(alignments, seed, "alignment")
        values = eigenvalues_of(eigenvalues, seed)
        classes = sorted(points["label"].unique())
        count = min(PER_CLASS * len(classes), len(values))
        columns = [f"A_{index}" for index in range(1, count + 1)]
        for label_of_class in classes:
            own = points[points["label"] == label_of_class][columns].to_numpy()
            colour = CLASS_COLOURS[label_of_class % len(CLASS_COLOURS)]
            ax.plot(range(1, count + 1), own.T, color=colour, linewidth=0.25, alpha=0.3)
            ax.plot(range(1, count + 1), own.mean(0), color=colour, linewidth=1.6, label=str(label_of_class))
        ax.axhline(0, color="black", linewidth=0.4)
        ax.set(xlim=(count + 0.5, 0.5), ylim=(-1.05, 1.05), xlabel="index of eigenvalue")
        found = measure_of(generalisation, seed)
        lines = [] if pd.isna(found) else [f"G = {found:.3g}"]
        lines.append(f"tr H = {number_of(measures, seed, 'trace'):.3g}")
        lines.append(rf"$\lambda_1$ = {printed(values[0])}")
        ax.text(0.03, 0.03, "\n".join(lines), transform=ax.transAxes, fontsize=7)
        ax.set_title(in_lines(label, PAGE_WIDTH / len(labels) - 0.3), fontsize=7)
    axes[0, 0].set_ylabel("alignment $A_i$")
    axes[0, -1].legend(title="class", loc="upper left", handlelength=1)
    return figure
