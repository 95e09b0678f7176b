"""Every claim is supported where it is false, and not supported where it is true, in 5 % of cases at most.

Draws are those of `benchmarks/claim_nulls.py`; docs/statistics.md has the same rates from more of them.
"""

import numpy as np
import pytest
from claim_tables import IDS, experiment, verdicts

from anatomy.reporting.claims import ERROR, NOT_SUPPORTED, NOT_TESTED, SUPPORTED
from anatomy.reporting.evidence import Case
from claim_nulls import SIMULATIONS
from verdict_rates import CLAIM, SEEDS, lower_limit, verdict_counts

DRAWS = 400
SITUATIONS = [
    (name, words, seeds)
    for name, simulation in SIMULATIONS.items()
    for words in {**simulation.false, **simulation.true}
    for seeds in SEEDS
]


def test_every_claim_has_draws_on_which_it_is_false_and_true():
    assert SIMULATIONS.keys() == IDS
    assert all(simulation.false and simulation.true for simulation in SIMULATIONS.values())


@pytest.mark.parametrize(("name", "words", "seeds"), SITUATIONS)
def test_false_verdicts_are_rare(name, words, seeds):
    simulation = SIMULATIONS[name]
    draw = {**simulation.false, **simulation.true}[words]
    found = verdict_counts(CLAIM[name], draw, seeds, DRAWS, words)
    assert NOT_TESTED not in found
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


def test_a_rate_above_its_limit_is_noticed():
    """By the binomial distribution 33 of 400 are too many for 5 %, and 31 are not."""
    assert lower_limit(33, 400) > ERROR > lower_limit(31, 400)
    assert lower_limit(0, 400) == 0


def test_draws_are_judged_as_tables_are():
    """Counts of a draw written as a table, and the draw itself, have the same value and interval."""
    _, draw = SIMULATIONS["layers-2-to-8-biased"].effect
    (run,) = draw(np.random.default_rng(0), 3)["figure_07"]
    finding = CLAIM["layers-2-to-8-biased"].judge(Case({"figure_07": [run]}), 2 / 3)
    table = experiment(seeds=3)
    n_l = table.tables["n_l"].copy()
    counts = run.counts
    n_l["filters"] = np.array(counts.sizes)[n_l["layer"] - 1]
    n_l["n_l"] = counts.negative[n_l["seed"], 0, n_l["layer"] - 1] / n_l["filters"]
    table.tables["n_l"] = n_l
    row = verdicts(figure_07=table).loc["layers-2-to-8-biased"]
    assert row[["value", "low", "high"]].tolist() == pytest.approx([finding.value, finding.low, finding.high])
