"""The interval of a mean over seeds."""

import numpy as np
from scipy.stats import t as student

from anatomy.reporting.statistics import LEVEL


def student_interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of the mean of values (n,) by Student's t; NaN of fewer than two."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return np.nan, np.nan
    half = student.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)
