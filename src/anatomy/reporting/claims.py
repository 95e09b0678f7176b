"""Claims: a sentence and its judge; how numbers decide it, and the table of all verdicts.

The whole 95 % interval must lie on the right side of the threshold to support a claim, and on the
wrong side to refute it, so that a claim on few filters or seeds needs a larger effect; an interval
that includes the threshold decides nothing: the claim is inconclusive. One for which the configuration
has no data is not tested. Each claim is judged so that it is supported, if false, and not supported, if
true, with a probability of at most `ERROR`; claims are not corrected for their number.

A threshold is a choice, so every claim is judged at two others too: half and double as far from the
`null`, the value without any effect. Where a claim is of any effect at all, threshold and null are the
same, and half and double are those of an `effect` that would matter. What a quantity cannot reach is no
threshold: both stay within `possible`.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
import pandas as pd

from anatomy.reporting.evidence import Case, Evidence, NotTestedError, finite
from anatomy.reporting.uses import identifier, tables_by_figure

# Largest probability of a false verdict on one claim.
ERROR = 0.05
VERDICTS = ("supported", "not supported", "inconclusive", "not tested")
SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE, NOT_TESTED = VERDICTS
COLUMNS = [
    *("id", "section", "sentence", "figures", "experiments", "data", "quantity", "value", "low", "high"),
    *("null", "threshold", "threshold_half", "threshold_double", "effect", "criterion", "reason"),
    *("verdict", "verdict_half", "verdict_double", "note"),
]


@dataclass(frozen=True)
class Finding:
    """The value of a claim's quantity, its 95 % interval, and whether it supports the claim.

    `supported` is None if it is inconclusive. `margin` is how far the end of the interval that speaks
    against the claim lies on the right side of the threshold, `lead` how far the value does: it orders
    findings without an interval.
    """

    value: float | None
    low: float | None
    high: float | None
    supported: bool | None
    note: str = ""
    margin: float = -math.inf
    lead: float = -math.inf

    @property
    def verdict(self) -> str:
        """The finding in words."""
        return {True: SUPPORTED, False: NOT_SUPPORTED, None: INCONCLUSIVE}[self.supported]


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper and how it is judged; `uses` lists the tables needed of each figure.

    `criterion` says in words what must hold, `reason` why at this `threshold`; `judge` decides at any.
    `possible` is the range of what the threshold is compared with.
    """

    id: str
    section: str
    sentence: str
    uses: Mapping[str, Sequence[str]]
    quantity: str
    null: float
    threshold: float
    criterion: str
    reason: str
    judge: Callable[[Case, float], Finding]
    effect: float | None = None
    possible: tuple[float, float] = (-math.inf, math.inf)

    def at(self, factor: float) -> float:
        """Return the threshold at `factor` times its distance from the null, or times the effect."""
        distance = self.threshold - self.null if self.effect is None else self.effect
        return min(max(self.null + factor * distance, self.possible[0]), self.possible[1])


def claim(**entry) -> Callable[[Callable[[Case, float], Finding]], Claim]:
    """Make a claim of the decorated function; the id is its name.

    `uses` maps figures to names of tables, in one text; it must stand there as a literal, since the
    workflow reads it by `reporting.uses`. `ValueError` without an effect where threshold and null are
    the same, and with one where they are not; without a threshold that is `possible`.
    """

    def made(judge: Callable[[Case, float], Finding]) -> Claim:
        uses = tables_by_figure(entry["uses"])
        own = Claim(identifier(judge.__name__), judge=judge, **{**entry, "uses": uses})
        if (own.threshold == own.null) == (own.effect is None):
            raise ValueError(f"{own.id}: state an effect if and only if threshold and null are the same")
        if not own.possible[0] <= own.threshold <= own.possible[1]:
            raise ValueError(f"{own.id}: the threshold {own.threshold} lies outside {own.possible}")
        return own

    return made


def claims_of(*modules: ModuleType) -> list[Claim]:
    """Return all claims of modules in their order."""
    return [value for module in modules for value in vars(module).values() if isinstance(value, Claim)]


def above(limit: float, value: float, low: float, high: float, note: str = "") -> Finding:
    """Support a value whose whole interval lies above `limit`, refute one that lies below it."""
    supported = True if low > limit else False if high < limit else None
    if supported is None:
        why = "the interval includes the threshold" if low <= limit <= high else "there is no interval"
        note = "; ".join(filter(None, [note, f"inconclusive: {why}"]))
    margin = -math.inf if np.isnan(low) else float(low - limit)
    lead = -math.inf if np.isnan(value) else float(value - limit)
    return Finding(finite(value), finite(low), finite(high), supported, note, margin, lead)


def below(limit: float, value: float, low: float, high: float, note: str = "") -> Finding:
    """Support a value whose whole interval lies below `limit`, refute one that lies above it."""
    mirrored = above(-limit, -value, -high, -low, note)
    return replace(mirrored, value=finite(value), low=finite(low), high=finite(high))


def inside(
    least: float,
    most: float,
    value: float,
    support: tuple[float, float],
    refute: tuple[float, float] | None = None,
    note: str = "",
) -> Finding:
    """Support a value whose whole interval lies between two limits, refute one that lies outside.

    `support` is the interval that must lie inside, `refute` the one that must lie outside, by default the
    same; the finding has the ends that were compared with the limit that speaks most against the claim.
    """
    (low, high), (widest_low, widest_high) = support, refute or support
    return min(
        above(least, value, low, widest_high, note), below(most, value, widest_low, high, note), key=rank
    )


def rank(finding: Finding) -> tuple[int, float, float]:
    """Return a key that sorts findings: refuting, inconclusive, supporting, each from the worst on."""
    return {False: 0, None: 1, True: 2}[finding.supported], finding.margin, finding.lead


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


def judge(entry: Claim, figures: Mapping[str, Sequence[Evidence]]) -> dict[str, object]:
    """Return the row of `COLUMNS` of one claim."""
    finding, verdict, case = _judged(entry, figures, entry.threshold)
    few = "" if verdict == NOT_TESTED else case.few_seeds()
    return {
        "id": entry.id,
        "section": entry.section,
        "sentence": entry.sentence,
        "figures": " ".join(entry.uses),
        "experiments": " ".join(evidence.name for evidence in case.used),
        "data": "; ".join(dict.fromkeys(evidence.label for evidence in case.used)),
        "quantity": entry.quantity,
        "value": finding.value,
        "low": finding.low,
        "high": finding.high,
        "null": entry.null,
        "threshold": entry.threshold,
        "threshold_half": entry.at(0.5),
        "threshold_double": entry.at(2),
        "effect": entry.effect,
        "criterion": entry.criterion,
        "reason": entry.reason,
        "verdict": verdict,
        "verdict_half": _judged(entry, figures, entry.at(0.5))[1],
        "verdict_double": _judged(entry, figures, entry.at(2))[1],
        "note": "; ".join(dict.fromkeys(filter(None, [finding.note, *case.notes, few]))),
    }


def _judged(
    entry: Claim, figures: Mapping[str, Sequence[Evidence]], threshold: float
) -> tuple[Finding, str, Case]:
    """Return finding and verdict at a threshold, and the case with what was used."""
    case = Case({figure: figures[figure] for figure in entry.uses if figures.get(figure)})
    try:
        finding = entry.judge(case, threshold)
    except NotTestedError as reason:
        return Finding(None, None, None, None, str(reason)), NOT_TESTED, case
    return finding, finding.verdict, case


def claim_table(claims: Iterable[Claim], figures: Mapping[str, Sequence[Evidence]]) -> pd.DataFrame:
    """Return one row per claim; `figures` maps figures to their experiments."""
    return pd.DataFrame([judge(entry, figures) for entry in claims], columns=COLUMNS)
