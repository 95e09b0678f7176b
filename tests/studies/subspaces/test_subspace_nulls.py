"""Every claim is supported where it is false, and not supported where it is true, in 5 % of cases at most.

Draws are those of `benchmarks/subspace_nulls.py`; docs/statistics.md has the same rates from more of them.
"""

import numpy as np
import pandas as pd
import pytest
from studies.rates_of_verdicts import (
    assert_all_are_made_up,
    assert_effect_is_seen,
    assert_rarely_false,
    situations,
)
from studies.subspaces import made_up

from anatomy.reporting.evidence import Case
from subspace_nulls import SIMULATIONS
from verdict_rates import CLAIM

DRAWS = 150


def test_every_claim_has_draws_on_which_it_is_false_and_true():
    assert_all_are_made_up("subspaces", SIMULATIONS)


@pytest.mark.parametrize(("name", "words", "seeds"), situations(SIMULATIONS, lambda name: (2, 10)))
def test_false_verdicts_are_rare(name, words, seeds):
    assert_rarely_false(SIMULATIONS, name, words, seeds, DRAWS)


@pytest.mark.parametrize("name", SIMULATIONS)
def test_a_large_effect_is_seen_with_ten_seeds(name):
    assert_effect_is_seen(SIMULATIONS, name)


def test_draws_are_judged_as_tables_are():
    """Accuracies of a draw written as tables, and the draw itself, have the same value and interval."""
    name = "mid-point-above-standard-training"
    _, draw = SIMULATIONS[name].effect
    drawn = draw(np.random.default_rng(0), 3)
    finding = CLAIM[name].judge(Case(drawn), 0.0)
    tables = []
    for own in drawn["subspaces_figure_4"]:
        table = made_up.evaluations(own.kind)
        middle = table["evaluation"] == "network"
        table.loc[middle, "accuracy"] = table.loc[middle, "seed"].map(own.middle())
        tables.append(made_up.evidence(own.kind, own.name, evaluations=table))
    again = CLAIM[name].judge(Case({"subspaces_figure_4": tables}), 0.0)
    found, expected = ((each.value, each.low, each.high) for each in (again, finding))
    assert found == pytest.approx(expected)
    assert isinstance(own.middle(), pd.Series)
