"""Every claim is supported where it is false, and not supported where it is true, in 5 % of cases at most.

Draws are those of `benchmarks/curvature_nulls.py`; `make simulate` counts more of them.
"""

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from studies.curvature.made_up import evidence

from anatomy.reporting.claims import ERROR, NOT_SUPPORTED, NOT_TESTED, SUPPORTED
from anatomy.reporting.evidence import FEWEST_SEEDS, Case
from anatomy.studies.curvature.claims import CLAIMS
from anatomy.studies.curvature.evidence import concentrated
from curvature_nulls import SIMULATIONS
from verdict_rates import CLAIM, all_simulations, lower_limit, verdict_counts

# Few seeds have equal counts by chance.
DRAWS, FEW = 60, (2, 3, 5)
# Of pairs of seeds, one of which there is with two, there is no interval.
OF_PAIRS = "seeds-agree-on-the-boundary"


def test_every_claim_has_draws_on_which_it_is_false_and_true():
    assert SIMULATIONS.keys() == {entry.id for entry in CLAIMS}
    assert all(simulation.false and simulation.true for simulation in SIMULATIONS.values())
    studies = ("claim_nulls", "curvature_nulls")
    every = [name for study in studies for name in import_module(study).SIMULATIONS]
    assert {*every} <= all_simulations().keys() <= CLAIM.keys()


@pytest.mark.parametrize("seeds", FEW)
@pytest.mark.parametrize("name", SIMULATIONS)
def test_false_verdicts_are_rare(name, seeds):
    simulation = SIMULATIONS[name]
    for words, draw in {**simulation.false, **simulation.true}.items():
        found = verdict_counts(CLAIM[name], draw, seeds, DRAWS, words)
        assert (NOT_TESTED in found) == (name == OF_PAIRS and seeds < FEWEST_SEEDS)
        if words in simulation.false:
            assert lower_limit(found.get(SUPPORTED, 0), DRAWS) <= ERROR, (words, found)
        if words in simulation.true:
            assert lower_limit(found.get(NOT_SUPPORTED, 0), DRAWS) <= ERROR, (words, found)


@pytest.mark.parametrize("name", SIMULATIONS)
def test_a_large_effect_is_seen_with_ten_seeds(name):
    """A test that never decides would never err."""
    words, draw = SIMULATIONS[name].effect
    found = verdict_counts(CLAIM[name], draw, 10, 20, words)
    assert found.get(SUPPORTED, 0) >= 13, found


def test_equal_counts_of_few_seeds_are_no_certainty():
    """Half of all networks have one outlier more: two seeds without it are no support, five are."""
    entry = CLAIM["outliers-are-classes-minus-one"]
    verdicts = [
        entry.judge(Case({"curvature_figure_2": [evidence(outliers=2).of_seeds(range(seeds))]}), 0.5).verdict
        for seeds in (2, 3, 5)
    ]
    assert verdicts == ["inconclusive", "inconclusive", SUPPORTED]


def test_draws_are_judged_as_tables_are():
    """Numbers of a draw, written as the tables of runs, have the same value and interval."""
    name = "adversarial-generalises-worst"
    _, draw = SIMULATIONS[name].effect
    drawn = draw(np.random.default_rng(0), 5)["curvature_figure_3"]
    finding = CLAIM[name].judge(Case({"curvature_figure_3": drawn}), 0)
    tables = [evidence(own.name, test_accuracy=own.measure("test_accuracy").tolist()) for own in drawn]
    again = CLAIM[name].judge(Case({"curvature_figure_3": tables}), 0)
    assert (again.value, again.low, again.high) == pytest.approx((finding.value, finding.low, finding.high))


def test_concentration_is_that_of_the_least_concentrated_eigenvector():
    top, random = np.array([[0.9, 0.2, 0.1], [0.3, 0.8, 0.1]]), np.array([[0.2, 0.1, 0.1], [0.0, 0.3, 0.0]])
    assert concentrated(top, random) == pytest.approx(0.5 - (0.1 + 0.3) / 2)
    table = evidence(jump=0.9, random_jump=0.3).concentration()
    assert table.tolist() == pytest.approx([0.9 - 0.05 - (0.3 - 0.02)] * 5)
    assert isinstance(table, pd.Series)
