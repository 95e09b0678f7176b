"""The drop in test accuracy when a layer is reset, one heat map per run (figure 2 and its kind)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import COLUMN_WIDTH, PAGE_WIDTH, in_lines
from anatomy.studies.arrangements.figures.style import heat_map
from anatomy.studies.arrangements.reinitialisation.names import order_of_reset
from anatomy.studies.arrangements.tables import convolutions, mean_over_draws

TABLES = ("reinitialisation",)
TAKES = ("labels", "runs")
SHOWS = "drop when a layer is reset"
CAPTION = (
    "Drop in test accuracy, in percentage points, when one convolutional layer of {{ labels[0] }} is reset "
    "to its weights at an earlier epoch (0 is the initialisation) or to fresh random weights. Each heat "
    "map is one of {{ runs }} runs; all share one colour scale."
)

# More runs than that take both columns of the page.
MOST_RUNS_IN_COLUMN = 3


def draw(
    tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str], runs: int | None = None
) -> Figure:
    """Draw one heat map for each of the first `runs` seeds of a reinitialisation table, on one scale.

    Its columns are the convolutions; several random draws are one row, their mean.
    """
    (table,) = tables["reinitialisation"]
    table = mean_over_draws(convolutions(table))
    seeds = sorted(table["seed"].unique())[:runs]
    table = table[table["seed"].isin(seeds)].assign(points=lambda rows: 100 * rows["drop"])
    names = sorted(table["reset_to"].unique(), key=order_of_reset)
    layers = sorted(table["layer"].unique())
    width, columns = (COLUMN_WIDTH, 1) if len(seeds) <= MOST_RUNS_IN_COLUMN else (PAGE_WIDTH, 2)
    rows = -(-len(seeds) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        squeeze=False,
        sharex=True,
        sharey=True,
        figsize=(width, (0.35 + 0.17 * len(names)) * rows + 0.6),
        layout="constrained",
    )
    highest = max(1, table["points"].max())
    for ax in axes.flat[len(seeds) :]:
        ax.set_axis_off()
    for ax, seed in zip(axes.flat, seeds, strict=False):
        run = table[table["seed"] == seed]
        grid = run.pivot(index="reset_to", columns="layer", values="points").loc[names, layers]
        image = heat_map(ax, grid.to_numpy(), names, layers, 0, highest)
        ax.set_title(f"seed {seed} (test accuracy {run['trained_accuracy'].iloc[0]:.0%})")
        ax.tick_params(length=0)
    for ax in axes[:, 0]:
        ax.set_ylabel("reset to epoch", fontsize=7)
    for ax in axes.flat[: len(seeds)][-columns:]:
        ax.set_xlabel("convolutional layer")
        ax.tick_params(labelbottom=True)
    title = f"{labels[0]}; n = {len(seeds)} seed{'s' * (len(seeds) > 1)}"
    figure.suptitle(in_lines(title, width), fontsize=8)
    # A reset can also raise the accuracy a little.
    below = "min" if (table["points"] < 0).any() else "neither"
    # Beside a single run the label does not fit on one line.
    label = "drop in test accuracy (points)" if rows > 1 else "drop in test\naccuracy (points)"
    figure.colorbar(image, ax=axes, extend=below, label=label, aspect=min(40, 14 * rows))
    return figure
