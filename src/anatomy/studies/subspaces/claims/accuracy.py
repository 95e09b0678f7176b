"""The abstract: accuracy and calibration of mid-points, points and ensembles.

All but ensembles of several runs are differences between runs of the same seed, which see the same batches.
"""

from anatomy.reporting.claims import Finding, above, claim, decide
from anatomy.reporting.evidence import Case, NotTestedError
from anatomy.studies.subspaces.evidence import (
    NEAR_THE_ENDS,
    SubspaceEvidence,
    lines,
    of_kind,
    over_seeds,
    standard,
)

ABSTRACT = "abstract"
# A difference in accuracy that would matter.
POINT = 0.005
WHY_POINT = (
    "half a point of accuracy, about what the axes of the paper's figure 4 tell apart (91.3 to 93.5 %)"
)


@claim(
    section=ABSTRACT,
    sentence="Using the subspace midpoint boosts accuracy (over the ends of the line).",
    uses={"subspaces_figure_4": "evaluations training"},
    quantity="accuracy of the mid-point minus the mean of the two ends, mean over seeds; interval by "
    "bootstrap over seeds",
    null=0,
    threshold=0,
    effect=POINT,
    possible=(-1, 1),
    criterion="interval above 0",
    reason=f"boosts says any difference; {WHY_POINT}",
)
def mid_point_above_the_ends(case: Case, threshold: float) -> Finding:
    """Compare three points of each line."""
    return decide(
        [
            above(threshold, *over_seeds(line.middle() - line.ends(), line.name))
            for line in lines(case, "subspaces_figure_4")
        ],
        "lines",
    )


@claim(
    section=ABSTRACT,
    sentence="Using the subspace midpoint boosts accuracy (over standard training).",
    uses={"subspaces_figure_4": "evaluations training"},
    quantity="accuracy of the mid-point of a line minus that of standard training, mean over seeds; interval "
    "by bootstrap over seeds",
    null=0,
    threshold=0,
    effect=POINT,
    possible=(-1, 1),
    criterion="interval above 0",
    reason=f"boosts says any difference; {WHY_POINT}",
)
def mid_point_above_standard_training(case: Case, threshold: float) -> Finding:
    """Compare runs of the same seed."""
    other = standard(case, "subspaces_figure_4")
    return decide(
        [
            above(threshold, *over_seeds(line.middle() - other.middle(), f"{line.name} and {other.name}"))
            for line in lines(case, "subspaces_figure_4")
        ],
        "lines",
    )


@claim(
    section=ABSTRACT,
    sentence="Using the subspace midpoint boosts calibration.",
    uses={"subspaces_calibration": "evaluations training"},
    quantity="expected calibration error of standard training minus that of the mid-point of a line, mean "
    "over seeds; interval by bootstrap over seeds",
    null=0,
    threshold=0,
    effect=POINT,
    possible=(-1, 1),
    criterion="interval above 0",
    reason="boosts says any difference; half a point of confidence",
)
def mid_point_better_calibrated(case: Case, threshold: float) -> Finding:
    """Compare runs of the same seed."""
    other = standard(case, "subspaces_calibration")
    return decide(
        [
            above(
                threshold,
                *over_seeds(other.middle("ece") - line.middle("ece"), f"{line.name} and {other.name}"),
            )
            for line in lines(case, "subspaces_calibration")
        ],
        "lines",
    )


@claim(
    section=ABSTRACT,
    sentence="We learn lines, curves, and simplexes of high-accuracy neural networks.",
    uses={"subspaces_figure_4": "evaluations training"},
    quantity="accuracy of the least accurate point of a line or curve minus that of standard training, mean "
    "over seeds, of the worst line or curve; interval by bootstrap over seeds",
    null=-0.1,
    threshold=-0.02,
    possible=(-1, 1),
    criterion="interval above -0.02",
    reason="the panel of the paper's figure 4 spans 2.2 points; ten points less would be another network",
)
def every_point_accurate(case: Case, threshold: float) -> Finding:
    """Compare the worst point of every line and curve of three seeds or more with standard training."""
    other, found = standard(case, "subspaces_figure_4"), []
    for own in of_kind(case.trained("subspaces_figure_4"), "a line or a curve", _is_path):
        differences = (own.lowest() - other.middle()).dropna()
        if len(differences) < 3:
            case.notes.append(f"left out: {own.name}, {len(differences)} seeds")
            continue
        found.append(above(threshold, *over_seeds(differences, own.name)))
    return decide(found, "lines and curves of three seeds or more")


@claim(
    section=ABSTRACT,
    sentence="These neural network subspaces contain diverse solutions that can be ensembled, approaching "
    "the ensemble performance of independently trained networks.",
    uses={"subspaces_figure_4": "evaluations ensembles training"},
    quantity="accuracy of the ensemble of two points near the ends (alpha 0.2 and 0.8) of a line, minus the "
    "mean of that of one network and of an ensemble of two independent ones, mean over seeds; interval by "
    "bootstrap over the seeds of the line",
    null=0,
    threshold=0,
    effect=POINT,
    possible=(-1, 1),
    criterion="interval above 0: beyond half of the way from one network to two",
    reason=f"approaching says no number; half of the way is nearer to two networks than to one. {WHY_POINT}",
)
def two_points_approach_two_networks(case: Case, threshold: float) -> Finding:
    """Compare with the half of the way from one network to the ensembles of all pairs of seeds."""
    other = standard(case, "subspaces_figure_4")
    one, two = other.middle().mean(), other.two_seeds().mean()
    if two <= one:
        raise NotTestedError(
            f"two networks of {other.name} together are no better than one: nothing to approach"
        )
    halfway = (one + two) / 2
    return decide(
        [
            above(threshold, *over_seeds(line.of_pair(NEAR_THE_ENDS) - halfway, line.name))
            for line in lines(case, "subspaces_figure_4")
        ],
        "lines",
    )


def _is_path(evidence: SubspaceEvidence) -> bool:
    return evidence.kind in ("line", "bezier")
