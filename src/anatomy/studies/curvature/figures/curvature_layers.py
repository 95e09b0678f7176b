"""Curvature layer by layer, beside n_l and the drop when a layer is reset (not in the paper)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from anatomy.reporting.plotting import CURVE_COLOURS, PAGE_WIDTH, in_lines
from anatomy.reporting.tables import mean_over_seeds
from anatomy.runtime.errors import InputError

TABLES = ("layers", "arrangements/layers")
TAKES = ("labels",)
SHOWS = "curvature of layers beside n_l and drops"
CAPTION = (
    "Convolutions of {{ labels[0] }} after training, from the input on: trace and largest eigenvalue of the "
    "layer's own block of the Hessian; its share of the top eigenvector; n_l, the fraction of filters with a "
    "negative sum; and the drop in test accuracy when the layer is reset to its initialisation. Dots are "
    "seeds, lines their mean. In brackets Spearman's correlation over layers with the trace."
)
TRACE, TOP, SHARE = "hessian_trace", "hessian_top_eigenvalue", "hessian_share_1"


def by_layer(table: pd.DataFrame, quantity: str, epoch: int | None = None) -> pd.DataFrame:
    """Return the rows of a quantity of `layers.csv`, at its last epoch unless one is given."""
    rows = table[table["quantity"] == quantity]
    return rows[rows["epoch"] == (rows["epoch"].max() if epoch is None else epoch)]


def draw(tables: Mapping[str, Sequence[pd.DataFrame]], labels: Sequence[str]) -> Figure:
    """Draw curvature, shares, n_l and drops of the layers that all of them have."""
    curvature, arrangements = (tables[name][0] for name in TABLES)
    # Of resets `epoch` is what the layer was reset to.
    drops = by_layer(arrangements, "drop", 0)
    if drops.empty:
        raise InputError("no layer is reset to epoch 0; add it to arrangements.reinitialise.epochs")
    panels = {
        "trace": by_layer(curvature, TRACE),
        "largest eigenvalue": by_layer(curvature, TOP),
        "share of $v_1$": by_layer(curvature, SHARE),
        "$n_l$": by_layer(arrangements, "n_l"),
        "drop when reset": drops,
    }
    common = set.intersection(*({*rows["layer"]} for rows in panels.values()))
    order = [layer for layer in dict.fromkeys(arrangements["layer"]) if layer in common]
    figure, axes = plt.subplots(1, len(panels), figsize=(PAGE_WIDTH * 1.4, 2.2), layout="constrained")
    positions, means = np.arange(1, len(order) + 1), {}
    for ax, (name, rows), colour in zip(axes, panels.items(), CURVE_COLOURS[1:], strict=False):
        means[name] = mean_over_seeds(rows, ["layer"], "value").set_index("layer")["mean"].loc[order]
        for _, own in rows.groupby("seed"):
            values = own.set_index("layer")["value"].loc[order]
            ax.plot(positions, values, "o", color=colour, markersize=3, alpha=0.5)
        ax.plot(positions, means[name], color=colour)
        ax.set(xlabel="convolution", title=name)
        if name != "trace" and means[name].nunique() > 1 and means["trace"].nunique() > 1:
            ax.set_title(f"{name} ({means[name].corr(means['trace'], 'spearman'):.2f})")
        if name in ("trace", "largest eigenvalue") and (rows["value"] > 0).all():
            ax.set_yscale("log")
    axes[3].axhline(0.5, color="black", linewidth=0.4)
    figure.suptitle(in_lines(labels[0], PAGE_WIDTH), fontsize=8)
    return figure
