"""Statistics against hand computation, enumeration and brute force."""

from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from anatomy.reporting import statistics

fractions = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def tail(k, n, p):
    """P(X >= k) of a binomial variable, by summation."""
    return sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))


# Binomial fractions


@settings(deadline=None)
@given(fractions)
def test_limits_have_tails_of_two_and_a_half_percent(fraction):
    """Definition of the exact interval: at its limits the observed count is in a tail of 2.5 %."""
    k, n = fraction
    low, high = statistics.binomial_interval(k, n)
    assert 0 <= low <= k / n <= high <= 1
    assert low == 0 if k == 0 else tail(k, n, low) == pytest.approx(0.025, rel=1e-6)
    assert high == 1 if k == n else 1 - tail(k + 1, n, high) == pytest.approx(0.025, rel=1e-6)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.floats(0, 1))
def test_interval_covers_the_true_fraction(n, p):
    k = np.arange(n + 1)
    low, high = statistics.binomial_interval(k, np.full(n + 1, n))
    chances = [comb(n, i) * p**i * (1 - p) ** (n - i) for i in k]
    assert np.dot(chances, (low <= p) & (p <= high)) >= 0.95 - 1e-9


def test_interval_grows_with_the_count():
    low, high = statistics.binomial_interval(np.arange(21), np.full(21, 20))
    assert (np.diff(low) > 0).all()
    assert (np.diff(high) > 0).all()


@settings(deadline=None)
@given(fractions)
def test_binomial_test_sums_outcomes_at_least_as_unlikely(fraction):
    k, n = fraction
    chances = [comb(n, i) for i in range(n + 1)]
    expected = sum(c for c in chances if c <= chances[k]) / 2**n
    assert statistics.binomial_test(k, n) == pytest.approx(expected, rel=1e-9)


def test_no_trial_has_neither_interval_nor_p_value():
    assert np.isnan(statistics.binomial_interval(0, 0)).all()
    assert np.isnan(statistics.binomial_test(0, 0))


# Paired fractions


def test_paired_interval_of_published_data():
    """Airway reactivity of 21 children (Fagerland et al. 2014, table 8): 1 lost, 7 gained."""
    assert statistics.paired_difference_interval(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.integers(0, n), st.just(n))))
def test_paired_interval_inverts_the_score_test(counts):
    """At its limits, the score statistic with the constrained likelihood maximised numerically is 1.96."""
    lost, gained, n = counts[0], min(counts[1], counts[2] - counts[0]), counts[2]
    low, high = map(float, statistics.paired_difference_interval(lost, gained, n))
    assert -1 <= low <= (lost - gained) / n <= high <= 1

    def negative_likelihood(q, d):
        with np.errstate(all="ignore"):
            chances = np.array([q + d, q, 1 - 2 * q - d])
            terms = np.array([lost, gained, n - lost - gained]) * np.log(np.maximum(chances, 1e-300))
        return -terms.sum()

    for d in (low, high):
        if abs(d) > 1 - 1e-6:
            continue
        bounds = max(0.0, -d), (1 - d) / 2
        q = minimize_scalar(
            negative_likelihood, bounds=bounds, args=(d,), method="bounded", options={"xatol": 1e-12}
        ).x
        score = (lost - gained - n * d) / np.sqrt(n * (2 * q + d - d**2))
        assert abs(score) == pytest.approx(1.959964, rel=1e-3)


@pytest.mark.parametrize("chances", [(0.05, 0.02), (0.3, 0.1), (0.002, 0.002), (0.5, 0.0)])
def test_paired_interval_covers_the_true_difference(chances):
    generator = np.random.default_rng(0)
    counts = generator.multinomial(300, [*chances, 1 - sum(chances)], size=4000)
    low, high = statistics.paired_difference_interval(counts[:, 0], counts[:, 1], 300)
    difference = chances[0] - chances[1]
    assert 0.94 <= np.mean((low <= difference) & (difference <= high)) <= 0.995


def test_paired_interval_turns_with_the_sign_and_ignores_what_is_not_changed():
    lost, gained = np.array([0, 3, 9, 20]), np.array([0, 5, 1, 0])
    low, high = statistics.paired_difference_interval(lost, gained, 20)
    turned = statistics.paired_difference_interval(gained, lost, 20)
    assert np.allclose(low, -turned[1])
    assert np.allclose(high, -turned[0])
    z = 1.959964
    # Closed form where nothing changes: z^2 / (n + z^2).
    assert high[0] == pytest.approx(z**2 / (20 + z**2), rel=1e-6)


# Several tests


def holm_by_definition(p):
    """The largest of (m - i + 1) p_(i) up to the rank of each, by loops."""
    order = sorted(range(len(p)), key=p.__getitem__)
    corrected = [0.0] * len(p)
    for rank, index in enumerate(order):
        corrected[index] = min(1.0, max((len(p) - i) * p[order[i]] for i in range(rank + 1)))
    return corrected


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_equals_its_definition(p):
    corrected = statistics.holm(np.array(p))
    np.testing.assert_allclose(corrected, holm_by_definition(p))
    assert (corrected >= p).all()


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), st.sampled_from([0.01, 0.05, 0.2]))
def test_holm_rejects_what_the_closed_test_procedure_rejects(p, level):
    """Closed testing: reject a hypothesis if Bonferroni rejects every set of hypotheses with it."""
    corrected = statistics.holm(np.array(p))
    sets = [np.flatnonzero(chosen) for chosen in product([0, 1], repeat=len(p)) if any(chosen)]
    for index in range(len(p)):
        own = [members for members in sets if index in members]
        bonferroni = max(min(p[m] for m in members) * len(members) for members in own)
        assert corrected[index] == pytest.approx(min(1, bonferroni))


def test_holm_does_not_count_what_is_undefined():
    corrected = statistics.holm(np.array([0.03, np.nan, 0.01]))
    np.testing.assert_allclose(corrected, [0.03, np.nan, 0.02])


# Correlation, bootstrap, counts


def test_rank_correlation_by_hand():
    x, y = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 5])
    # Differences of ranks 1, 1, 1, 1, 0: 1 - 6 * 4 / (5 * 24).
    assert statistics.rank_correlation(x, y) == pytest.approx(0.8)
    rows = statistics.rank_correlation(np.stack([x, x, x]), np.stack([x**3, -x, np.ones(5)]))
    np.testing.assert_allclose(rows, [1, -1, np.nan])
    # Ties share the mean of their ranks: 1.5, 1.5, 3 against 1, 2, 3.
    ties = statistics.rank_correlation(np.array([7.0, 7, 9]), np.array([1.0, 2, 3]))
    assert ties == pytest.approx(1.5 / np.sqrt(1.5 * 2))


def test_bootstrap_of_two_seeds_has_their_values_as_limits():
    values = np.array([1.0, 3.0])
    # Both draws hit the same seed in a quarter of the cases each, more than the 2.5 % of a tail.
    assert statistics.bootstrap_interval(2, lambda weights: weights @ values) == (1.0, 3.0)


def test_bootstrap_of_a_mean_is_near_the_normal_interval_and_repeats():
    values = np.random.default_rng(1).normal(5, 2, 200)
    interval = statistics.bootstrap_interval(200, lambda weights: weights @ values)
    half = 1.96 * values.std() / np.sqrt(200)
    np.testing.assert_allclose(interval, [values.mean() - half, values.mean() + half], atol=0.1 * half)
    assert statistics.bootstrap_interval(200, lambda weights: weights @ values) == interval


def test_one_seed_has_no_interval():
    assert np.isnan(statistics.bootstrap_interval(1, lambda weights: weights @ np.ones(1))).all()


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), max_size=6))
def test_count_distribution_equals_enumeration(probabilities):
    expected = np.zeros(len(probabilities) + 1)
    for outcome in product([0, 1], repeat=len(probabilities)):
        chances = [p if hit else 1 - p for p, hit in zip(probabilities, outcome, strict=True)]
        expected[sum(outcome)] += np.prod(chances)
    np.testing.assert_allclose(statistics.count_distribution(probabilities), expected, atol=1e-12)


@pytest.mark.parametrize(("units", "coverage"), statistics.COVERAGE.items())
def test_coverage_of_the_bootstrap_over_few_units(units, coverage):
    samples = np.random.default_rng(1).normal(size=(2000, units))
    intervals = [
        statistics.bootstrap_interval(units, lambda weights, sample=sample: weights @ sample, draws=1000)
        for sample in samples
    ]
    covered = np.mean([low <= 0 <= high for low, high in intervals])
    assert covered == pytest.approx(coverage, abs=0.03)
