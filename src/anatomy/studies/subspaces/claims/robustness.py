"""The abstract: robustness to label noise, and what a subspace costs."""

import math

import pandas as pd

from anatomy.reporting.claims import Finding, above, below, claim, decide
from anatomy.reporting.evidence import Case, NotTestedError
from anatomy.studies.subspaces.claims.accuracy import POINT, WHY_POINT
from anatomy.studies.subspaces.evidence import SubspaceEvidence, lines, over_seeds, standard
from anatomy.studies.subspaces.tables import STANDARD


@claim(
    section="abstract",
    sentence="Using the subspace midpoint boosts robustness to label noise.",
    uses={"subspaces_label_noise": "evaluations training"},
    quantity="accuracy of the mid-point of a line minus that of standard training with the same seed and "
    "label noise, of the fraction that speaks most against it; Student's interval over seeds",
    null=0,
    threshold=0,
    effect=POINT,
    possible=(-1, 1),
    criterion="interval above 0 at every fraction of label noise above 0",
    reason=f"boosts says any difference; {WHY_POINT}",
)
def mid_point_robust_to_label_noise(case: Case, threshold: float) -> Finding:
    """Compare runs of the same seed and the same wrong labels."""
    pairs = _pairs(case)
    return _decided(threshold, [(line, line.middle() - other.middle()) for line, other in pairs])


@claim(
    section="abstract",
    sentence="Using the subspace midpoint boosts robustness to label noise (over optimal early stopping).",
    uses={"subspaces_label_noise": "evaluations training"},
    quantity="accuracy of the mid-point of a line minus the highest test accuracy in any epoch of standard "
    "training with the same seed and label noise, of the fraction that speaks most against it; Student's "
    "interval over seeds",
    null=0,
    threshold=0,
    effect=POINT,
    possible=(-1, 1),
    criterion="interval above 0 at every fraction of label noise above 0",
    reason=f"boosts says any difference; the best epoch is chosen by the test images; {WHY_POINT}",
)
def mid_point_above_early_stopping(case: Case, threshold: float) -> Finding:
    """Compare with the best epoch of runs of the same seed and the same wrong labels."""
    pairs = _pairs(case)
    return _decided(threshold, [(line, line.middle() - other.stopped()) for line, other in pairs])


@claim(
    section="abstract",
    sentence="With a similar computational cost as training one model, we learn lines, curves, and simplexes "
    "of high-accuracy neural networks.",
    uses={"subspaces_figure_4": "evaluations training"},
    quantity="logarithm to base 2 of the time that a line takes to train and to be tested meanwhile over "
    "that of standard training with the same seed; Student's interval over seeds",
    null=1,
    threshold=0.5,
    possible=(-math.inf, math.inf),
    criterion="interval below 0.5: below 1.41 times the time of one network",
    reason="two networks take twice the time (1); halfway, in the logarithm, is nearer to one",
)
def cost_of_one_network(case: Case, threshold: float) -> Finding:
    """Compare the time of runs of the same seed; those on machines of other speed make it inconclusive."""
    other = standard(case, "subspaces_figure_4").seconds()
    found = lines(case, "subspaces_figure_4")
    return decide(
        [below(threshold, *_upwards(_log2(line.seconds() / other), line.name, len(found))) for line in found],
        "lines",
    )


def _upwards(differences: pd.Series, name: str, count: int) -> tuple[float, float, float, str]:
    """Return what `over_seeds` does where differences must lie below a threshold."""
    value, low, high, note = over_seeds(-differences, name, count)
    return -value, -high, -low, note


def _pairs(case: Case) -> list[tuple[SubspaceEvidence, SubspaceEvidence]]:
    """Return each line that was trained with label noise, and standard training with the same noise."""
    figure = "subspaces_label_noise"
    singles = {each.noise: each for each in case.trained(figure) if each.plain and each.average().empty}
    found = [
        (line, singles[line.noise]) for line in lines(case, figure) if line.noise and line.noise in singles
    ]
    if not found:
        raise NotTestedError(
            f"no experiments of the figure are a line and {STANDARD} training with the same label noise"
        )
    return found


def _decided(threshold: float, differences: list[tuple[SubspaceEvidence, pd.Series]]) -> Finding:
    """Judge differences that must lie above a threshold at every fraction of label noise."""
    count = len(differences)
    findings = []
    for line, own in differences:
        value, low, high, note = over_seeds(own, line.name, count)
        findings.append(above(threshold, value, low, high, f"{note}, {line.noise:.0%} label noise"))
    return decide(findings, "fractions of label noise")


def _log2(values: pd.Series) -> pd.Series:
    return values.dropna().map(math.log2)
