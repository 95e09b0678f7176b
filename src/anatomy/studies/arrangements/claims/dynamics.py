"""Sections 3.4, A.2, A.7 and A.8: late flips, schedules, full agreement, and the polarity of edges."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from anatomy.reporting import statistics
from anatomy.reporting.claims import Finding, above, below, claim, decide, rank
from anatomy.reporting.evidence import Case, NotTestedError, finite
from anatomy.studies.arrangements.evidence import (
    BIASED,
    EFFECT,
    WHY_BIASED,
    WHY_EFFECT,
    LayerEvidence,
    bias_difference_interval,
    layer_in_words,
    mean_bias,
    same_network,
)
from anatomy.studies.arrangements.tables import (
    SIGNIFICANCE,
    defined_filters,
    epochs_in_order,
)


@claim(
    section="3.4",
    sentence="On ImageNet almost all layers of VGG19 first show a strong bias towards negative projections; "
    "towards the end of training layers 2, 6 and 7 show a strong bias towards positive projections.",
    uses={"figure_08": "n_l training"},
    quantity="fraction of negative filters at the last epoch, of the most negative of layers 2, 6 and 7",
    null=0.5,
    threshold=1 - BIASED,
    possible=(0, 1),
    criterion="interval below 1/3, and of each of the three layers above 2/3 at an earlier epoch",
    reason=f"1/3 is two positive filters for each negative one: {WHY_BIASED}",
)
def sign_flips_late(case: Case, threshold: float) -> Finding:
    """Judge layers 2, 6 and 7 of figure 8 at the last epoch, and whether they were negative before."""
    (evidence, *_) = case.trained("figure_08")
    layers = [2, 6, 7]
    epochs = epochs_in_order(evidence.table("n_l"))
    if len(epochs) < 2:
        raise NotTestedError(f"{evidence.name} has one epoch; a flip needs an earlier one")
    before = pd.concat([evidence.pooled(layers, epoch) for epoch in epochs[:-1]])
    return decide(
        [
            flip(row, before[before["layer"] == row.layer], threshold)
            for _, row in evidence.pooled(layers).iterrows()
        ]
    )


def flip(end: pd.Series, before: pd.DataFrame, threshold: float) -> Finding:
    """Judge whether a layer lies below the threshold at the end and lay as far above at an epoch before."""
    found = below(threshold, end["fraction"], end["low"], end["high"], layer_in_words(end))
    earlier = above(1 - threshold, before["fraction"].max(), before["low"].max(), before["high"].max())
    if earlier.supported or rank(found) < rank(earlier):
        return found
    word = "never negative before" if earlier.supported is False else "inconclusive whether negative before"
    note = f"{layer_in_words(end)}; {word}"
    return replace(found, supported=earlier.supported, margin=earlier.margin, note=note)


@claim(
    section="A.8",
    sentence="The step schedule results in reduced variance of our statistic across independent runs.",
    uses={"figure_22": "n_l training"},
    quantity="standard deviation of n_l over seeds, root mean square over layers and epochs after 0, step "
    "divided by smooth, of the pair where the step schedule helps least; interval by bootstrap over layers",
    null=1,
    threshold=1,
    effect=-0.2,
    possible=(0, math.inf),
    criterion="interval below 1",
    reason="1 is the same spread; variances are averaged, whose expectation does not depend on the number "
    "of seeds; a spread of 0.8 is two thirds of the variance",
)
def step_has_less_spread(case: Case, threshold: float) -> Finding:
    """Compare experiments of figure 22 in pairs, step then smooth, all that can be compared."""
    evidences = case.experiments("figure_22")
    if len(evidences) < 2:
        raise NotTestedError("figure_22 has no pair of experiments: step, then smooth")
    findings, judged = {}, set()
    for pair in zip(evidences[::2], evidences[1::2], strict=False):
        names = tuple(evidence.name for evidence in pair)
        try:
            findings[names] = spread_ratio(*map(case.learned, pair), threshold)
            judged |= set(names)
        except NotTestedError as reason:
            case.notes.append(f"left out: {names[0]} against {names[1]}, {reason}")
    if len(evidences) % 2:
        case.notes.append(f"left out: {evidences[-1].name}, which has no partner")
    if not findings:
        raise NotTestedError("no pair can be compared")
    case.used = [evidence for evidence in case.used if evidence.name in judged]
    return decide(list(findings.values()), "pairs")


def spread_ratio(step: LayerEvidence, smooth: LayerEvidence, threshold: float) -> Finding:
    """Judge one pair of schedules."""
    same_network(step, smooth)
    grids = []
    for evidence in (step, smooth):
        n_l = evidence.table("n_l")
        if n_l["seed"].nunique() < 2:
            raise NotTestedError(f"{evidence.name} has one seed; a spread needs two or more")
        variance = n_l[n_l["epoch"] > 0].groupby(["epoch", "layer"])["n_l"].var(ddof=1)
        grids.append(variance.unstack("layer"))
    epochs = grids[0].index.intersection(grids[1].index)
    if epochs.empty:
        raise NotTestedError(f"{step.name} and {smooth.name} share no epoch")
    a, b = (grid.loc[epochs].mean().to_numpy() for grid in grids)
    if not b.any():
        raise NotTestedError(f"the seeds of {smooth.name} do not differ")

    def ratio(weights: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.sqrt((weights @ a) / (weights @ b))

    value = ratio(np.full((1, len(a)), 1 / len(a)))[0]
    note = f"{step.name} against {smooth.name}, {len(epochs)} epochs"
    return below(threshold, value, *statistics.bootstrap_interval(len(a), ratio), note)


@claim(
    section="A.2",
    sentence="The bias is statistically significant: the probability of all polyhedra of a layer of F "
    "filters to be aligned is F/2^F, which is fairly small.",
    uses={"figure_05": "n_l training", "figure_07": "n_l training", "figure_08": "n_l training"},
    quantity="number of (seed, layer) pairs at the last epoch whose filters all have the same sign; interval "
    "exact",
    null=0,
    threshold=SIGNIFICANCE,
    possible=(0, 1),
    criterion="probability below 0.05 of as many at initialisation",
    reason="the usual level; the exact probability that F random signs agree is 2^(1-F), twice 2^-F, and "
    "the paper's F/2^F is larger for F > 2; the note has the number expected by each; half and "
    "double are those of the level",
)
def full_agreement_beyond_chance(case: Case, threshold: float) -> Finding:
    """Count layers in full agreement, and compare with random signs."""
    rows = []
    for evidence in case.trained_of_any(["figure_05", "figure_07", "figure_08"]):
        n_l = evidence.table("n_l")
        last = n_l[n_l["epoch"] == epochs_in_order(n_l)[-1]]
        rows.append(last[defined_filters(last) == last["filters"]])
    last = pd.concat(rows)
    filters = last["filters"].to_numpy(float)
    count = int(last["n_l"].isin([0, 1]).sum())
    exact, printed = np.minimum(2.0 ** (1 - filters), 1), np.minimum(filters * 2.0**-filters, 1)
    chances = statistics.count_distribution(exact)
    p_value = chances[count:].sum()
    limits = (float(limit) * len(last) for limit in statistics.binomial_interval(count, len(last)))
    note = (
        f"{count} of {len(last)} pairs; expected at initialisation {exact.sum():.3g} by 2^(1-F), "
        f"{printed.sum():.3g} by F/2^F; probability of {count} or more {p_value:.3g}"
    )
    if chances[-1] >= threshold:
        note += "; inconclusive: agreement of all pairs would be no surprise"
        return Finding(count, *map(finite, limits), None, note)
    return Finding(count, *limits, bool(p_value < threshold), note)


@claim(
    section="3.2, A.7",
    sentence="An edge and its inverse both appear in natural images, but only one kind of edge in MNIST: "
    "with one polarity the first layer might not need to learn the inverse of a filter.",
    uses={"figure_polarity": "n_l training"},
    quantity="mean over seeds of |n_1 - 1/2| at the last epoch, networks trained on digits of one polarity "
    "minus those on both; interval by bootstrap over the filters of each seed",
    null=0,
    threshold=0,
    effect=EFFECT,
    possible=(-0.5, 0.5),
    criterion="interval above 0",
    reason=f"any difference in the direction of the hypothesis, everything else being equal; {WHY_EFFECT}",
)
def one_polarity_biases_the_first_layer(case: Case, threshold: float) -> Finding:
    """Compare n_1 of the two experiments of the polarity figure: one polarity, then both."""
    evidences = case.trained("figure_polarity")
    if len(evidences) < 2:
        raise NotTestedError("figure_polarity has no pair of experiments: one polarity, then both")
    counts = [evidence.counts_by_seed(1) for evidence in evidences[:2]]
    single, both = (mean_bias(seeds) for seeds in counts)
    sizes = [f"{len(seeds)} seeds" for seeds in counts]
    note = f"{single:.3f} with one polarity ({sizes[0]}), {both:.3f} with both ({sizes[1]})"
    return above(threshold, single - both, *bias_difference_interval(*counts), note)
