"""Exact binomial statistics, paired fractions, correction for several tests, and bootstrap intervals."""

from collections.abc import Callable

import numpy as np
from scipy.special import bdtr, betaincinv, ndtri
from scipy.stats import rankdata

LEVEL = 0.95
DRAWS = 10_000
# Halvings of a range no longer than 2, to the precision of float64.
BISECTIONS = 54
# Fraction of intervals of `bootstrap_interval` that include the mean of normal values, by their number.
COVERAGE = {2: 0.50, 3: 0.75, 5: 0.84, 10: 0.90}


def binomial_interval(
    successes: np.ndarray, trials: np.ndarray, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact interval of a fraction (Clopper and Pearson 1934), by default of 95 %.

    Elementwise over counts; without a trial the interval is NaN. The limits are quantiles of beta
    distributions: low of B(k, n - k + 1), high of B(k + 1, n - k).
    """
    k, n = np.asarray(successes, float), np.asarray(trials, float)
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(k > 0, betaincinv(np.maximum(k, 1), n - k + 1, tail), 0.0)
        high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1), 1 - tail), 1.0)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def binomial_test(successes: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Return the two-sided p-value of the exact binomial test of a fraction against one half.

    Elementwise over counts; NaN without a trial. The null distribution is symmetric, so that this is
    twice the smaller tail, at most 1.
    """
    k, n = np.asarray(successes, float), np.asarray(trials, float)
    tail = bdtr(np.minimum(k, n - k), n.astype(np.int64), 0.5)
    return np.where(n > 0, np.minimum(1.0, 2 * tail), np.nan)


def against_half(successes: np.ndarray, trials: np.ndarray) -> dict[str, np.ndarray]:
    """Return columns about fractions: exact interval, `low` and `high`, and `p_value` against one half."""
    low, high = binomial_interval(successes, trials)
    return {"low": low, "high": high, "p_value": binomial_test(successes, trials)}


def paired_difference_interval(
    lost: np.ndarray, gained: np.ndarray, pairs: int, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Return the score interval of a difference of paired fractions (Tango 1998), by default of 95 %.

    Of n = `pairs` images b = `lost` are right before only and c = `gained` after only; the fraction before
    minus that after is (b - c) / n. The interval holds every difference d with

        |b - c - n d| <= z sqrt(n (2 q + d (1 - d))),
        q = (sqrt(B^2 - 8 n C) - B) / (4 n),  B = (2 n - b + c) d - b - c,  C = -c d (1 - d),

    q being the likeliest fraction of `gained` if the difference is d. Elementwise over counts.

    Tango, T. (1998). Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design. Statistics in Medicine 17, 891-908, equations 14 and 19.
    """
    b, c, n = np.asarray(lost, float), np.asarray(gained, float), float(pairs)
    z = ndtri((1 + level) / 2)

    def holds(d: np.ndarray) -> np.ndarray:
        linear, constant = (2 * n - b + c) * d - b - c, -c * d * (1 - d)
        q = (np.sqrt(np.maximum(linear**2 - 8 * n * constant, 0)) - linear) / (4 * n)
        variance = np.maximum(n * (2 * q + d * (1 - d)), 0)
        return np.abs(b - c - n * d) <= z * np.sqrt(variance)

    estimate = (b - c) / n
    ends = []
    for end in (-1.0, 1.0):
        inside, outside = estimate, np.full_like(estimate, end)
        for _ in range(BISECTIONS):
            middle = (inside + outside) / 2
            held = holds(middle)
            inside, outside = np.where(held, middle, inside), np.where(held, outside, middle)
        ends.append(inside)
    return ends[0], ends[1]


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values corrected for their number (Holm 1979); NaN stays and is not counted.

    The i-th smallest of m is multiplied by m - i + 1, and is no smaller than the one before it.
    """
    p = np.asarray(p_values, float)
    corrected = np.full(p.shape, np.nan)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return corrected


def rank_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation along the last axis of x and y (..., L); ties get their mean rank.

    NaN where one of the two is constant.
    """
    a, b = (rankdata(values, axis=-1) for values in (x, y))
    a, b = (ranks - ranks.mean(-1, keepdims=True) for ranks in (a, b))
    with np.errstate(invalid="ignore"):
        return (a * b).sum(-1) / np.sqrt((a**2).sum(-1) * (b**2).sum(-1))


def bootstrap_interval(
    units: int, statistic: Callable[[np.ndarray], np.ndarray], draws: int = DRAWS, level: float = LEVEL
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a statistic of `units` units, e.g. seeds or layers.

    `statistic` maps weights (draws, units), each row the fractions of the units in one draw with
    replacement, to its values (draws,). NaN for both limits if there is one unit only. The draws are
    the same at every call. With few units it covers less than its level, see `COVERAGE`.
    """
    if units < 2:
        return np.nan, np.nan
    counts = np.random.default_rng(0).multinomial(units, np.full(units, 1 / units), size=draws)
    values = statistic(counts / units)
    values = values[~np.isnan(values)]
    if not values.size:
        return np.nan, np.nan
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def count_distribution(probabilities: np.ndarray) -> np.ndarray:
    """Return P(0), P(1), ... of the number of independent events that happen (Poisson binomial)."""
    distribution = np.ones(1)
    for probability in probabilities:
        distribution = np.convolve(distribution, [1 - probability, probability])
    return distribution
