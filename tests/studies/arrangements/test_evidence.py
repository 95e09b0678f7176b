"""What claims read from tables, and how layers are judged together."""

import numpy as np
import pytest
from claim_tables import experiment, seeds_of

from anatomy.reporting import statistics
from anatomy.studies.arrangements.evidence import Fractions, all_mixed, all_negative, corrected, distances
from anatomy.studies.arrangements.tables import bias, counts_of


def test_counts_are_those_of_the_table():
    evidence = seeds_of(experiment(end=0.25, layers=2, filters=8), experiment(end=0.5, layers=2, filters=8))
    counts = evidence.counts
    assert (counts.seeds, counts.layers, counts.sizes) == ([0, 1], [1, 2], [8, 8])
    assert counts.epochs == list(range(21))
    assert counts.negative[:, -1].tolist() == [[2, 2], [4, 4]]
    assert counts.negative[:, 0].tolist() == [[4, 4], [4, 4]]
    shuffled = evidence.table("n_l").sample(frac=1, random_state=0)
    np.testing.assert_array_equal(counts_of(shuffled).negative, counts.negative)
    missing = evidence.table("n_l").query("seed == 0 or layer == 1")
    assert counts_of(missing).filters[:, -1].tolist() == [[8, 8], [8, 0]]


def test_losses_and_drops_are_those_of_the_tables():
    evidence = experiment(layers=2, drops=[0.5, 0.1], loss_falls=3)
    epochs, losses = evidence.losses
    assert epochs.tolist() == list(range(1, 21))
    assert losses[:, :4].tolist() == [[2.3, 2.3, 1, 1]] * 3
    drops = evidence.drops
    assert drops.layers == [1, 2]
    relative = np.array([[0.5, 0.1], [0.501, 0.101], [0.502, 0.102]])
    np.testing.assert_allclose(drops.relative, relative)
    np.testing.assert_allclose(drops.absolute, 0.9 * relative)


def test_bias_is_what_is_left_of_the_square():
    """By enumeration of all signs of four filters: nothing on average, and 0.04 if 0.7 are negative."""
    counts = np.arange(5)
    for p, expected in ((0.5, 0), (0.7, 0.04)):
        chances = np.array([1, 4, 6, 4, 1]) * p**counts * (1 - p) ** (4 - counts)
        values = bias(counts[None], np.full((1, 5), 4))
        assert chances @ values == pytest.approx(expected)
    assert np.isnan(bias(np.array([[1]]), np.array([[1]]))).all()


def fractions(negative, filters=100):
    negative = np.array(negative)
    layers = list(range(1, negative.shape[1] + 1))
    return Fractions("run", layers, negative, np.full(negative.shape, filters))


def test_limits_that_refute_are_corrected_for_all_layers_of_all_experiments():
    one, two = fractions([[60, 70], [62, 75]]), fractions([[50], [52]])
    found = corrected([one, two], statistics.fraction_interval)
    for each, narrow, wide in found:
        counts = each.negative, each.filters
        np.testing.assert_allclose(narrow, statistics.fraction_interval(*counts))
        np.testing.assert_allclose(wide, statistics.fraction_interval(*counts, 1 - 0.05 / 3))


def test_a_layer_needs_the_corrected_limit_to_refute_and_the_other_one_to_support():
    counts = [[70], [76], [73], [71], [75]]
    low, high = (
        float(limit[0]) for limit in statistics.fraction_interval(np.array(counts), np.full((5, 1), 100))
    )
    (alone,) = all_negative(fractions(counts), low - 0.001)
    assert alone.supported
    (alone,) = all_negative(fractions(counts), high + 0.001)
    assert alone.supported is False
    many = all_negative(fractions(np.tile(counts, 10)), high + 0.001)
    assert [found.supported for found in many] == [None] * 10
    many = all_negative(fractions(np.tile(counts, 10)), low - 0.001)
    assert all(found.supported for found in many)


def test_mixed_is_between_both_limits():
    (found,) = all_mixed(fractions([[50], [52], [49]]), 2 / 3)
    assert found.supported
    (found,) = all_mixed(fractions([[5], [4], [6]]), 2 / 3)
    assert found.supported is False
    (found,) = all_mixed(fractions([[2], [2], [2]], filters=4), 2 / 3)
    assert found.note.startswith(
        "layer 1 of run (12 filters), which so few filters cannot exclude; inconcl"
    ) or (found.note.endswith("which so few filters cannot exclude"))


def test_distances_of_seeds_do_not_cancel():
    values, error = distances(fractions([[10], [90]]))
    np.testing.assert_allclose(values, [0.4, 0.4])
    # Twelve and 92 of 104: their binomial errors, of the mean of two.
    assert error == pytest.approx(np.sqrt(2 * (12 * 92 / 104**2) / 100) / 2)
