"""How often a claim gets each verdict on made-up results."""

import zlib
from collections.abc import Iterable

import numpy as np
from scipy.special import betaincinv

from anatomy.reporting.claims import INCONCLUSIVE, NOT_TESTED, Claim
from anatomy.reporting.evidence import Case, NotTestedError
from anatomy.studies.arrangements.claims import CLAIMS
from claim_nulls import SIMULATIONS, Draw

SEEDS = (2, 3, 5, 10)
CLAIM = {entry.id: entry for entry in CLAIMS}


def verdicts(entry: Claim, draw: Draw, seeds: int, draws: int, stream: str) -> dict[str, int]:
    """Return the number of draws with each verdict; `stream` names the random numbers."""
    generator = np.random.default_rng([zlib.crc32(f"{entry.id} {stream}".encode()), seeds])
    found: dict[str, int] = {}
    for _ in range(draws):
        try:
            verdict = entry.judge(Case(draw(generator, seeds)), entry.threshold).verdict
        except NotTestedError:
            verdict = NOT_TESTED
        found[verdict] = found.get(verdict, 0) + 1
    return found


def lower_limit(count: int, draws: int, level: float = 0.99) -> float:
    """Return the one-sided lower limit of the probability of what happened `count` times."""
    return float(betaincinv(count, draws - count + 1, 1 - level)) if count else 0.0


def rates(draws: dict[str, Draw], name: str, verdict: str, seeds: int, count: int) -> dict[str, int]:
    """Return how often a claim gets a verdict, by the words of each draw."""
    return {
        words: verdicts(CLAIM[name], draw, seeds, count, words).get(verdict, 0)
        for words, draw in draws.items()
    }


def undecided(found: dict[str, int]) -> int:
    """Return the number of draws without a decision."""
    return found.get(INCONCLUSIVE, 0) + found.get(NOT_TESTED, 0)


def names() -> Iterable[str]:
    """Return the claims in the order of the table."""
    return SIMULATIONS.keys()
