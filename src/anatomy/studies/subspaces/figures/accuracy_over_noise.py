"""Test accuracy over the fraction of label noise: mid-points beside what else resists it."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import COLUMN_WIDTH, in_lines
from anatomy.studies.subspaces.figures.style import by_experiment, colour, common_and_own
from anatomy.studies.subspaces.tables import STANDARD

TABLES = ("evaluations", "training")
TAKES = ("labels",)
SHOWS = "accuracy over label noise"
CAPTION = (
    "Test accuracy over the fraction of training labels that are replaced at random; those of a smaller "
    "fraction are among those of a larger one. Of single networks after training and, with optimal early "
    "stopping, at the epoch that is best on the test images themselves; of mid-points of subspaces; of the "
    "average of snapshots; of dropout and label smoothing the best value of those tried at each fraction. "
    'Mean and one standard deviation over seeds, for {{ labels | join("; ") }}.'
)
WORDS = {"line": "line", "bezier": "curve", "simplex": "simplex"}
SINGLE, STOPPED, AVERAGED = "standard training", "optimal early stopping", "average of snapshots (SWA)"
DROPOUT, SMOOTHING = "best dropout", "best label smoothing"


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw a curve for each way to train, of the best experiment at each fraction."""
    title, _ = common_and_own(labels)
    rows = []
    for own in by_experiment(tables):
        for method, values in _accuracies(own["evaluations"], own["training"]).items():
            noise = float(own["evaluations"]["label_noise"].iloc[0])
            rows.append({"method": method, "noise": noise, "mean": values.mean(), "std": values.std()})
    table = pd.DataFrame(rows).sort_values("mean", ascending=False)
    best = table.drop_duplicates(["method", "noise"])
    figure, axes = plt.subplots(figsize=(COLUMN_WIDTH, 2.6))
    for position, method in enumerate(dict.fromkeys(row["method"] for row in rows)):
        curve = best[best["method"] == method].sort_values("noise")
        style = {"color": colour(position - 1), "marker": "o", "markersize": 3, "capsize": 2}
        dashed = "--" if method == STOPPED else "-"
        axes.errorbar(
            curve["noise"], curve["mean"], curve["std"].fillna(0), label=method, linestyle=dashed, **style
        )
    axes.set_xlabel("fraction of label noise")
    axes.set_ylabel("test accuracy")
    networks = dict.fromkeys(", ".join(part.split(", ")[:2]) for part in title.split("; "))
    axes.set_title(in_lines("; ".join(networks), COLUMN_WIDTH))
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.2))
    return figure


def _accuracies(evaluations: pd.DataFrame, training: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the accuracies by seed of each way to get a network out of the runs of one experiment."""
    network = evaluations[evaluations["evaluation"] == "network"].set_index("seed")["accuracy"]
    first = evaluations.iloc[0]
    if first["kind"] != STANDARD:
        corners = f" of {first['corners']}" if first["kind"] == "simplex" else ""
        layerwise = "layerwise " if first["layerwise"] else ""
        beta = "" if first["beta"] == 1 else f" (beta {first['beta']:g})"
        return {f"{layerwise}{WORDS[first['kind']]}{corners}{beta}, mid-point": network}
    if first["dropout"] or first["smoothing"]:
        return {DROPOUT if first["dropout"] else SMOOTHING: network}
    averages = evaluations[evaluations["evaluation"] == "average"].set_index("seed")["accuracy"]
    if len(averages):
        return {AVERAGED: averages}
    return {SINGLE: network, STOPPED: training.groupby("seed")["validation_accuracy"].max()}
