"""Test accuracy and calibration error over the severity of corruptions of the test images."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, in_lines
from anatomy.studies.subspaces.figures.style import ALONE, TOGETHER, colour, common_and_own
from anatomy.studies.subspaces.tables import STANDARD

TABLES = ("corruptions",)
TAKES = ("labels",)
SHOWS = "accuracy under corruption"
CAPTION = (
    "Test accuracy and expected calibration error (20 bins; lower is better) over the severity of "
    "corruptions of the test images, the mean over types of corruption: of single networks, of mid-points of "
    "subspaces (dashed), and of the ensemble of two points near the ends of lines and curves (solid; logits "
    'are averaged). Mean and one standard deviation over seeds, for {{ labels | join("; ") }}.'
)
QUANTITIES = {"accuracy": "test accuracy", "ece": "expected calibration error"}


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw a curve for each network and each ensemble of two points, in a panel for each quantity."""
    title, names = common_and_own(labels)
    figure, axes = plt.subplots(1, 2, figsize=(PAGE_WIDTH, 2.6), layout="constrained")
    for position, (table, name) in enumerate(zip(tables["corruptions"], names, strict=True)):
        own = table[table["combined"].isna() | (table["combined"] == "logits")]
        single = own["kind"].iloc[0] == STANDARD
        words = {
            "network": name if single else f"{name}, mid-point",
            "pair": f"{name}, ensemble of two points",
        }
        for evaluation, rows in own.groupby("evaluation"):
            line = TOGETHER if evaluation == "pair" else ALONE
            for ax, quantity in zip(axes, QUANTITIES, strict=True):
                by_seed = rows.groupby(["severity", "seed"])[quantity].mean()
                found = by_seed.groupby("severity").agg(["mean", "std"])
                style = {"linestyle": line, "color": colour(position), "label": words[evaluation]}
                ax.errorbar(
                    *(found.index, found["mean"], found["std"].fillna(0)),
                    **{"marker": "o", "markersize": 3, "capsize": 2, **style},
                )
    for ax, words in zip(axes, QUANTITIES.values(), strict=True):
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_xlabel("severity")
        ax.set_ylabel(words)
    figure.suptitle(in_lines(title, PAGE_WIDTH), fontsize=8)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2, handlelength=2.5)
    return figure
