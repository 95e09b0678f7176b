"""Accuracy on plain and rotated images of networks that were trained on, each in other layers."""

from collections.abc import Mapping, Sequence
from itertools import takewhile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import PAGE_WIDTH, PALETTE, in_lines
from anatomy.studies.invariance.figures.style import in_words

TABLES = ("scores",)
TAKES = ("labels",)
SHOWS = "accuracy after retraining of chosen layers"
CAPTION = (
    "Test accuracy of {{ labels[0] }} on images as they are and each turned by a random angle, of networks "
    "that are named below by the layers that were trained on, on rotated images. Means over seeds, with one "
    "standard deviation."
)


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw two bars for each table, of plain and of rotated images, with their values."""
    scores = tables["scores"]
    figure, axes = plt.subplots(figsize=(PAGE_WIDTH, 2.8), layout="constrained")
    for index, (rotated, words) in enumerate(((False, "plain"), (True, "rotated"))):
        chosen = [table[(table["part"] == "test") & (table["rotated"] == rotated)] for table in scores]
        means = [rows["accuracy"].mean() for rows in chosen]
        spread = [rows["accuracy"].std(ddof=1) if len(rows) > 1 else 0 for rows in chosen]
        drawn = axes.bar(
            np.arange(len(scores)) + 0.4 * (index - 0.5),
            means,
            0.38,
            yerr=spread,
            color=PALETTE[(0, 3)[index]],
            label=f"{words} test images",
        )
        axes.bar_label(drawn, [f"{mean:.2f}" for mean in means], padding=2, fontsize=5)
    axes.set_xticks(range(len(scores)), schemes([table["experiment"].iloc[0] for table in scores]))
    axes.set_ylim(0, 1.19)
    axes.set_xlabel("trained on")
    axes.set_ylabel("accuracy")
    axes.set_title(in_lines(f"{labels[0]}; {in_words(scores[0])}", PAGE_WIDTH))
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def schemes(names: Sequence[str]) -> list[str]:
    """Return names of experiments without the words, parted by dashes, that all of them begin with."""
    words = [name.split("-") for name in names]
    alike = takewhile(lambda parts: len({*parts}) == 1, zip(*words, strict=False))
    shared = min(len(list(alike)), min(map(len, words)) - 1)
    return ["-".join(parts[shared:]) for parts in words]
