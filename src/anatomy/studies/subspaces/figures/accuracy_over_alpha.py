"""Test accuracy along lines and curves, and of ensembles of two of their points (figure 4)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import COLUMN_WIDTH, in_lines
from anatomy.studies.subspaces.figures.style import by_experiment, common_and_own, sweep_panel

TABLES = ("evaluations_summary", "ensembles")
TAKES = ("labels",)
SHOWS = "accuracy over alpha"
CAPTION = (
    "Test accuracy of the points of a subspace over alpha (dashed), each with running statistics of batch "
    "normalisation of its own, and of the ensembles of the points alpha and 1 - alpha (solid), which at one "
    "half are the mid-point; logits are averaged. Grey: single networks (dashed) and ensembles of two of "
    "them (dotted), if there are any. Mean and one standard deviation over seeds, for "
    '{{ labels | join("; ") }}.'
)


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw one dashed and one solid curve for each line and curve, and bands for all else."""
    title, names = common_and_own(labels)
    figure, axes = plt.subplots(figsize=(COLUMN_WIDTH, 2.6))
    sweep_panel(axes, by_experiment(tables), names, "accuracy")
    axes.set_ylabel("test accuracy")
    axes.set_title(in_lines(title, COLUMN_WIDTH))
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.2), handlelength=2.5)
    return figure
