"""Section 3: ends are kept apart, in weights and in what they predict."""

import math

import pandas as pd

from anatomy.reporting.claims import Finding, above, claim
from anatomy.reporting.evidence import Case, NotTestedError
from anatomy.studies.subspaces.evidence import every_line, lines, of_kind, over_seeds, standard


@claim(
    section="3",
    sentence="The regularisation (beta) keeps the ends of a line apart.",
    uses={"subspaces_ends": "evaluations geometry training"},
    quantity="logarithm to base 10 of the squared cosine of the ends without beta over that with it, of the "
    "same seed; Student's interval over seeds",
    null=0,
    threshold=1,
    possible=(-math.inf, math.inf),
    criterion="interval above 1: ten times the squared cosine without beta",
    reason="the squared cosine of random weights is of the order of one millionth, of equal ones it is 1; "
    "a factor of ten is far beyond what seeds differ by",
)
def beta_keeps_ends_apart(case: Case, threshold: float) -> Finding:
    """Compare the ends of lines with beta and without, of the same seed."""
    with_beta = lines(case, "subspaces_ends")
    without = of_kind(
        case.trained("subspaces_ends"), "a line with beta 0", lambda e: e.kind == "line" and not e.beta
    )
    ratios = _log(without[0].final_geometry("squared_cosine")) - _log(
        with_beta[0].final_geometry("squared_cosine")
    )
    return above(threshold, *over_seeds(ratios, f"{without[0].name} and {with_beta[0].name}"))


@claim(
    section="3",
    sentence="The ends of a line are diverse solutions, nearly as diverse as independent networks.",
    uses={"subspaces_ends": "evaluations training", "subspaces_figure_4": "evaluations ensembles training"},
    quantity="fraction of test images on which the two ends of a line disagree, over that of the network "
    "of the same seed and another one; Student's interval over seeds",
    null=0,
    threshold=0.5,
    possible=(0, math.inf),
    criterion="interval above 0.5",
    reason="the paper gives no number: nearer to independent networks than to equal ones",
)
def ends_as_diverse_as_independent_networks(case: Case, threshold: float) -> Finding:
    """Compare the disagreement of ends with that of pairs of seeds."""
    other = standard(case, "subspaces_figure_4")
    independent = other.two_seeds("disagreement")
    if not independent.all():
        raise NotTestedError(f"networks of {other.name} never disagree")
    return every_line(
        case, "subspaces_ends", threshold, lambda line: line.of_pair(0, "disagreement") / independent
    )


def _log(values: pd.Series) -> pd.Series:
    return values.map(math.log10)
