"""The paper's checkable sentences, each judged by numbers of the experiments of its figures.

A claim is one function: it takes the experiments of its figures from a `Case`, and returns a `Finding` at a
threshold. Its sentence, quantity, threshold and the reason for that stand in the decorator above it. `CLAIMS`
and `EVIDENCE`, what they are judged on, are what the program that judges claims looks for.
"""

import sys

import pandas as pd

from anatomy.reporting.claims import Finding, above, claim, claims_of
from anatomy.reporting.evidence import Case
from anatomy.studies.curvature.evidence import (
    OF_TWO,
    CurvatureEvidence,
    all_above,
    all_near,
    correlation_over_seeds,
    experiments,
    fraction_over_seeds,
    log_ratio,
    pairs_over_seeds,
)

EVIDENCE = CurvatureEvidence
# log10 of a ratio of two: the effect that would matter where a claim is of any difference.
FACTOR_OF_TWO = 0.3


@claim(
    section="on figure 2",
    sentence="The number of outliers of the Hessian's spectrum equals the number of classes minus one "
    "(three Gaussian classes).",
    uses={"curvature_figure_2": "measures training"},
    quantity="eigenvalues larger than a tenth of the largest, minus (classes - 1); Student's interval over "
    "seeds, of whole numbers",
    null=0,
    threshold=0.5,
    criterion="interval between -0.5 and 0.5",
    reason="half an outlier: the mean rounds to classes - 1; a tenth of the largest gives the numbers that "
    "the paper marks for four of its five networks",
)
def outliers_are_classes_minus_one(case: Case, threshold: float) -> Finding:
    """Count the outliers of the experiment of figure 2."""
    (evidence,) = experiments(case, "curvature_figure_2", 1)
    return all_near(threshold, {evidence.name: evidence.outliers() - (evidence.classes - 1)}, "sets", 1)


@claim(
    section="on the additional figure",
    sentence="The same holds of the other sets of points.",
    uses={"curvature_figure_additional": "measures training"},
    quantity="eigenvalues larger than a tenth of the largest, minus (classes - 1), of the set farthest "
    "from 0; Student's interval over seeds, of whole numbers",
    null=0,
    threshold=0.5,
    criterion="interval between -0.5 and 0.5, for every set",
    reason="as on figure 2",
)
def outliers_follow_classes_elsewhere(case: Case, threshold: float) -> Finding:
    """Count the outliers of every experiment of the additional figure."""
    found = case.trained("curvature_figure_additional")
    return all_near(threshold, {own.name: own.outliers() - (own.classes - 1) for own in found}, "sets", 1)


@claim(
    section="on figure 2",
    sentence="Each of the top (classes - 1) eigenvectors encodes one section of the decision boundary: "
    "across it the alignment changes its sign, and not across the others.",
    uses={"curvature_figure_2": "sections measures training"},
    quantity="mean jump of A_i at its strongest section minus that at the next, of the eigenvector with "
    "the least, minus the same of random directions; Student's interval over seeds",
    null=0,
    threshold=0,
    effect=0.2,
    possible=(-1, 1),
    criterion="interval above 0",
    reason="the alignment with any direction on one side of a section is minus that on the other, by "
    "construction, so that only the size of the jump can tell, against random directions; 0.2 is a tenth of "
    "the range of A_i",
)
def alignment_marks_one_section(case: Case, threshold: float) -> Finding:
    """Compare jumps of alignments of figure 2 with those of random directions."""
    (evidence,) = experiments(case, "curvature_figure_2", 1)
    return all_above(threshold, {evidence.name: evidence.concentration()}, "networks")


@claim(
    section="on figure 3",
    sentence="The largest eigenvalue falls from normal to large-norm to adversarial training.",
    uses={"curvature_figure_3": "eigenvalues training"},
    quantity="log10 of the ratio of the largest eigenvalues, normal over large norm, and large norm over "
    "adversarial, seed by seed, the smaller; Student's interval over seeds",
    null=0,
    threshold=0,
    effect=FACTOR_OF_TWO,
    criterion="interval above 0",
    reason="equal sharpness is a ratio of one; 0.3 is a factor of two",
)
def sharpness_falls(case: Case, threshold: float) -> Finding:
    """Compare the largest eigenvalues of figure 3."""
    normal, adversarial, large = (own.eigenvalues(1) for own in experiments(case, "curvature_figure_3", 3))
    ratios = {
        "normal over large norm": log_ratio(normal, large),
        "large norm over adversarial": log_ratio(large, adversarial),
    }
    return all_above(threshold, ratios, "comparisons")


@claim(
    section="on figure 3",
    sentence="Yet the flattest of them, the adversarial minimum, generalises worst.",
    uses={"curvature_figure_3": "measures training"},
    quantity="test accuracy of normal, and of large-norm training, minus that of adversarial training, "
    "seed by seed, the smaller; Student's interval over seeds",
    null=0,
    threshold=0,
    effect=0.05,
    possible=(-1, 1),
    criterion="interval above 0",
    reason="without a difference it is 0; 0.05 is three of the 60 test points",
)
def adversarial_generalises_worst(case: Case, threshold: float) -> Finding:
    """Compare the test accuracies of figure 3."""
    found = experiments(case, "curvature_figure_3", 3)
    normal, adversarial, large = (own.measure("test_accuracy") for own in found)
    lost = {"against normal": normal - adversarial, "against large norm": large - adversarial}
    step = OF_TWO / found[0].measure("test_inputs").min()
    return all_above(threshold, lost, "comparisons", step)


@claim(
    section="on figure 3",
    sentence="The spectrum has more outliers where the decision boundary is more complex.",
    uses={"curvature_figure_3": "measures training"},
    quantity="outliers of adversarial training minus those of normal, and of large-norm training, seed by "
    "seed, the smaller; Student's interval over seeds, of whole numbers",
    null=0,
    threshold=0,
    effect=1,
    criterion="interval above 0",
    reason="boundaries of the same complexity would have as many; one outlier is the difference in the paper",
)
def more_outliers_for_complex_boundaries(case: Case, threshold: float) -> Finding:
    """Compare the numbers of outliers of figure 3."""
    normal, adversarial, large = (own.outliers() for own in experiments(case, "curvature_figure_3", 3))
    more = {"against normal": adversarial - normal, "against large norm": adversarial - large}
    return all_above(threshold, more, "comparisons", OF_TWO)


@claim(
    section="on figure 4",
    sentence="The measure G is larger for the more complex boundary of adversarial training.",
    uses={"curvature_figure_4": "generalisation training"},
    quantity="log10 of the ratio of G (eps_avg, curved eigenvectors), adversarial over normal, and over "
    "large norm, seed by seed, the smaller; Student's interval over seeds",
    null=0,
    threshold=0,
    effect=FACTOR_OF_TWO,
    criterion="interval above 0",
    reason="equal measures are a ratio of one; 0.3 is a factor of two",
)
def measure_grows_with_complexity(case: Case, threshold: float) -> Finding:
    """Compare G of figure 4."""
    normal, adversarial, large = (own.generalisation() for own in experiments(case, "curvature_figure_4", 3))
    ratios = {"over normal": log_ratio(adversarial, normal), "over large norm": log_ratio(adversarial, large)}
    return all_above(threshold, ratios, "comparisons")


@claim(
    section="on figure 5",
    sentence="The margin that is estimated from the top eigenvector is larger for the wide-margin minimum.",
    uses={"curvature_figure_5": "margins training"},
    quantity="log10 of the ratio of margins, wide over normal, of the paper's estimate, and of the "
    "distance of the nearest training point to the boundary, seed by seed, the smaller; "
    "Student's interval over seeds",
    null=0,
    threshold=0,
    effect=0.1,
    criterion="interval above 0",
    reason="equal margins are a ratio of one; 0.1 is a quarter more",
)
def wide_minimum_has_larger_margin(case: Case, threshold: float) -> Finding:
    """Compare the margins of figure 5, as estimated and as they are."""
    normal, wide = experiments(case, "curvature_figure_5", 2)
    words = {"the paper's estimate": "estimate", "the nearest point": "nearest"}
    ratios = {what: log_ratio(wide.margins(name), normal.margins(name)) for what, name in words.items()}
    return all_above(threshold, ratios, "margins")


@claim(
    section="on figure 5",
    sentence="The point that is found for the margin lies on the decision boundary.",
    uses={"curvature_figure_5": "margins training"},
    quantity="fraction of runs, of both experiments, whose point is no farther from the boundary than a "
    "tenth of the estimated margin; interval over seeds, at least the exact ones of runs and of seeds",
    null=1,
    threshold=0.5,
    possible=(0, 1),
    criterion="interval above 0.5",
    reason="the estimate is a margin only where its point is on the boundary: in most runs",
)
def representative_lies_on_the_boundary(case: Case, threshold: float) -> Finding:
    """Count the runs of figure 5 whose point lies on the boundary."""
    found = experiments(case, "curvature_figure_5", 2)
    return above(threshold, *fraction_over_seeds(pd.concat([own.margins("on_boundary") for own in found])))


@claim(
    section="on figure 5",
    sentence="The measure G is smaller for the wide-margin minimum.",
    uses={"curvature_figure_5": "generalisation training"},
    quantity="log10 of the ratio of G (eps_avg, curved eigenvectors), normal over wide, seed by seed; "
    "Student's interval over seeds",
    null=0,
    threshold=0,
    effect=FACTOR_OF_TWO,
    criterion="interval above 0",
    reason="equal measures are a ratio of one; 0.3 is a factor of two",
)
def wide_minimum_has_smaller_measure(case: Case, threshold: float) -> Finding:
    """Compare G of figure 5."""
    normal, wide = (own.generalisation() for own in experiments(case, "curvature_figure_5", 2))
    return all_above(threshold, {"normal over wide": log_ratio(normal, wide)}, "comparisons")


@claim(
    section="on figure 2",
    sentence="Alignments survive a reparametrisation that leaves the function as it is and changes the "
    "Hessian.",
    uses={"curvature_figure_2": "reparametrisation measures training"},
    quantity="correlation over training points of A_i before and after, of the top (classes - 1) "
    "eigenvectors the smallest; mean over seeds and Student's interval of Fisher's z = artanh(correlation)",
    null=0,
    threshold=0.9,
    possible=(0, 1),
    criterion="interval above 0.9",
    reason="the paper gives no number; at 0.9 four fifths of the variance are the same",
)
def alignments_survive_reparametrisation(case: Case, threshold: float) -> Finding:
    """Compare the alignments of figure 2 before and after."""
    (evidence,) = experiments(case, "curvature_figure_2", 1)
    return above(threshold, *correlation_over_seeds(evidence.reparametrised(), evidence.name))


@claim(
    section="on figure 2",
    sentence="Top eigenvectors of networks of other seeds agree on the decision boundary (not in the paper).",
    uses={"curvature_figure_2": "agreement measures training"},
    quantity="correlation over the plane of A_1 of two seeds, minus that of random directions, mean over "
    "pairs; interval by the jackknife over seeds",
    null=0,
    threshold=0,
    effect=0.3,
    possible=(-1, 1),
    criterion="interval above 0",
    reason="two random directions agree to the same extent if the boundary alone decides; 0.3 is a "
    "correlation of middle size (Cohen 1988)",
)
def seeds_agree_on_the_boundary(case: Case, threshold: float) -> Finding:
    """Correlate the maps of A_1 over pairs of seeds of figure 2."""
    (evidence,) = experiments(case, "curvature_figure_2", 1)
    return above(threshold, *pairs_over_seeds(evidence.agreement(), evidence.name))


CLAIMS = claims_of(sys.modules[__name__])
