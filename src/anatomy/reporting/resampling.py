"""Exact tests by resampling: permutations of layers, and rotations of seeds.

Draws are the same at every call.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from anatomy.reporting.statistics import LEVEL

# With 1,999 draws and the data themselves, a tail of 2.5 % is 50 of them.
DRAWS = 1_999
# What is smaller than rounding leaves of ranks that a straight line explains.
NOTHING = 1e-9
# Ratios of spread that an interval is looked for among, and the halvings that find its limits.
WIDEST = 1e3
BISECTIONS = 18


def rank_correlation(
    x: np.ndarray, y: np.ndarray, given: np.ndarray | None = None, level: float = LEVEL
) -> tuple[float, float, float]:
    """Return Spearman's correlation of x and y (L,), and its interval by permutation, by default of 95 %.

    With `given` it is the partial correlation: ranks are freed of what a straight line in the ranks of
    `given` explains. The residuals of y are permuted (Freedman and Lane 1983); the quantiles of the
    permuted correlations, on Fisher's scale, reach from the observed one to the limits, so that the lower
    one lies above 0 exactly if the one-sided test rejects. All three are NaN where x or y has no residuals.
    """
    count = len(x)
    columns = [np.ones(count)] if given is None else [np.ones(count), _ranks(given)]
    basis, _ = np.linalg.qr(np.stack(columns, axis=1))
    a, b = (_residuals(_ranks(values), basis) for values in (x, y))
    if min(np.linalg.norm(a), np.linalg.norm(b)) < NOTHING:
        return np.nan, np.nan, np.nan
    permuted = _residuals(b[_permutations(count)], basis)
    a, norms = a / np.linalg.norm(a), np.linalg.norm(permuted, axis=1)
    correlations = np.divide(permuted @ a, norms, out=np.zeros(len(norms)), where=norms > NOTHING)
    observed = correlations[0]
    scores = np.arctanh(np.clip(correlations, -1 + NOTHING, 1 - NOTHING))
    scores_in_order = np.sort(scores)
    cut = int(np.ceil((1 - level) / 2 * len(scores)))
    below, above = scores_in_order[-cut], scores_in_order[cut - 1]
    # Rounding must not decide between equal correlations.
    low, high = np.tanh([scores[0] - below - NOTHING, scores[0] - above + NOTHING])
    # So few layers that even the best order is frequent tell nothing.
    low = low if below < scores_in_order[-1] else -1
    high = high if above > scores_in_order[0] else 1
    return float(observed), float(low), float(high)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks; ties share the mean of theirs."""
    values = np.asarray(values, float)
    smaller, equal = (test(values[None], values[:, None]).sum(1) for test in (np.less, np.equal))
    return smaller + (equal + 1) / 2


def _residuals(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Return values (..., L) without their part in the span of the columns of `basis`."""
    return values - (values @ basis) @ basis.T


@cache
def _permutations(count: int) -> np.ndarray:
    """Return permutations of so many, the identity first."""
    generator = np.random.default_rng(0)
    drawn = generator.permuted(np.tile(np.arange(count), (DRAWS, 1)), axis=1)
    return np.concatenate([np.arange(count)[None], drawn])


def spread_ratio(one: np.ndarray, other: np.ndarray, level: float = LEVEL) -> tuple[float, float, float]:
    """Return the ratio of the standard deviations over rows of two samples, and its interval.

    Samples are (seeds, n); the standard deviation is the root mean square of those of the n columns, which
    may depend on each other in any way. The interval holds the ratios at which a rotation test (Langsrud
    2005) does not reject: contrasts between seeds of both samples, those of `one` divided by the ratio, are
    one sample of normal vectors, whose joint distribution no rotation changes. NaN for fewer than two seeds.

    Langsrud, O. (2005). Rotation tests. Statistics and Computing 15, 53-60.
    """
    if min(len(one), len(other)) < 2:
        return np.nan, np.nan, np.nan
    a, b = (_contrasts(len(sample)) @ sample for sample in (one, other))
    own, cross, others = a @ a.T, a @ b.T, b @ b.T
    first, second = np.trace(own) / len(a), np.trace(others) / len(b)
    if not second:
        return np.nan, np.nan, np.nan
    if not first:
        return 0.0, np.nan, np.nan
    left, right = _frames(len(a), len(b))
    parts = (
        np.einsum("dij,jk,dik->d", left, own, left, optimize=True),
        2 * np.einsum("dij,jk,dik->d", left, cross, right, optimize=True),
        np.einsum("dij,jk,dik->d", right, others, right, optimize=True),
    )

    def fraction_below(ratio: float) -> float:
        """Fraction of rotations with no more of the sum of squares in the first sample, ties included."""
        rotated = parts[0] / ratio**2 + parts[1] / ratio + parts[2]
        return float(np.mean(np.append(rotated <= np.trace(own) / ratio**2 + NOTHING, True)))

    def fraction_above(ratio: float) -> float:
        rotated = parts[0] / ratio**2 + parts[1] / ratio + parts[2]
        return float(np.mean(np.append(rotated >= np.trace(own) / ratio**2 - NOTHING, True)))

    value, tail = float(np.sqrt(first / second)), (1 - level) / 2
    low = _last_kept(value, value / WIDEST, fraction_above, tail)
    return value, low, _last_kept(value, value * WIDEST, fraction_below, tail)


def _last_kept(inside: float, outside: float, p_value: Callable[[float], float], tail: float) -> float:
    """Return the ratio nearest to `outside` that a test does not reject, by halving of logarithms."""
    for _ in range(BISECTIONS):
        middle = np.sqrt(inside * outside)
        inside, outside = (middle, outside) if p_value(middle) > tail else (inside, middle)
    return float(inside)


@cache
def _contrasts(count: int) -> np.ndarray:
    """Return count - 1 orthonormal contrasts between so many seeds (Helmert)."""
    rows = np.tril(np.ones((count, count)), -1)[1:] - np.diag(np.arange(count))[1:]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@cache
def _frames(first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random orthonormal rows (DRAWS, first, first + second), split into the two samples' columns."""
    generator = np.random.default_rng(0)
    frames, _ = np.linalg.qr(generator.normal(size=(DRAWS, first + second, first)))
    frames = frames.transpose(0, 2, 1)
    return frames[:, :, :first], frames[:, :, first:]
