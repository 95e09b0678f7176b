"""What is concluded from single runs, over seeds: eigenvalue, outliers, G, margin (not in the paper)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, experiment_style, in_lines
from anatomy.reporting.statistics import mean_interval
from anatomy.studies.curvature.figures.style import eigenvalues_of, measure_of, number_of

TABLES = ("eigenvalues", "generalisation", "measures", "margins")
TAKES = ("labels",)
SHOWS = "numbers over seeds"
CAPTION = (
    "Largest eigenvalue, number of outliers, measure G (eps_avg, eigenvectors that are curved), test "
    'accuracy and smallest distance of a training point to the boundary, for {{ labels | join("; ") }}. '
    "Dots are seeds, bars their mean and Student's 95 % interval."
)


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw one panel for each quantity; a quantity that no experiment has is left out."""
    quantities: dict[str, list[np.ndarray]] = {}
    for eigenvalues, generalisation, measures, margins in zip(
        *(tables[name] for name in TABLES), strict=True
    ):
        seeds = sorted(eigenvalues["seed"].unique())
        nearest = margins.set_index("seed")["nearest"].reindex(seeds).to_numpy(float)
        found = {
            r"$\log_{10}\lambda_1$": np.log10([eigenvalues_of(eigenvalues, seed)[0] for seed in seeds]),
            "outliers": [number_of(measures, seed, "outliers_0.1") for seed in seeds],
            "G": [measure_of(generalisation, seed) for seed in seeds],
            "test accuracy": [number_of(measures, seed, "test_accuracy") for seed in seeds],
            "distance to\nthe boundary": nearest,
        }
        for name, values in found.items():
            quantities.setdefault(name, []).append(np.array(values, float))
    shown = {name: own for name, own in quantities.items() if not all(np.isnan(each).all() for each in own)}
    figure, axes = plt.subplots(
        1,
        len(shown),
        squeeze=False,
        sharey=True,
        figsize=(PAGE_WIDTH, 0.42 * len(labels) + 0.9),
        layout="constrained",
    )
    for ax, (name, every) in zip(axes[0], shown.items(), strict=True):
        for position, values in enumerate(every):
            colour = experiment_style(position)["color"]
            ax.plot(values, np.full(len(values), position), "o", color=colour, alpha=0.5, markersize=3)
            low, high = mean_interval(values[~np.isnan(values)])
            centre = np.nanmean(values) if not np.isnan(values).all() else np.nan
            ax.plot([low, high], [position + 0.25] * 2, color=colour)
            ax.plot(centre, position + 0.25, "|", color=colour, markersize=7)
        ax.set_title(name)
    axes[0, 0].set_yticks(range(len(labels)), [in_lines(label, 1.6) for label in labels], fontsize=6)
    axes[0, 0].set_ylim(len(labels) - 0.4, -0.6)
    return figure
