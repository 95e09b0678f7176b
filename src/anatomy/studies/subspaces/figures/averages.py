"""Averages of snapshots (SWA) and their ensembles beside mid-points of lines and single networks."""

from collections.abc import Iterator, Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.studies.subspaces.figures.style import by_experiment, colour, common_and_own, mean_and_std
from anatomy.studies.subspaces.tables import NEAR_THE_ENDS, STANDARD

TABLES = ("evaluations_summary",)
TAKES = ("labels", "schedules")
SHOWS = "averages of snapshots"
CAPTION = (
    "Test accuracy and expected calibration error (20 bins; lower is better) of trained networks, of the "
    "average of snapshots of a run with running statistics of its own (stochastic weight averaging), of the "
    "ensemble of these snapshots, of points near each or of samples of SWAG if there are any, of "
    "the mid-point of a subspace, and of the ensemble of two points near its ends; logits are averaged. Mean "
    "and one standard deviation over seeds, for "
    '{{ labels | join("; ") }}.'
)
OF_SNAPSHOTS = {
    "average": "average of snapshots",
    "snapshots": "ensemble of snapshots",
    "endpoints": "ensemble of points near snapshots",
    "swag samples": "ensemble of SWAG samples",
}
QUANTITIES = {"accuracy": "test accuracy", "ece": "expected calibration error"}


def draw(
    tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str], schedules: Sequence[str]
) -> Figure:
    """Draw a row for each way to make a network, or an ensemble, of a run; rows say its schedule."""
    title, own_names = common_and_own(labels)
    pairs = zip(own_names, schedules, strict=True)
    names = [f"{name} ({schedule.replace('_', ' ')})" for name, schedule in pairs]
    rows = [
        (words, own, colour(position))
        for position, (tables_of, name) in enumerate(zip(by_experiment(tables), names, strict=True))
        for words, own in _rows(tables_of["evaluations_summary"], name)
    ]
    size = (PAGE_WIDTH, 0.7 + 0.24 * len(rows))
    figure, axes = plt.subplots(1, 2, sharey=True, figsize=size, layout="constrained")
    for ax, (quantity, words) in zip(axes, QUANTITIES.items(), strict=True):
        for height, (_, own, shade) in enumerate(reversed(rows)):
            mean, std = mean_and_std(own[own["quantity"] == quantity])
            ax.errorbar(mean, height, xerr=std, fmt="o", markersize=4, capsize=3, color=shade)
        ax.set_xlabel(words)
        ax.grid(axis="y", linewidth=0.3)
    axes[0].set_yticks(range(len(rows)), [words for words, *_ in reversed(rows)])
    axes[0].set_ylim(-0.6, len(rows) - 0.4)
    figure.suptitle(in_lines(title, PAGE_WIDTH), fontsize=8)
    return figure


def _rows(summary: pd.DataFrame, name: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield what there is of an experiment, in words, and its rows of the summary."""
    subspace = summary["kind"].iloc[0] != STANDARD
    single = summary[summary["evaluation"] == "network"]
    yield (f"{name}, mid-point" if subspace else name), single
    together = summary[summary["combined"] == "logits"]
    for evaluation, words in OF_SNAPSHOTS.items():
        rows = (summary if evaluation == "average" else together).query("evaluation == @evaluation")
        if len(rows):
            yield f"{name}, {words}", rows
    pairs = together[together["evaluation"] == "pair"]
    if len(pairs):
        alpha = min(pairs["alpha"].unique(), key=lambda each: abs(each - NEAR_THE_ENDS))
        yield f"{name}, ensemble of {alpha:.2g} and {1 - alpha:.2g}", pairs[pairs["alpha"] == alpha]
