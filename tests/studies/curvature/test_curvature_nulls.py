"""Every claim is supported where it is false, and not supported where it is true, in 5 % of cases at most.

Draws are those of `benchmarks/curvature_nulls.py`; `make simulate` counts more of them.
"""

import numpy as np
import pandas as pd
import pytest
from studies.curvature.made_up import evidence
from studies.rates_of_verdicts import (
    assert_all_are_made_up,
    assert_effect_is_seen,
    assert_rarely_false,
    situations,
)

from anatomy.reporting.claims import SUPPORTED
from anatomy.reporting.evidence import FEWEST_SEEDS, Case
from anatomy.studies.curvature.evidence import concentrated
from curvature_nulls import SIMULATIONS
from verdict_rates import CLAIM

# Few seeds have equal counts by chance.
DRAWS, FEW = 60, (2, 3, 5)
# Of pairs of seeds, one of which there is with two, there is no interval.
OF_PAIRS = "seeds-agree-on-the-boundary"


def test_every_claim_has_draws_on_which_it_is_false_and_true():
    assert_all_are_made_up("curvature", SIMULATIONS)


@pytest.mark.parametrize(("name", "words", "seeds"), situations(SIMULATIONS, lambda name: FEW))
def test_false_verdicts_are_rare(name, words, seeds):
    assert_rarely_false(SIMULATIONS, name, words, seeds, DRAWS, seeds >= FEWEST_SEEDS or name != OF_PAIRS)


@pytest.mark.parametrize("name", SIMULATIONS)
def test_a_large_effect_is_seen_with_ten_seeds(name):
    assert_effect_is_seen(SIMULATIONS, name, draws=20)


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
