"""How often a claim gets each verdict on made-up results, which `*_nulls.py` beside this file draw."""

import zlib
from importlib import import_module
from pathlib import Path

import numpy as np
from scipy.special import betaincinv

from anatomy.reporting.claims import NOT_TESTED, Claim
from anatomy.reporting.evidence import Case, NotTestedError
from anatomy.reporting.uses import claiming_studies
from claim_nulls import Draw, Simulation

SEEDS = (2, 3, 5, 10)
CLAIM: dict[str, Claim] = {
    entry.id: entry
    for study in claiming_studies()
    for entry in import_module(f"anatomy.studies.{study}.claims").CLAIMS
}


def all_simulations() -> dict[str, Simulation]:
    """Return the draws for the claims of all studies that have some, by claim."""
    found: dict[str, Simulation] = {}
    for path in sorted(Path(__file__).parent.glob("*_nulls.py")):
        found |= import_module(path.stem).SIMULATIONS
    return found


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
