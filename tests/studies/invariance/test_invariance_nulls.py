"""Every claim is supported where it is false, and not supported where it is true, in 5 % of cases at most.

Draws are those of `benchmarks/invariance_nulls.py`; docs/statistics.md has the same rates from more of them.
"""

import numpy as np
import pytest
from scipy.stats import spearmanr
from studies.rates_of_verdicts import (
    assert_all_are_made_up,
    assert_effect_is_seen,
    assert_rarely_false,
    situations,
)

from anatomy.studies.invariance.evidence import depth_correlations
from invariance_nulls import SIMULATIONS

DRAWS = 200


def seeds_of(name):
    """Numbers of seeds; of an odd number one has no pair."""
    return (4, 10) if name == "stable-to-initialisation" else (2, 3, 10)


def test_every_claim_has_draws_on_which_it_is_false_and_true():
    assert_all_are_made_up("invariance", SIMULATIONS)


@pytest.mark.parametrize(("name", "words", "seeds"), situations(SIMULATIONS, seeds_of))
def test_false_verdicts_are_rare(name, words, seeds):
    assert_rarely_false(SIMULATIONS, name, words, seeds, DRAWS)


@pytest.mark.parametrize("name", SIMULATIONS)
def test_a_large_effect_is_seen_with_ten_seeds(name):
    assert_effect_is_seen(SIMULATIONS, name)


def test_correlations_with_depth_are_spearmans():
    layers = np.random.default_rng(0).integers(0, 5, (6, 9)).astype(float)
    expected = [spearmanr(np.arange(9), row).statistic for row in layers]
    np.testing.assert_allclose(depth_correlations(layers), expected)
    assert np.isnan(depth_correlations(np.ones((1, 4)))).all()
