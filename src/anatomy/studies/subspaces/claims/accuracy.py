"""The abstract: accuracy and calibration of mid-points, points and ensembles.

All are differences between runs of the same seed, which see the same batches.
"""

from anatomy.reporting.claims import Finding, above, claim, decide
from anatomy.reporting.evidence import Case, NotTestedError
from anatomy.studies.subspaces.evidence import (
    SubspaceEvidence,
    every_line,
    of_kind,
    over_seeds,
    standard,
)
from anatomy.studies.subspaces.tables import NEAR_THE_ENDS

# A difference in accuracy, or in calibration error, that would matter.
POINT = 0.005
WHY_POINT = (
    "half a point of accuracy is what the axes of the paper's figure 4 tell apart (91.3 to 93.5 % in all)"
)
# Seeds from which there is an interval over them.
FEWEST = 2


@claim(
    section="abstract",
    sentence="Using the subspace midpoint boosts accuracy (over the ends of the line).",
    uses={"subspaces_figure_4": "evaluations training"},
    quantity="accuracy of the mid-point minus the mean of the two ends; Student's interval over seeds",
    null=0,
    threshold=0,
    effect=POINT,
    possible=(-1, 1),
    criterion="interval above 0",
    reason=f"boosts says any difference; {WHY_POINT}",
)
def mid_point_above_the_ends(case: Case, threshold: float) -> Finding:
    """Compare three points of each line."""
    return every_line(case, "subspaces_figure_4", threshold, lambda line: line.middle() - line.ends())


@claim(
    section="abstract",
    sentence="Using the subspace midpoint boosts accuracy (over standard training).",
    uses={"subspaces_figure_4": "evaluations training"},
    quantity="accuracy of the mid-point of a line minus that of standard training with the same seed; "
    "Student's interval over seeds",
    null=0,
    threshold=0,
    effect=POINT,
    possible=(-1, 1),
    criterion="interval above 0",
    reason=f"boosts says any difference; {WHY_POINT}",
)
def mid_point_above_standard_training(case: Case, threshold: float) -> Finding:
    """Compare runs of the same seed."""
    other = standard(case, "subspaces_figure_4").middle()
    return every_line(case, "subspaces_figure_4", threshold, lambda line: line.middle() - other)


@claim(
    section="abstract",
    sentence="Using the subspace midpoint boosts calibration.",
    uses={"subspaces_calibration": "evaluations training"},
    quantity="expected calibration error of standard training minus that of the mid-point of a line with "
    "the same seed; Student's interval over seeds",
    null=0,
    threshold=0,
    effect=POINT,
    possible=(-1, 1),
    criterion="interval above 0",
    reason="boosts says any difference; half a point of confidence is as much as half a point of accuracy",
)
def mid_point_better_calibrated(case: Case, threshold: float) -> Finding:
    """Compare runs of the same seed."""
    other = standard(case, "subspaces_calibration").middle("ece")
    return every_line(case, "subspaces_calibration", threshold, lambda line: other - line.middle("ece"))


@claim(
    section="abstract",
    sentence="We learn lines, curves, and simplexes of high-accuracy neural networks.",
    uses={"subspaces_figure_4": "evaluations training"},
    quantity="accuracy of the least accurate point of a line or curve minus that of standard training with "
    "the same seed, of the worst line or curve; Student's interval over seeds",
    null=-0.1,
    threshold=-0.02,
    possible=(-1, 1),
    criterion="interval above -0.02",
    reason="the panel of the paper's figure 4 spans 2.2 points; ten points less would be another network",
)
def every_point_accurate(case: Case, threshold: float) -> Finding:
    """Compare the worst point of every line and curve with standard training."""
    other, differences = standard(case, "subspaces_figure_4").middle(), {}
    for own in of_kind(case.trained("subspaces_figure_4"), "a line or a curve", _is_path):
        differences[own.name] = (own.lowest() - other).dropna()
    several = {name: own for name, own in differences.items() if len(own) >= FEWEST}
    if several and (left_out := sorted(differences.keys() - several.keys())):
        case.notes.append(f"left out, a single seed: {', '.join(left_out)}")
    judged = several or differences
    found = [above(threshold, *over_seeds(own, name, len(judged))) for name, own in judged.items()]
    return decide(found, "lines and curves")


@claim(
    section="abstract",
    sentence="These neural network subspaces contain diverse solutions that can be ensembled, approaching "
    "the ensemble performance of independently trained networks.",
    uses={"subspaces_figure_4": "evaluations ensembles training"},
    quantity="accuracy of the ensemble of two points near the ends (alpha 0.2 and 0.8) of a line, minus the "
    "mean of that of the network of the same seed and of its ensembles with another one; Student's interval "
    "over seeds",
    null=0,
    threshold=0,
    effect=POINT,
    possible=(-1, 1),
    criterion="interval above 0: beyond half of the way from one network to two",
    reason=f"approaching says no number; half of the way is nearer to two networks than to one. {WHY_POINT}",
)
def two_points_approach_two_networks(case: Case, threshold: float) -> Finding:
    """Compare with the half of the way from one network to two."""
    other = standard(case, "subspaces_figure_4")
    one, two = other.middle(), other.two_seeds()
    if two.mean() <= one.mean():
        raise NotTestedError(
            f"two networks of {other.name} together are no better than one: nothing to approach"
        )
    halfway = (one + two) / 2
    return every_line(
        case, "subspaces_figure_4", threshold, lambda line: line.of_pair(NEAR_THE_ENDS) - halfway
    )


@claim(
    section="abstract",
    sentence="Using the subspace midpoint boosts accuracy, outperforming Stochastic Weight Averaging.",
    uses={"subspaces_swa": "evaluations training"},
    quantity="accuracy of the mid-point of a line minus that of the average of snapshots of a run of the "
    "same seed; Student's interval over seeds",
    null=0,
    threshold=0,
    effect=POINT,
    possible=(-1, 1),
    criterion="interval above 0",
    reason=f"outperforming says any difference; {WHY_POINT}",
)
def mid_point_above_averaged_weights(case: Case, threshold: float) -> Finding:
    """Compare runs of the same seed."""
    averaging = of_kind(
        case.trained("subspaces_swa"), "averages snapshots", lambda each: not each.average().empty
    )
    other = averaging[0].average()
    return every_line(case, "subspaces_swa", threshold, lambda line: line.middle() - other)


def _is_path(evidence: SubspaceEvidence) -> bool:
    return evidence.kind in ("line", "bezier")
