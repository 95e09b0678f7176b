"""n_l of the first layer over epochs, one curve per experiment (figure 21 and its kind)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import COLUMN_WIDTH, experiment_style, in_lines, label_epochs, plot_mean
from anatomy.studies.arrangements.figures.style import label_measure

TABLES = ("n_l_summary",)
TAKES = ("labels", "positions")
SHOWS = "n_1 over epochs"
CAPTION = (
    "Fraction of negative projections of the first convolutional layer over epochs, for "
    '{{ labels | join("; ") }}. A layer with F filters can only take F + 1 values, so networks with few '
    "first-layer filters move in steps."
)


def draw(
    tables: Mapping[str, Sequence[pd.DataFrame]],
    labels: Sequence[str],
    positions: Sequence[int] | None = None,
) -> Figure:
    """Draw the first layer of each summary of n_l; the legend has its filters and seeds.

    `positions` of the experiments among the styles of curves, 0, 1, ..., are their order if not given.
    """
    summaries = tables["n_l_summary"]
    positions = range(len(summaries)) if positions is None else positions
    figure, axes = plt.subplots(figsize=(COLUMN_WIDTH, 2.2))
    for summary, label, position in zip(summaries, labels, positions, strict=True):
        first = summary[summary["layer"] == 1]
        name = f"{label}; {first['filters'].iloc[0]} filters, n = {first['n'].max()}"
        plot_mean(axes, first, label=in_lines(name, COLUMN_WIDTH), **experiment_style(position))
    label_measure(axes, "$n_1$")
    label_epochs(axes)
    axes.set_title("first layer; mean ± std over n seeds")
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.25), handlelength=2.5)
    return figure
