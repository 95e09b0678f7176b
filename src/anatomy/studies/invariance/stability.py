"""How far networks that differ in nothing but their seed agree on the invariance of their layers.

Seeds are taken two by two, each once: Pearson's correlation over layers between the mean M of the one
network and of the other. No network is in two pairs, so that the correlations are independent; the interval
of their mean is Student's on Fisher's scale, atanh r, on which they are about normal.
"""

import numpy as np
import pandas as pd

from anatomy.reporting.statistics import LEVEL, mean_interval

# The largest correlation that has a place on Fisher's scale.
LARGEST = 1 - 1e-12


def layers_by_seed(epochs: pd.DataFrame, epoch: int) -> pd.DataFrame:
    """Return mean M (all images, first aggregation), seeds x layers, of one epoch of a table of epochs."""
    own = epochs[(epochs["epoch"] == epoch) & (epochs["kind"] == "all")]
    own = own[own["aggregation"] == epochs["aggregation"].iloc[0]]
    return own.pivot(index="seed", columns="position", values="invariance").sort_index()


def pair_correlations(layers: pd.DataFrame) -> np.ndarray:
    """Return the correlation of every disjoint pair of seeds, in order; the last of an odd number is left.

    NaN of networks whose layers are all the same.
    """
    values = layers.to_numpy(float)
    ones, others = values[: len(values) // 2 * 2 : 2], values[1::2]
    ones, others = (part - part.mean(1, keepdims=True) for part in (ones, others))
    with np.errstate(invalid="ignore"):
        return (ones * others).sum(1) / np.sqrt((ones**2).sum(1) * (others**2).sum(1))


def mean_correlation(correlations: np.ndarray, level: float = LEVEL) -> tuple[float, float, float]:
    """Return the mean of correlations on Fisher's scale, and its interval, by default of 95 %.

    The interval is NaN of a single correlation.
    """
    scaled = np.arctanh(np.clip(correlations, -LARGEST, LARGEST))
    low, high = mean_interval(scaled, level)
    return float(np.tanh(scaled.mean())), float(np.tanh(low)), float(np.tanh(high))
