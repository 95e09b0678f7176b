"""Every claim is supported where it is false, and not supported where it is true, in 5 % of cases at most.

Draws are those of `benchmarks/invariance_nulls.py`; docs/statistics.md has the same rates from more of them.
"""

import numpy as np
import pytest
from scipy.stats import spearmanr

from anatomy.reporting.claims import ERROR, NOT_SUPPORTED, SUPPORTED
from anatomy.studies.invariance.claims import CLAIMS
from anatomy.studies.invariance.evidence import depth_correlations
from invariance_nulls import SIMULATIONS
from verdict_rates import lower_limit, verdict_counts

DRAWS = 200
CLAIM = {entry.id: entry for entry in CLAIMS}
SITUATIONS = [
    (name, words, seeds)
    for name, simulation in SIMULATIONS.items()
    for words in {**simulation.false, **simulation.true}
    # Of an odd number one has no pair.
    for seeds in ((4, 10) if name == "stable-to-initialisation" else (2, 3, 10))
]


def test_every_claim_has_draws_on_which_it_is_false_and_true():
    assert SIMULATIONS.keys() == CLAIM.keys()
    assert all(simulation.false and simulation.true for simulation in SIMULATIONS.values())


@pytest.mark.parametrize(("name", "words", "seeds"), SITUATIONS)
def test_false_verdicts_are_rare(name, words, seeds):
    simulation = SIMULATIONS[name]
    draw = {**simulation.false, **simulation.true}[words]
    found = verdict_counts(CLAIM[name], draw, seeds, DRAWS, words)
    assert sum(found.values()) == DRAWS and "not tested" not in found
    if words in simulation.false:
        assert lower_limit(found.get(SUPPORTED, 0), DRAWS) <= ERROR, found
    if words in simulation.true:
        assert lower_limit(found.get(NOT_SUPPORTED, 0), DRAWS) <= ERROR, found


@pytest.mark.parametrize("name", SIMULATIONS)
def test_a_large_effect_is_seen_with_ten_seeds(name):
    """A test that never decides would never err."""
    words, draw = SIMULATIONS[name].effect
    found = verdict_counts(CLAIM[name], draw, 10, 40, words)
    assert found.get(SUPPORTED, 0) >= 26, found


def test_correlations_with_depth_are_spearmans():
    layers = np.random.default_rng(0).integers(0, 5, (6, 9)).astype(float)
    expected = [spearmanr(np.arange(9), row).statistic for row in layers]
    np.testing.assert_allclose(depth_correlations(layers), expected)
    assert np.isnan(depth_correlations(np.ones((1, 4)))).all()
