"""Correlations over layers of pairs of seeds."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from anatomy.studies.invariance.stability import layers_by_seed, mean_correlation, pair_correlations


def test_every_seed_is_in_one_pair():
    random = np.random.default_rng(0)
    layers = pd.DataFrame(random.normal(size=(5, 8)))
    expected = [pearsonr(layers.loc[i], layers.loc[i + 1]).statistic for i in (0, 2)]
    np.testing.assert_allclose(pair_correlations(layers), expected)
    assert len(pair_correlations(layers[:1])) == 0


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
    own = layers_by_seed(table, 3)
    assert own.index.tolist() == [0, 1]
    assert own.to_numpy().tolist() == [[6, 7], [4, 5]]


def test_the_mean_is_on_fishers_scale():
    value, low, high = mean_correlation(np.array([0.5, 0.9]))
    middle = (np.arctanh(0.5) + np.arctanh(0.9)) / 2
    assert value == pytest.approx(np.tanh(middle))
    # t(0.975, 1) = 12.7062; the standard error of two is half their distance.
    half = 12.7062 * (np.arctanh(0.9) - np.arctanh(0.5)) / 2
    assert (low, high) == pytest.approx((np.tanh(middle - half), np.tanh(middle + half)), abs=1e-5)
    assert np.isnan(mean_correlation(np.array([0.5]))[1:]).all()
    assert np.isfinite(mean_correlation(np.ones(3))).all()
