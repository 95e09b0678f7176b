"""How numbers decide a claim: the interval against the threshold, and several layers together.

The whole 95 % interval must lie on the right side of the threshold to support a claim, and on the
wrong side to refute it, so that a claim on few filters or seeds needs a larger effect; an interval
that includes the threshold decides nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from hyperplanes import statistics
from hyperplanes.evidence import Case, Evidence, NotTestedError, finite, share_of_layer
from hyperplanes.tables import CRITICAL

# Share of filters of one sign from which a layer counts as biased.
BIASED = 2 / 3
WHY_BIASED = (
    "two filters of one sign for each of the other; 64 random filters, the first layer of the paper's "
    "networks, get there in fewer than one of a hundred networks"
)
WHY_CRITICAL = (
    "the paper gives no number; a tenth of the accuracy is ten times the 1 % by which its test and "
    "validation accuracies differ (section 3.1)"
)


@dataclass(frozen=True)
class Finding:
    """The value of a claim's quantity, its 95 % interval, and whether it supports the claim.

    `supported` is None for an interval that includes the threshold. `margin` is how far the end of
    the interval that speaks against the claim lies on the right side of the threshold.
    """

    value: float | None
    low: float | None
    high: float | None
    supported: bool | None
    note: str = ""
    margin: float = -math.inf


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper and how it is judged; `uses` lists the tables needed of each figure."""

    id: str
    section: str
    sentence: str
    uses: Mapping[str, Sequence[str]]
    quantity: str
    threshold: str
    reason: str
    judge: Callable[[Case], Finding]


CLAIMS: list[Claim] = []


def claim(**entry) -> Callable[[Callable[[Case], Finding]], Callable[[Case], Finding]]:
    """Add the decorated function to `CLAIMS`; the id is its name."""

    def register(judge: Callable[[Case], Finding]) -> Callable[[Case], Finding]:
        uses = {figure: tables.split() for figure, tables in entry.pop("uses").items()}
        CLAIMS.append(Claim(id=judge.__name__.replace("_", "-"), uses=uses, judge=judge, **entry))
        return judge

    return register


def above(limit: float, value: float, low: float, high: float, note: str = "") -> Finding:
    """Support a value whose whole interval lies above `limit`, refute one that lies below it."""
    supported = True if low > limit else False if high < limit else None
    if supported is None:
        why = "the interval includes the threshold" if low <= limit <= high else "there is no interval"
        note = "; ".join(filter(None, [note, f"inconclusive: {why}"]))
    margin = -math.inf if np.isnan(low) else float(low - limit)
    return Finding(finite(value), finite(low), finite(high), supported, note, margin)


def below(limit: float, value: float, low: float, high: float, note: str = "") -> Finding:
    """Support a value whose whole interval lies below `limit`, refute one that lies above it."""
    mirrored = above(-limit, -value, -high, -low, note)
    return replace(mirrored, value=finite(value), low=finite(low), high=finite(high))


def inside(least: float, most: float, value: float, low: float, high: float, note: str = "") -> Finding:
    """Support a value whose whole interval lies between two limits, refute one that lies outside."""
    return min(above(least, value, low, high, note), below(most, value, low, high, note), key=rank)


def rank(finding: Finding) -> tuple[int, float]:
    """Return a key that sorts findings: refuting, inconclusive, supporting, each from the worst on."""
    return {False: 0, None: 1, True: 2}[finding.supported], finding.margin


def decide(findings: Sequence[Finding], what: str = "layers") -> Finding:
    """Judge a claim that must hold of all: the finding is the one that speaks most against it."""
    if not findings:
        raise NotTestedError(f"there are no {what} to judge")
    worst = min(findings, key=rank)
    if len(findings) == 1:
        return worst
    right = sum(finding.supported is True for finding in findings)
    count = f"{right} of {len(findings)} {what} on the right side"
    return replace(worst, note="; ".join(filter(None, [worst.note, count])))


def _shares(pooled: pd.DataFrame, test: Callable[..., Finding], *limits: float) -> list[Finding]:
    """Return one finding for the share of negative filters of each row."""
    return [
        test(*limits, row["share"], row["low"], row["high"], share_of_layer(row))
        for _, row in pooled.iterrows()
    ]


def all_negative(pooled: pd.DataFrame) -> Finding:
    """Judge whether every layer is biased towards negative; the finding is that of the least biased."""
    found = decide(_shares(pooled, above, BIASED))
    fewest = pooled.loc[pooled["pooled_filters"].idxmin()]
    best, _ = statistics.binomial_interval(fewest["pooled_filters"], fewest["pooled_filters"])
    if found.supported is not False and not best > BIASED:
        raise NotTestedError(f"too few filters to tell: {share_of_layer(fewest)}")
    return found


def all_mixed(pooled: pd.DataFrame) -> Finding:
    """Judge whether both signs are frequent in every layer; the finding is that of the most biased.

    Layers of so few filters that even one half would leave the interval too wide do not count,
    unless they are biased all the same.
    """
    filters = pooled["pooled_filters"].to_numpy()
    _, widest = statistics.binomial_interval((filters + 1) // 2, filters)
    findings = _shares(pooled, inside, 1 - BIASED, BIASED)
    enough = [
        finding
        for finding, high in zip(findings, widest, strict=True)
        if high < BIASED or finding.supported is False
    ]
    if len(enough) == len(findings):
        return decide(findings)
    reason = f"too few filters to tell: {share_of_layer(pooled[~(widest < BIASED)].iloc[0])}"
    if not enough:
        raise NotTestedError(reason)
    found = decide(enough)
    return replace(found, note=f"{found.note}; left out: {reason}")


def over_seeds(drops: pd.DataFrame, statistic: Callable[[np.ndarray], np.ndarray]) -> tuple[float, ...]:
    """Return value and bootstrap interval of a statistic of mean drops; it maps (n, layers) to (n,)."""
    matrix = drops.to_numpy()
    value = statistic(matrix.mean(0, keepdims=True))[0]
    return value, *statistics.bootstrap_interval(len(matrix), lambda weights: statistic(weights @ matrix))


def smallest_drop(evidences: Sequence[Evidence], layers: Sequence[int] | None = None) -> Finding:
    """Judge whether all `layers` are critical in all experiments; the finding is the worst layer's."""
    findings = []
    for evidence in evidences:
        drops = evidence.relative_drops()
        for layer in drops if layers is None else evidence.existing(layers):
            note = f"layer {layer} of {evidence.name}, {len(drops)} seeds"
            found = over_seeds(drops[[layer]], lambda mean: mean[:, 0])
            findings.append(above(CRITICAL, *found, note))
    return decide(findings)
