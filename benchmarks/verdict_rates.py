"""How often a claim gets each verdict on made-up results."""

import zlib

import numpy as np
from scipy.special import betaincinv

from anatomy.reporting.claims import NOT_TESTED, Claim
from anatomy.reporting.evidence import Case, NotTestedError
from anatomy.studies.arrangements.claims import CLAIMS
from claim_nulls import Draw

SEEDS = (2, 3, 5, 10)
CLAIM = {entry.id: entry for entry in CLAIMS}


def verdict_counts(entry: Claim, draw: Draw, seeds: int, draws: int, stream: str) -> dict[str, int]:
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
