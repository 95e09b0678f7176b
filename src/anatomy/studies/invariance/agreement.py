"""How far networks that differ in nothing but their seed agree: on the M of layers, and of outputs by class.

Seeds are taken two by two, each once: Pearson's correlation between the values of the one network and of the
other. No network is in two pairs, so that the correlations are independent. Their mean is taken on Fisher's
scale, atanh r, on which they are about normal.
"""

import math

import numpy as np
import pandas as pd
from scipy.special import ndtri

from anatomy.reporting.statistics import LEVEL, mean_interval

# The largest correlation that has a place on Fisher's scale.
LARGEST = 1 - 1e-12


def layers_by_seed(epochs: pd.DataFrame, epoch: int) -> np.ndarray:
    """Return mean M (all images, first aggregation), (seeds, layers), of one epoch of a table of epochs."""
    own = epochs[(epochs["epoch"] == epoch) & (epochs["kind"] == "all")]
    own = own[own["aggregation"] == epochs["aggregation"].iloc[0]]
    return own.pivot(index="seed", columns="position", values="invariance").sort_index().to_numpy(float)


def pair_correlations(values: np.ndarray) -> np.ndarray:
    """Return the correlation of every disjoint pair of S rows (S, K), in order; an odd last one is left.

    Values that are not finite in one of the two are left out. NaN of rows that do not vary.
    """
    found = []
    for one, other in zip(values[::2], values[1::2], strict=False):
        both = np.isfinite(one) & np.isfinite(other)
        one, other = one[both] - one[both].mean(), other[both] - other[both].mean()
        size = math.sqrt((one @ one) * (other @ other))
        found.append(one @ other / size if size else math.nan)
    return np.array(found)


def without_outputs(maps: np.ndarray) -> np.ndarray:
    """Return maps (S, outputs, classes) as rows (S, K), of each output its mean over classes taken away.

    What is left differs between classes.
    """
    values = np.where(np.isfinite(maps), maps, np.nan)
    return (values - np.nanmean(values, 2, keepdims=True)).reshape(len(maps), -1)


def mean_correlation(
    correlations: np.ndarray, level: float = LEVEL, independent: int | None = None
) -> tuple[float, float, float]:
    """Return the mean of correlations on Fisher's scale, and its interval, by default of 95 %.

    The interval is Student's over the correlations, NaN of a single one. With `independent`, how many of the
    values that are correlated are at least independent of each other, it is Fisher's instead, of standard
    error 1 / sqrt((independent - 3) pairs), also of a single pair.
    """
    scaled = np.arctanh(np.clip(correlations, -LARGEST, LARGEST))
    if independent is None:
        low, high = mean_interval(scaled, level)
    else:
        freedom = max(independent - 3, 0) * len(scaled)
        half = ndtri((1 + level) / 2) / math.sqrt(freedom) if freedom else math.nan
        low, high = scaled.mean() - half, scaled.mean() + half
    return float(np.tanh(scaled.mean())), float(np.tanh(low)), float(np.tanh(high))
