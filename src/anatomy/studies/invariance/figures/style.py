"""What the figures of this study share: colours, words for seeds, and the colour scale of the measure."""

from collections.abc import Iterable

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap

from anatomy.reporting.plotting import seeds_in_words

# All images together in blue, stratified by class in red, as in the paper.
COLOURS = {"all": "#0072b2", "stratified": "#d55e00"}
NETWORKS = ("plain", "rotated")
ABOVE, BROKEN = "#009e73", "#56b4e9"
# Names of layers that fit below an axis.
MOST_NAMES = 40


def scale() -> Colormap:
    """Return colours from 0 on; what lies above the scale is green, what has no M light blue."""
    return mpl.colormaps["inferno"].with_extremes(over=ABOVE, bad=BROKEN)


def highest(values: Iterable[np.ndarray]) -> float:
    """Return where colours end: the largest value, at most the median and 3 interquartile ranges."""
    flat = np.concatenate([np.ravel(value) for value in values])
    finite = flat[np.isfinite(flat)]
    if not finite.size:
        return 1.0
    low, median, high = np.quantile(finite, [0.25, 0.5, 0.75])
    return float(max(min(finite.max(), median + 3 * (high - low)), 1e-3))


def first_seed(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the first seed."""
    return table[table["seed"] == table["seed"].min()]


def label_layers(axes: Axes, layers: pd.DataFrame) -> None:
    """Write the names of layers 1, 2, ... below an axis, or their numbers if they are many."""
    names = layers.drop_duplicates("position").sort_values("position")
    if len(names) <= MOST_NAMES:
        axes.set_xticks(names["position"], names["label"], rotation=90, fontsize=6)
    axes.set_xlabel("layer")


def in_figures(name: object) -> str:
    """Return the name of a class; beside empty cells a table has whole numbers as 3.0."""
    return f"{name:g}" if isinstance(name, float) else str(name)


def in_words(table: pd.DataFrame) -> str:
    """Return over how many seeds a figure is."""
    return seeds_in_words(table["seed"].nunique())
