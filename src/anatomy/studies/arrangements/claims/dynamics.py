"""Sections 3.4, A.2, A.7 and A.8: late flips, schedules, full agreement, and the polarity of edges."""

import math
from dataclasses import replace

import numpy as np

from anatomy.reporting import resampling, statistics
from anatomy.reporting.claims import Finding, above, below, claim, decide, rank
from anatomy.reporting.evidence import Case, NotTestedError
from anatomy.studies.arrangements.evidence import (
    BIASED,
    EFFECT,
    WHY_BIASED,
    WHY_EFFECT,
    LayerEvidence,
    corrected,
    distances,
    same_network,
    seeds_in_words,
)
from anatomy.studies.arrangements.tables import SIGNIFICANCE


@claim(
    section="3.4",
    sentence="On ImageNet almost all layers of VGG19 first show a strong bias towards negative projections; "
    "towards the end of training layers 2, 6 and 7 show a strong bias towards positive projections.",
    uses={"figure_08": "n_l training"},
    quantity="fraction of negative filters at the last epoch, of the layer of 2, 6 and 7 that speaks most "
    "against it; interval over seeds",
    null=0.5,
    threshold=1 - BIASED,
    possible=(0, 1),
    criterion="interval of each of the three layers below 1/3, and above 2/3 at the earlier epoch at which "
    "most filters of the whole network are negative",
    reason=f"1/3 is two positive filters for each negative one: {WHY_BIASED}; the epoch is one of the whole "
    f"network, "
    "as the best of many epochs of each layer would be above 2/3 by chance",
)
def sign_flips_late(case: Case, threshold: float) -> Finding:
    """Judge layers 2, 6 and 7 of figure 8 at the last epoch, and whether they were negative before."""
    (evidence, *_) = case.trained("figure_08")
    layers, counts = [2, 6, 7], evidence.counts
    if len(counts.epochs) < 2:
        raise NotTestedError(f"{evidence.name} has one epoch; a flip needs an earlier one")
    end = evidence.fractions(layers)
    most = int(np.argmax(counts.negative[:, :-1].sum((0, 2)) / counts.filters[:, :-1].sum((0, 2))))
    before = evidence.fractions(layers, counts.epochs[most])
    # Both epochs together, so that limits are corrected for all six fractions.
    (_, narrow_end, wide_end), (_, narrow, wide) = corrected([end, before], statistics.fraction_interval)
    findings = []
    for index in range(len(layers)):
        numbers = end.values[index], wide_end[0][index], narrow_end[1][index]
        flipped = below(threshold, *numbers, end.words(index))
        earlier = above(1 - threshold, before.values[index], narrow[0][index], wide[1][index])
        findings.append(_both(flipped, earlier, counts.epochs[most]))
    return decide(findings)


def _both(flipped: Finding, earlier: Finding, epoch: int) -> Finding:
    """Return what speaks more against a flip: the end, or that the layer was not negative before."""
    if earlier.supported or rank(flipped) < rank(earlier):
        return flipped
    word = "not negative" if earlier.supported is False else "inconclusive whether negative"
    note = f"{flipped.note}; {word} in epoch {epoch}"
    return replace(flipped, supported=earlier.supported, margin=earlier.margin, note=note)


@claim(
    section="A.8",
    sentence="The step schedule results in reduced variance of our statistic across independent runs.",
    uses={"figure_22": "n_l training"},
    quantity="standard deviation of n_l over seeds, root mean square over layers and epochs after 0, step "
    "divided by smooth, of the pair where the step schedule helps least; interval by rotation of seeds",
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
            findings[names] = less_spread(*map(case.learned, pair), threshold, len(evidences) // 2)
            judged |= set(names)
        except NotTestedError as reason:
            case.notes.append(f"left out: {names[0]} against {names[1]}, {reason}")
    if len(evidences) % 2:
        case.notes.append(f"left out: {evidences[-1].name}, which has no partner")
    if not findings:
        raise NotTestedError("no pair can be compared")
    case.used = [evidence for evidence in case.used if evidence.name in judged]
    return decide(list(findings.values()), "pairs")


def less_spread(step: LayerEvidence, smooth: LayerEvidence, threshold: float, pairs: int) -> Finding:
    """Judge one pair of schedules of so many."""
    same_network(step, smooth)
    both = (step, smooth)
    for evidence in both:
        if len(evidence.counts.seeds) < 2:
            raise NotTestedError(f"{evidence.name} has one seed; a spread needs two or more")
    shared = set.intersection(*(set(evidence.counts.epochs) for evidence in both))
    epochs = sorted(epoch for epoch in shared if epoch > 0)
    if not epochs:
        raise NotTestedError(f"{step.name} and {smooth.name} share no epoch")
    samples = []
    for counts in (evidence.counts for evidence in both):
        where = [counts.epochs.index(epoch) for epoch in epochs]
        with np.errstate(invalid="ignore"):
            n_l = counts.negative[:, where] / counts.filters[:, where]
        samples.append(n_l.reshape(len(n_l), -1))
    known = np.isfinite(np.concatenate(samples)).all(0)
    samples = [sample[:, known] for sample in samples]
    value, low, high = resampling.spread_ratio(*samples)
    if pairs > 1:
        low = resampling.spread_ratio(*samples, statistics.simultaneous(pairs))[1]
    if np.isnan(value):
        raise NotTestedError(f"the seeds of {smooth.name} do not differ")
    return below(threshold, value, low, high, f"{step.name} against {smooth.name}, {len(epochs)} epochs")


@claim(
    section="A.2",
    sentence="The bias is statistically significant: the probability of all polyhedra of a layer of F "
    "filters to be aligned is F/2^F, which is fairly small.",
    uses={"figure_05": "n_l training", "figure_07": "n_l training", "figure_08": "n_l training"},
    quantity="probability at initialisation of as many (seed, layer) pairs whose filters all have the same "
    "sign as at the last epoch, or more; exact",
    null=0,
    threshold=SIGNIFICANCE,
    possible=(0, 1),
    criterion="probability below 0.05; not supported if that of as few pairs or fewer is below 0.05",
    reason="the usual level; the exact probability that F random signs agree is 2^(1-F), twice 2^-F, and "
    "the paper's F/2^F is larger for F > 2; the note has the number of pairs, and that expected by each; "
    "half and double are those of the level, counted from 0",
)
def full_agreement_beyond_chance(case: Case, threshold: float) -> Finding:
    """Count layers in full agreement, and compare with random signs."""
    sizes, agreeing = [], []
    for evidence in case.trained_of_any(["figure_05", "figure_07", "figure_08"]):
        last = evidence.fractions()
        whole = last.filters == evidence.counts.sizes
        sizes.append(last.filters[whole])
        agreeing.append(((last.negative == 0) | (last.negative == last.filters))[whole])
    filters, count = np.concatenate(sizes).astype(float), int(np.concatenate(agreeing).sum())
    exact, printed = np.minimum(2.0 ** (1 - filters), 1), np.minimum(filters * 2.0**-filters, 1)
    chances = statistics.count_distribution(exact)
    as_many, as_few = chances[count:].sum(), chances[: count + 1].sum()
    supported = True if as_many < threshold else False if as_few < SIGNIFICANCE else None
    note = (
        f"{count} of {len(filters)} pairs; expected at initialisation {exact.sum():.3g} by 2^(1-F), "
        f"{printed.sum():.3g} by F/2^F"
    )
    if supported is None:
        what = "agreement of all pairs" if chances[-1] >= threshold else "so many"
        note += f"; inconclusive: {what} would be no surprise"
    return Finding(float(as_many), None, None, supported, note)


@claim(
    section="3.2, A.7",
    sentence="An edge and its inverse both appear in natural images, but only one kind of edge in MNIST: "
    "with one polarity the first layer might not need to learn the inverse of a filter.",
    uses={"figure_polarity": "n_l training"},
    quantity="mean over seeds of |n_1 - 1/2| at the last epoch, networks trained on digits of one polarity "
    "minus those on both; interval over seeds, whose errors are at least binomial",
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
    (single, error), (both, other_error) = (distances(each.fractions([1])) for each in evidences[:2])
    if not len(single) or not len(both):
        raise NotTestedError("no filter of the first layer has a cosine")
    note = f"{single.mean():.3f} with one polarity ({seeds_in_words(len(single))}), "
    note += f"{both.mean():.3f} with both ({seeds_in_words(len(both))})"
    interval = statistics.difference_interval(single, both, least_errors=(error, other_error))
    return above(threshold, single.mean() - both.mean(), *interval, note)
