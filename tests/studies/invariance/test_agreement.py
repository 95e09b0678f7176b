"""Correlations over layers of pairs of seeds."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from anatomy.studies.invariance.agreement import (
    layers_by_seed,
    mean_correlation,
    pair_correlations,
    without_outputs,
)


def test_every_seed_is_in_one_pair():
    random = np.random.default_rng(0)
    layers = random.normal(size=(5, 8))
    expected = [pearsonr(layers[i], layers[i + 1]).statistic for i in (0, 2)]
    np.testing.assert_allclose(pair_correlations(layers), expected)
    assert len(pair_correlations(layers[:1])) == 0 and np.isnan(pair_correlations(np.ones((2, 4)))).all()
    layers[0, 3] = np.inf
    kept = np.delete(np.arange(8), 3)
    assert pair_correlations(layers)[0] == pytest.approx(pearsonr(layers[0, kept], layers[1, kept]).statistic)


def test_of_each_output_its_mean_over_classes_is_taken_away():
    maps = np.random.default_rng(0).normal(size=(2, 3, 5))
    rows = without_outputs(maps).reshape(2, 3, 5)
    np.testing.assert_allclose(rows.sum(2), 0, atol=1e-12)
    np.testing.assert_allclose(rows[..., 1] - rows[..., 0], maps[..., 1] - maps[..., 0])


def test_layers_are_of_one_epoch_all_images_and_the_first_aggregation():
    rows = [
        {"seed": seed, "epoch": epoch, "aggregation": aggregation, "kind": kind, "position": position}
        for aggregation in ("mean", "max")
        for kind in ("all", "stratified")
        for epoch in (0, 3)
        for seed in (1, 0)
        for position in (1, 2)
    ]
    table = pd.DataFrame(rows)
    table["invariance"] = np.arange(len(table), dtype=float)
    assert layers_by_seed(table, 3).tolist() == [[6, 7], [4, 5]]


def test_the_mean_is_on_fishers_scale():
    value, low, high = mean_correlation(np.array([0.5, 0.9]))
    middle = (np.arctanh(0.5) + np.arctanh(0.9)) / 2
    assert value == pytest.approx(np.tanh(middle))
    # t(0.975, 1) = 12.7062; the standard error of two is half their distance.
    half = 12.7062 * (np.arctanh(0.9) - np.arctanh(0.5)) / 2
    assert (low, high) == pytest.approx((np.tanh(middle - half), np.tanh(middle + half)), abs=1e-5)
    assert np.isnan(mean_correlation(np.array([0.5]))[1:]).all()
    assert np.isfinite(mean_correlation(np.ones(3))).all()


def test_with_a_number_of_independent_values_the_interval_is_fishers():
    value, low, high = mean_correlation(np.array([0.5, 0.5]), independent=12)
    half = 1.959964 / np.sqrt(2 * 9)
    assert (value, low, high) == pytest.approx(tuple(np.tanh(np.arctanh(0.5) + h) for h in (0, -half, half)))
    assert np.isfinite(mean_correlation(np.array([0.5]), independent=4)).all()
    assert np.isnan(mean_correlation(np.array([0.5]), independent=3)[1:]).all()
