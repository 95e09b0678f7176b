"""What all figures share: sizes, colours, and how they are saved."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anatomy.runtime.files import atomic

matplotlib.use("Agg")

# Width in inches of one column of a two-column paper, and of both.
COLUMN_WIDTH = 3.4
PAGE_WIDTH = 7.0
# Colour-blind safe; the same meaning in every figure.
PALETTE = sns.color_palette("colorblind", 10)
RATE_DROP_COLOUR = "red"
HEAT_COLOURS = "rocket_r"
# Okabe and Ito's colours, with brown in place of the yellow that vanishes on white.
CURVE_COLOURS = ("#000000", "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#7f4f24")
CURVE_LINES = ("-", "--", ":", "-.")
# Points of a curve that are marked one by one.
FEW_POINTS = 3

sns.set_theme(
    "paper",
    "ticks",
    rc={
        "font.size": 8,
        "axes.labelsize": 8,
        "axes.titlesize": 8,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "legend.fontsize": 7,
        "legend.title_fontsize": 7,
        "legend.frameon": False,
        "lines.linewidth": 1.2,
        "savefig.dpi": 200,
        # Text in a PDF stays text.
        "pdf.fonttype": 42,
    },
)


def save_figure(figure: Figure, paths: Sequence[Path]) -> None:
    """Save a figure to every path, in the format of its suffix, without a date inside."""
    for path in paths:
        metadata = {"CreationDate": None} if path.suffix.lower() == ".pdf" else {}
        with atomic(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:], bbox_inches="tight", metadata=metadata)
    plt.close(figure)


def in_lines(text: str, width: float) -> str:
    """Break a title or label into lines that fit `width` inches."""
    # At 8 points some 16 characters fill an inch.
    return "\n".join(textwrap.fill(line, int(16 * width)) for line in text.splitlines())


def seeds_in_words(n: int) -> str:
    """Return the number of seeds for a legend."""
    return "n = 1 seed" if n == 1 else f"mean ± std, n = {n} seeds"


def layer_style(layer: int) -> dict[str, str]:
    """Return colour and line of a layer: the first eight are solid, the next eight dashed."""
    round_, index = divmod(int(layer) - 1, len(CURVE_COLOURS))
    return {"color": CURVE_COLOURS[index], "linestyle": CURVE_LINES[round_ % len(CURVE_LINES)]}


def experiment_style(position: int) -> dict[str, str]:
    """Return colour and line of the experiment at `position`, from 0 on; neighbours differ in both."""
    round_, colour = divmod(position + 1, len(CURVE_COLOURS))
    return {"color": CURVE_COLOURS[colour], "linestyle": CURVE_LINES[(position + round_) % len(CURVE_LINES)]}


def plot_mean(axes: Axes, summary: pd.DataFrame, shade: float = 0.15, **style) -> None:
    """Draw `mean` over `epoch` with a band of one `std` to each side; no band for a single seed.

    Few points are marked, as a line between them would hide where they are, and a single one has none.
    """
    if len(summary) <= FEW_POINTS:
        style.setdefault("marker", "o")
        style.setdefault("markersize", 3)
    (line,) = axes.plot(summary["epoch"], summary["mean"], **style)
    spread = summary["std"].fillna(0)
    if spread.any():
        low, high = summary["mean"] - spread, summary["mean"] + spread
        axes.fill_between(summary["epoch"], low, high, color=line.get_color(), alpha=shade, linewidth=0)


def rate_drops(summary: pd.DataFrame) -> np.ndarray:
    """Return the epochs after which the learning rate falls."""
    rates = summary.dropna(subset="learning_rate").groupby("epoch")["learning_rate"].first()
    return rates.index.to_numpy()[:-1][rates.to_numpy()[1:] < rates.to_numpy()[:-1]]


def mark_rate_drops(axes: Axes, epochs: Sequence[int]) -> None:
    """Draw a red tick on the epoch axis at each of `epochs`."""
    for epoch in epochs:
        axes.axvline(epoch, 0, 0.06, color=RATE_DROP_COLOUR, linewidth=1.5)


def label_epochs(axes: Axes) -> None:
    """Set up the epoch axis: whole numbers only."""
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("epoch")
