"""Exact binomial statistics, intervals over seeds, paired fractions, and correction for several tests."""

from collections.abc import Iterator

import numpy as np
from scipy.special import betainc, betaincinv, kolmogorov, ndtr, ndtri, stdtr, stdtrit

LEVEL = 0.95
# Halvings of a range no longer than 2, to the precision of float64.
BISECTIONS = 54


def binomial_interval(
    successes: np.ndarray, trials: np.ndarray, level: np.ndarray | float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Return the exact interval of a fraction (Clopper and Pearson 1934), by default of 95 %.

    Elementwise over counts, which need not be whole (see `dispersion`); without a trial the interval is
    NaN. The limits are quantiles of beta distributions: low of B(k, n - k + 1), high of B(k + 1, n - k).
    """
    k, n = np.asarray(successes, float), np.asarray(trials, float)
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(k > 0, betaincinv(np.where(k > 0, k, 1), n - k + 1, tail), 0.0)
        high = np.where(k < n, betaincinv(k + 1, np.where(k < n, n - k, 1), 1 - tail), 1.0)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def binomial_test(successes: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Return the two-sided p-value of the exact binomial test of a fraction against one half.

    Elementwise over counts, which need not be whole (see `dispersion`); NaN without a trial. The null
    distribution is symmetric, so that this is twice the smaller tail, at most 1.
    """
    k, n = np.asarray(successes, float), np.asarray(trials, float)
    fewer = np.minimum(k, n - k)
    tail = betainc(np.where(n > 0, n - fewer, 1), fewer + 1, 0.5)
    return np.where(n > 0, np.minimum(1.0, 2 * tail), np.nan)


def against_half(
    successes: np.ndarray,
    trials: np.ndarray,
    divisor: np.ndarray | float = 1.0,
    freedom: np.ndarray | float = np.inf,
) -> dict[str, np.ndarray]:
    """Return columns about fractions: exact interval, `low` and `high`, and `p_value` against one half.

    Counts are divided by the `divisor`, their `dispersion`. As that is estimated from the data, with so many
    degrees of freedom, Student's tails take the place of those of the normal distribution.
    """
    k, n = np.asarray(successes) / divisor, np.asarray(trials) / divisor
    finite = np.isfinite(freedom)
    student = np.where(finite, freedom, 1)
    tail = np.where(finite, ndtr(stdtrit(student, (1 - LEVEL) / 2)), (1 - LEVEL) / 2)
    low, high = binomial_interval(k, n, 1 - 2 * tail)
    p_value = binomial_test(k, n)
    with np.errstate(invalid="ignore"):
        wider = 2 * stdtr(student, ndtri(p_value / 2))
    return {"low": low, "high": high, "p_value": np.where(finite, wider, p_value)}


def dispersion(successes: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many times the binomial variance fractions vary over seeds, at least 1, and from how much.

    Counts are (..., seeds, layers); the variance is Pearson's chi-square over its degrees of freedom, of
    all layers together, which share one dispersion (McCullagh and Nelder 1989, section 4.5). Counts
    divided by it have the information of as many independent trials. The second number is that of the
    degrees of freedom, infinite where the dispersion is 1, as for a single seed.
    """
    k, n = np.asarray(successes, float), np.asarray(trials, float)
    pooled, seeds = k.sum(-2, keepdims=True), (n > 0).sum(-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = pooled / n.sum(-2, keepdims=True)
        chi_square = (k - n * p) ** 2 / (n * p * (1 - p))
    vary = ((p > 0) & (p < 1))[..., 0, :] & (seeds > 1)
    total = np.where((n > 0) & vary[..., None, :], chi_square, 0).sum((-2, -1))
    freedom = np.where(vary, seeds - 1, 0).sum(-1)
    found = np.where(freedom > 0, np.maximum(total / np.maximum(freedom, 1), 1), 1.0)
    return found, np.where(found > 1, freedom, np.inf)


def mean_interval(
    values: np.ndarray, level: float = LEVEL, least_error: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return Student's interval of the mean along the last axis, by default of 95 %.

    The standard error is at least `least_error`. NaN for a single value. Exact for normal values, however
    few (Student 1908).
    """
    values = np.asarray(values, float)
    count = values.shape[-1]
    if count < 2:
        nothing = np.full(values.shape[:-1], np.nan)
        return nothing, nothing
    error = np.maximum(values.std(-1, ddof=1) / np.sqrt(count), least_error)
    half = -stdtrit(count - 1, (1 - level) / 2) * error
    middle = values.mean(-1)
    return middle - half, middle + half


def fraction_interval(
    successes: np.ndarray, trials: np.ndarray, level: float = LEVEL
) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval over seeds of the mean fraction of each layer, by default of 95 %.

    Counts are (seeds, layers). It is Student's over the fractions of seeds, and reaches at least as far
    as the exact binomial interval of all trials divided by their `dispersion`: equal seeds are no
    certainty where a fraction moves in steps. NaN of a layer with fewer than two seeds.
    """
    k, n = np.asarray(successes, float), np.asarray(trials, float)
    divisor, _ = dispersion(k, n)
    low, high = binomial_interval(k.sum(0) / divisor, n.sum(0) / divisor, level)
    for seeds, layers in _layers_by_seeds(n > 0):
        values = k[seeds][:, layers] / n[seeds][:, layers]
        least, most = mean_interval(values.T, level)
        low[layers], high[layers] = np.minimum(low[layers], least), np.maximum(high[layers], most)
    return np.maximum(low, 0), np.minimum(high, 1)


def _layers_by_seeds(there: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield seeds, and the layers that have trials in just these; `there` is (seeds, layers)."""
    if there.all():
        yield np.arange(there.shape[0]), np.arange(there.shape[1])
        return
    patterns, which = np.unique(there, axis=1, return_inverse=True)
    for index in range(patterns.shape[1]):
        yield np.flatnonzero(patterns[:, index]), np.flatnonzero(which == index)


def difference_interval(
    one: np.ndarray, other: np.ndarray, level: float = LEVEL, least_errors: tuple[float, float] = (0.0, 0.0)
) -> tuple[float, float]:
    """Return the interval of the mean of `one` minus that of `other`, by default of 95 %.

    Student's with each sample's own variance and the degrees of freedom of the smaller one, which covers
    at least its level for normal values of any two variances (Mickey and Brown 1966). Standard errors are
    at least `least_errors`. NaN if one of the two has a single value.
    """
    samples = [np.asarray(values, float) for values in (one, other)]
    fewest = min(len(values) for values in samples)
    if fewest < 2:
        return np.nan, np.nan
    errors = [
        max(values.std(ddof=1) / np.sqrt(len(values)), least)
        for values, least in zip(samples, least_errors, strict=True)
    ]
    half = -stdtrit(fewest - 1, (1 - level) / 2) * np.hypot(*errors)
    difference = samples[0].mean() - samples[1].mean()
    return float(difference - half), float(difference + half)


def simultaneous(count: int, level: float = LEVEL) -> float:
    """Return the level of each of `count` intervals that all hold at `level` together (Bonferroni)."""
    return 1 - (1 - level) / max(count, 1)


def distance_from_normal(values: np.ndarray) -> tuple[float, float]:
    """Return the largest distance of values' distribution from N(0, 1), and Kolmogorov's p-value.

    The p-value is that of large samples, too large for small ones and for values that were divided by
    their own root mean square.
    """
    ordered = ndtr(np.sort(np.asarray(values, float)))
    count = len(ordered)
    steps = np.arange(count + 1) / count
    distance = max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max())
    return float(distance), float(kolmogorov(np.sqrt(count) * distance))


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


def count_distribution(probabilities: np.ndarray) -> np.ndarray:
    """Return P(0), P(1), ... of the number of independent events that happen (Poisson binomial)."""
    distribution = np.ones(1)
    for probability in probabilities:
        distribution = np.convolve(distribution, [1 - probability, probability])
    return distribution
