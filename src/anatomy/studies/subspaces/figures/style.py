"""What the figures of this study share: names of curves, points of lines and curves over alpha, bands."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from anatomy.reporting.plotting import CURVE_COLOURS
from anatomy.studies.subspaces.tables import STANDARD

BAND = "0.45"
# An ensemble, and one of its members.
TOGETHER, ALONE = "-", "--"


def network_and_data(label: str) -> str:
    """Return what the label of an experiment begins with: its network and its data set."""
    return ", ".join(label.split(", ")[:2])


def own_words(label: str) -> str:
    """Return what the label of an experiment adds to these, for a legend."""
    return ", ".join(label.split(", ")[2:]) or "standard training"


def common_and_own(labels: Sequence[str]) -> tuple[str, list[str]]:
    """Return the networks and data sets of all labels, for a title, and what each adds, for a legend."""
    titles = list(dict.fromkeys(map(network_and_data, labels)))
    if len(titles) == 1:
        return titles[0], list(map(own_words, labels))
    return "; ".join(titles), list(labels)


def mean_and_std(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the mean of a row of a summary, and its standard deviation, 0 for a single seed."""
    std = rows["std"].iloc[0]
    return rows["mean"].iloc[0], 0.0 if pd.isna(std) else std


def colour(position: int) -> str:
    """Return the colour of the experiment at a position, from 0 on."""
    return CURVE_COLOURS[(position + 1) % len(CURVE_COLOURS)]


def over_alpha(summary: pd.DataFrame, quantity: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `alpha`, `mean` and `std` of single points, and of the ensembles of alpha and 1 - alpha.

    At one half the ensemble is the mid-point.
    """
    rows = summary[summary["quantity"] == quantity]
    points = rows[rows["evaluation"].isin(["point", "network"])].sort_values("alpha")
    pairs = rows[(rows["evaluation"] == "pair") & (rows["combined"] == "logits")]
    mirrored = pairs.assign(alpha=1 - pairs["alpha"])
    together = pd.concat([pairs, points[points["alpha"] == 0.5], mirrored]).sort_values("alpha")
    return points, together


def curve(axes: Axes, rows: pd.DataFrame, **style) -> None:
    """Draw `mean` over `alpha`, with a band of one `std` where there are several seeds."""
    axes.plot(rows["alpha"], rows["mean"], **style)
    if rows["std"].notna().any():
        low, high = rows["mean"] - rows["std"], rows["mean"] + rows["std"]
        axes.fill_between(rows["alpha"], low, high, color=style["color"], alpha=0.12, linewidth=0)


def band(axes: Axes, mean: float, std: float, line: str, label: str) -> None:
    """Draw a value that has no alpha, with one standard deviation to both sides."""
    axes.axhline(mean, color=BAND, linestyle=line, linewidth=1, label=label, zorder=0)
    if std:
        axes.axhspan(mean - std, mean + std, color=BAND, alpha=0.15, linewidth=0, zorder=0)


def single_networks(axes: Axes, tables: Mapping[str, pd.DataFrame], quantity: str, name: str) -> None:
    """Draw bands of an experiment that trains single networks, and of ensembles of two of its seeds."""
    summary, ensembles = tables["evaluations_summary"], tables["ensembles"]
    band(axes, *mean_and_std(summary[summary["quantity"] == quantity]), ALONE, name)
    two = ensembles[(ensembles["members"] == 2) & (ensembles["combined"] == "logits")]
    if len(two):
        std = two[quantity].std() if len(two) > 1 else 0.0
        band(axes, two[quantity].mean(), std, ":", f"{name}, ensemble of two seeds")


def sweep_panel(
    axes: Axes, tables: Sequence[Mapping[str, pd.DataFrame]], names: Sequence[str], quantity: str
) -> None:
    """Draw a quantity over alpha: lines and curves as such, all else as bands."""
    for position, (own, name) in enumerate(zip(tables, names, strict=True)):
        if is_standard(own["evaluations_summary"]):
            single_networks(axes, own, quantity, name)
            continue
        points, together = over_alpha(own["evaluations_summary"], quantity)
        marker = {"marker": "o", "markersize": 2.5, "color": colour(position)}
        curve(axes, points, linestyle=ALONE, label=name, **marker)
        curve(
            axes,
            together,
            linestyle=TOGETHER,
            label=rf"{name}, ensemble of $\alpha$ and $1 - \alpha$",
            **marker,
        )
    axes.set_xlabel(r"$\alpha$")
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])


def is_standard(table: pd.DataFrame) -> bool:
    """Tell whether a table is of an experiment that trains single networks."""
    return table["kind"].iloc[0] == STANDARD


def by_experiment(tables: Mapping[str, Sequence[pd.DataFrame]]) -> list[dict[str, pd.DataFrame]]:
    """Return the tables of each experiment by name, of lists of tables."""
    return [dict(zip(tables, own, strict=True)) for own in zip(*tables.values(), strict=True)]
