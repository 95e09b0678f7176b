"""Statistics against hand computation, enumeration and brute force."""

from itertools import product
from math import comb

import numpy as np
import pytest
import scipy.stats
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


# Intervals over seeds


def test_mean_interval_is_that_of_scipy():
    values = np.random.default_rng(0).normal(3, 2, (4, 5))
    expected = scipy.stats.t.interval(0.95, 4, values.mean(1), scipy.stats.sem(values, axis=1))
    np.testing.assert_allclose(statistics.mean_interval(values), expected)
    assert np.isnan(statistics.mean_interval(np.ones((2, 1)))).all()
    low, high = statistics.mean_interval(np.array([1.0, 1.0, 1.0]), least_error=0.5)
    assert (low, high) == pytest.approx((1 - 4.302653 * 0.5, 1 + 4.302653 * 0.5))


def test_difference_interval_by_hand():
    one, other = np.array([1.0, 2.0, 3.0]), np.array([0.0, 4.0])
    # Standard errors 1 / sqrt(3) and sqrt(8) / sqrt(2); one degree of freedom.
    half = 12.7062047 * np.sqrt(1 / 3 + 4)
    assert statistics.difference_interval(one, other) == pytest.approx((-half, half))
    assert np.isnan(statistics.difference_interval(one, other[:1])).all()


@pytest.mark.parametrize("sizes", [(2, 2), (2, 10), (3, 3), (10, 3)])
@pytest.mark.parametrize("ratio", [1, 5])
def test_difference_interval_covers_with_any_two_variances(sizes, ratio):
    generator = np.random.default_rng(0)
    samples = (generator.normal(size=(2000, sizes[0])), ratio * generator.normal(size=(2000, sizes[1])))
    limits = np.array([statistics.difference_interval(*pair) for pair in zip(*samples, strict=True)])
    assert np.mean((limits[:, 0] <= 0) & (limits[:, 1] >= 0)) > 0.938


def test_dispersion_is_chi_square_over_its_degrees_of_freedom():
    k = np.array([[5, 12], [9, 18], [4, 12]])
    expected = sum(
        ((k[:, layer] - n * p) ** 2 / (n * p * (1 - p))).sum()
        for layer, n in ((0, 10), (1, 20))
        for p in [k[:, layer].sum() / (3 * n)]
    )
    n = np.array([[10, 20]] * 3)
    assert statistics.dispersion(k, n) == pytest.approx((expected / 4, 4))
    # One seed, or no variance at all.
    assert statistics.dispersion(k[:1], n[:1]) == (1, np.inf)
    assert statistics.dispersion(n, n) == (1, np.inf)
    # A layer without filters in one seed, as if it were not there.
    gone = np.where([[False, True], [False, False], [False, True]], 0, n)
    only = statistics.dispersion(k[:, :1], n[:, :1])
    np.testing.assert_allclose(statistics.dispersion(np.minimum(k, gone), gone), only)


def test_dispersion_finds_what_was_put_in():
    generator = np.random.default_rng(0)
    p = generator.beta(12, 8, size=(500, 16))
    counts, n = generator.binomial(50, p), np.full((500, 16), 50)
    # Beta-binomial of correlation 1 / 21.
    assert statistics.dispersion(counts, n)[0] == pytest.approx(1 + 49 / 21, rel=0.05)


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize(("filters", "dispersion"), [(32, 1), (32, 1.75), (400, 4)])
def test_pooled_filters_are_rarely_biased_where_seeds_differ_more_than_binomially(seeds, filters, dispersion):
    """Of five layers, with Holm's correction; taken for independent, four times the variance gives 65 %."""
    generator = np.random.default_rng(0)
    shape = (1500, seeds, 5)
    strength = np.inf if dispersion == 1 else (filters - dispersion) / (dispersion - 1)
    p = 0.5 if dispersion == 1 else generator.beta(strength / 2, strength / 2, shape)
    k, n = generator.binomial(filters, p, shape), np.full(shape, filters)
    divisor, freedom = (values[:, None] for values in statistics.dispersion(k, n))
    found = statistics.against_half(k.sum(1), n.sum(1), divisor, freedom)
    corrected = np.array([statistics.holm(row) for row in found["p_value"]])
    assert np.mean((corrected < 0.05).any(1)) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1500)
    covered = (found["low"] <= 0.5) & (found["high"] >= 0.5)
    assert covered.mean() > 0.94


def test_fraction_interval_is_the_wider_of_student_and_binomial():
    n = np.full((3, 2), 100)
    k = np.array([[50, 30], [50, 50], [50, 70]])
    divisor, _ = statistics.dispersion(k, n)
    low, high = statistics.fraction_interval(k, n)
    exact = statistics.binomial_interval(150 / divisor, 300 / divisor)
    assert (low[0], high[0]) == pytest.approx(tuple(map(float, exact)))
    student = statistics.mean_interval(k[:, 1] / 100)
    assert (low[1], high[1]) == (max(student[0], 0), min(student[1], 1))
    assert np.isnan(statistics.fraction_interval(k[:1], n[:1])).all()
    # A seed in which a layer has no filter does not count for it.
    gone, without = n.copy(), k.copy()
    gone[0, 1] = without[0, 1] = 0
    low, high = statistics.fraction_interval(without, gone)
    assert (low[1], high[1]) == (0, 1)


def test_fractions_of_counts_that_are_not_whole():
    low, high = statistics.binomial_interval(4.5, 9.0)
    bracket = statistics.binomial_interval(np.array([4, 5]), np.array([8, 10]))
    assert bracket[0][0] < low < bracket[0][1]
    assert bracket[1][1] < high < bracket[1][0]
    assert statistics.binomial_interval(0.0, 0.5)[0] == 0
    assert np.isfinite(statistics.binomial_interval(0.3, 0.7)).all()


def test_simultaneous_intervals_share_the_error():
    assert statistics.simultaneous(5, 0.95) == pytest.approx(0.99)
    assert statistics.simultaneous(1) == statistics.LEVEL


def test_distance_from_normal_is_that_of_kolmogorov():
    values = np.random.default_rng(0).normal(size=500)
    expected = scipy.stats.kstest(values, "norm", method="asymp")
    distance, p_value = statistics.distance_from_normal(values)
    assert distance == pytest.approx(expected.statistic)
    assert p_value == pytest.approx(expected.pvalue, rel=1e-3)
    assert statistics.distance_from_normal(values + 0.5)[1] < 1e-6


# Counts


@settings(max_examples=50)
@given(st.lists(st.floats(0, 1), max_size=6))
def test_count_distribution_equals_enumeration(probabilities):
    expected = np.zeros(len(probabilities) + 1)
    for outcome in product([0, 1], repeat=len(probabilities)):
        chances = [p if hit else 1 - p for p, hit in zip(probabilities, outcome, strict=True)]
        expected[sum(outcome)] += np.prod(chances)
    np.testing.assert_allclose(statistics.count_distribution(probabilities), expected, atol=1e-12)
