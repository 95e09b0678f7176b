"""Every claim is supported where it is false, and not supported where it is true, in 5 % of cases at most.

Draws are those of `benchmarks/claim_nulls.py`; docs/statistics.md has the same rates from more of them.
"""

import numpy as np
import pytest
from claim_tables import experiment, verdicts
from studies.rates_of_verdicts import (
    assert_all_are_made_up,
    assert_effect_is_seen,
    assert_rarely_false,
    situations,
)

from anatomy.reporting.claims import ERROR
from anatomy.reporting.evidence import Case
from claim_nulls import SIMULATIONS
from verdict_rates import CLAIM, SEEDS, lower_limit

DRAWS = 400


def test_every_claim_has_draws_on_which_it_is_false_and_true():
    assert_all_are_made_up("arrangements", SIMULATIONS)


@pytest.mark.parametrize(("name", "words", "seeds"), situations(SIMULATIONS, lambda name: SEEDS))
def test_false_verdicts_are_rare(name, words, seeds):
    assert_rarely_false(SIMULATIONS, name, words, seeds, DRAWS)


@pytest.mark.parametrize("name", SIMULATIONS)
def test_a_large_effect_is_seen_with_ten_seeds(name):
    assert_effect_is_seen(SIMULATIONS, name)


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
