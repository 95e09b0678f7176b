"""Permutations of layers and rotations of seeds, against definitions, scipy and simulated levels."""

from itertools import permutations

import numpy as np
import pytest
import scipy.stats

from anatomy.reporting import resampling

ROUNDED = 1e-6


def test_rank_correlation_is_spearmans():
    generator = np.random.default_rng(0)
    x, y = generator.integers(0, 6, (2, 20))
    expected = scipy.stats.spearmanr(x, y).statistic
    assert resampling.rank_correlation(x, y)[0] == pytest.approx(expected)
    assert np.isnan(resampling.rank_correlation(x, np.ones(20))).all()


def test_partial_correlation_is_that_of_the_residuals():
    generator = np.random.default_rng(1)
    z = np.arange(15)
    x, y = z + 5 * generator.normal(size=15), z + 5 * generator.normal(size=15)
    r = np.corrcoef([scipy.stats.rankdata(values) for values in (x, y, z)])
    expected = (r[0, 1] - r[0, 2] * r[1, 2]) / np.sqrt((1 - r[0, 2] ** 2) * (1 - r[1, 2] ** 2))
    assert resampling.rank_correlation(x, y, z)[0] == pytest.approx(expected)
    # What follows depth alone has no residuals.
    assert np.isnan(resampling.rank_correlation(x, z**3, z)).all()


def test_the_lower_limit_is_above_zero_where_all_permutations_reject():
    """By enumeration: 5 of the 120 orders of five have a correlation of at least 0.9; one has 1."""
    x = np.arange(5.0)
    values = [scipy.stats.spearmanr(x, order).statistic for order in permutations(x)]
    assert np.mean(np.array(values) >= 0.9 - ROUNDED) == pytest.approx(5 / 120)
    assert resampling.rank_correlation(x, x)[1] > 0
    assert resampling.rank_correlation(x, np.array([0.0, 1, 2, 4, 3]))[1] <= 0
    # Of four layers not even the best order is rare enough.
    assert resampling.rank_correlation(x[:4], x[:4])[1] <= 0


def test_intervals_turn_with_the_sign():
    generator = np.random.default_rng(2)
    x, y = generator.normal(size=(2, 12))
    value, low, high = resampling.rank_correlation(x, y)
    turned = resampling.rank_correlation(x, -y)
    assert turned == pytest.approx((-value, -high, -low), abs=0.05)
    assert low <= value <= high


@pytest.mark.parametrize("given", [None, np.arange(15)])
def test_level_of_permutations(given):
    generator = np.random.default_rng(3)
    samples = generator.normal(size=(1500, 2, 15)) + (0 if given is None else 0.3 * given)
    limits = np.array([resampling.rank_correlation(x, y, given)[1:] for x, y in samples])
    for rejected in (limits[:, 0] > 0, limits[:, 1] < 0):
        assert rejected.mean() == pytest.approx(0.025, abs=0.013)


def test_spread_ratio_by_hand():
    one, other = np.array([[0.0, 0.0], [2.0, 4.0]]), np.array([[1.0, 1.0], [2.0, 3.0]])
    # Variances 2 and 8 of one, 0.5 and 2 of the other.
    value, low, high = resampling.spread_ratio(one, other)
    assert value == pytest.approx(2)
    assert low < 2 < high
    assert np.isnan(resampling.spread_ratio(one[:1], other)).all()
    assert np.isnan(resampling.spread_ratio(one, np.ones((3, 2)))).all()


def test_spread_of_two_seeds_has_the_tails_of_a_turning_angle():
    """Two contrasts c and d, turned by every angle: the fraction of angles with no more of |c|^2."""
    generator = np.random.default_rng(4)
    one, other = generator.normal(size=(2, 40)), 1.6 * generator.normal(size=(2, 40))
    high = resampling.spread_ratio(one, other)[2]
    c, d = (sample[1] - sample[0] for sample in (one / high, other))
    angles = np.linspace(0, 2 * np.pi, 20_001)[:, None]
    turned = ((np.cos(angles) * c + np.sin(angles) * d) ** 2).sum(1)
    assert np.mean(turned <= c @ c) == pytest.approx(0.025, abs=0.01)


@pytest.mark.parametrize("seeds", [(2, 2), (2, 3), (3, 3), (5, 5)])
def test_level_of_rotations_with_layers_that_depend_on_each_other(seeds):
    """Columns that share one deviation, which tests that take them for independent do not stand."""
    generator = np.random.default_rng(5)

    def sample(count):
        return generator.normal(size=(count, 20)) + 0.7 * generator.normal(size=(count, 1))

    limits = np.array([resampling.spread_ratio(*map(sample, seeds))[1:] for _ in range(600)])
    for rejected in (limits[:, 0] > 1, limits[:, 1] < 1):
        assert rejected.mean() < 0.025 + 3 * np.sqrt(0.025 / 600)
        assert rejected.mean() > 0.002
