"""Every claim is supported where it is false, and not supported where it is true, in 5 % of cases at most.

Draws are those of `benchmarks/subspace_nulls.py`; docs/statistics.md has the same rates from more of them.
"""

import numpy as np
import pandas as pd
import pytest
from studies.subspaces import made_up

from anatomy.reporting.claims import ERROR, NOT_SUPPORTED, NOT_TESTED, SUPPORTED
from anatomy.reporting.evidence import Case
from anatomy.studies.subspaces.claims import CLAIMS
from subspace_nulls import SIMULATIONS
from verdict_rates import lower_limit, verdict_counts

CLAIM = {entry.id: entry for entry in CLAIMS}
DRAWS = 150
SITUATIONS = [
    (name, words, seeds)
    for name, simulation in SIMULATIONS.items()
    for words in {**simulation.false, **simulation.true}
    for seeds in (2, 10)
]


def test_every_claim_has_draws_on_which_it_is_false_and_true():
    assert SIMULATIONS.keys() == CLAIM.keys()
    assert all(simulation.false and simulation.true for simulation in SIMULATIONS.values())


@pytest.mark.parametrize(("name", "words", "seeds"), SITUATIONS)
def test_false_verdicts_are_rare(name, words, seeds):
    simulation = SIMULATIONS[name]
    found = verdict_counts(CLAIM[name], {**simulation.false, **simulation.true}[words], seeds, DRAWS, words)
    assert NOT_TESTED not in found
    if words in simulation.false:
        assert lower_limit(found.get(SUPPORTED, 0), DRAWS) <= ERROR, found
    if words in simulation.true:
        assert lower_limit(found.get(NOT_SUPPORTED, 0), DRAWS) <= ERROR, found


@pytest.mark.parametrize("name", SIMULATIONS)
def test_a_large_effect_is_seen_with_ten_seeds(name):
    """A test that never decides would never err."""
    words, draw = SIMULATIONS[name].effect
    assert verdict_counts(CLAIM[name], draw, 10, 40, words).get(SUPPORTED, 0) >= 26


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
