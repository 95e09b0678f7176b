"""Sections 3.3 and A.5: biased layers are critical to performance."""

import math
from dataclasses import replace

import numpy as np

from anatomy.reporting import statistics
from anatomy.reporting.claims import Finding, above, below, claim, decide
from anatomy.reporting.evidence import Case, NotTestedError
from anatomy.studies.arrangements.evidence import (
    CRITICAL,
    OF_BIAS,
    WHY_CRITICAL,
    all_negative,
    seeds_in_words,
    smallest_drop,
)
from anatomy.studies.arrangements.tables import correlation_of_bias


@claim(
    section="3.3",
    sentence="Layers with hyperplane arrangements that are biased towards regular configurations are "
    "critical to the performance of the network (VGG19 on CIFAR10).",
    uses={"figure_02": "n_l training reinitialisation", "figure_07": "n_l training"},
    quantity="Spearman's partial correlation over layers past the first, the depth of the layer held, of "
    "the noise-corrected bias at the last epoch and the drop when the layer is reset to initialisation; "
    "interval by permutation of layers",
    null=0,
    threshold=0,
    effect=0.3,
    possible=(-1, 1),
    criterion="interval above 0, and the correlation without regard to depth above 0",
    reason="without any relation but to depth the correlation is 0: n_l of few filters is far from 1/2 by "
    "chance, which the noise-corrected bias is not, and both bias and drop may fall with depth; the paper "
    "excepts layer 1 (caption of figure 2); 0.3 is a correlation of middle size (Cohen 1988)",
)
def biased_layers_critical(case: Case, threshold: float) -> Finding:
    """Correlate bias and criticality of the experiment of figures 2 and 7."""
    (evidence, *_), (other, *_) = case.trained("figure_02"), case.experiments("figure_07")
    if evidence.name != other.name:
        raise NotTestedError("figure_02 and figure_07 draw different experiments")
    layers, drops = evidence.drops.layers, evidence.drops.absolute
    later = [layer for layer in layers if layer > 1]
    fractions = evidence.fractions(later)
    kept = [layers.index(layer) for layer in later]
    found = correlation_of_bias(fractions.negative, fractions.filters, drops[:, kept])
    note = f"{len(later)} layers, {seeds_in_words(len(drops))}"
    if np.isnan(found["partial"]):
        raise NotTestedError(
            f"bias or drops of {evidence.name} are the same in all layers, or follow depth alone"
        )
    note += f"; without regard to depth {found['rho']:.2f} ({found['low']:.2f} to {found['high']:.2f})"
    judged = above(threshold, found["partial"], found["partial_low"], found["partial_high"], note)
    if judged.supported and not found["rho"] > 0:
        return replace(
            judged, supported=None, note=f"{note}; inconclusive: biased layers are not the critical ones"
        )
    return judged


@claim(
    section="3.3",
    sentence="For CIFAR10, only the first 8 layers of VGG19 are critical, while the remaining convolutional "
    "layers can be reset to their value at initialization without considerable performance loss.",
    uses={"figure_02": "training reinitialisation"},
    quantity="relative drop in test accuracy when a layer is reset to initialisation, of the layer most on "
    "the wrong side, which the note names; interval over seeds",
    null=0,
    threshold=CRITICAL,
    possible=(-math.inf, 1),
    criterion="interval above 0.1 for each of layers 1 to 8, below it for each of the others",
    reason=WHY_CRITICAL,
)
def first_eight_layers_critical(case: Case, threshold: float) -> Finding:
    """Compare the drops of layers 1 to 8 and of the others with the same limit."""
    (evidence, *_) = case.trained("figure_02")
    layers, drops = evidence.drops.layers, evidence.drops.relative
    evidence.existing(range(1, 10))
    level = statistics.simultaneous(len(layers))
    narrow, wide = statistics.mean_interval(drops.T), statistics.mean_interval(drops.T, level)
    findings = []
    for index, layer in enumerate(layers):
        value, words = drops[:, index].mean(), f"layer {layer}, {seeds_in_words(len(drops))}"
        if layer <= 8:
            findings.append(
                above(threshold, value, narrow[0][index], wide[1][index], f"{words}, should lie above")
            )
        else:
            findings.append(
                below(threshold, value, wide[0][index], narrow[1][index], f"{words}, should lie below")
            )
    found = decide(findings)
    pairs = zip(layers, findings, strict=True)
    wrong = [str(layer) for layer, one in pairs if one.supported is False]
    return (
        replace(found, note=f"{found.note}; on the wrong side: layer {', '.join(wrong)}") if wrong else found
    )


@claim(
    section="A.5",
    sentence="On CIFAR100, layers 9 and 10 of VGG19 are critical to performance.",
    uses={"figure_16": "training reinitialisation"},
    quantity="relative drop in test accuracy when layer 9 or 10 is reset to initialisation, of the less "
    "critical; interval over seeds",
    null=0,
    threshold=CRITICAL,
    possible=(-math.inf, 1),
    criterion="interval above 0.1",
    reason=WHY_CRITICAL,
)
def layers_9_and_10_critical(case: Case, threshold: float) -> Finding:
    """Judge layers 9 and 10 of figure 16."""
    return smallest_drop(case.trained("figure_16"), threshold, [9, 10])


@claim(
    section="A.5",
    sentence="On CIFAR100, this is reflected by a strong bias of layers 9 and 10 in their cumulative "
    "distribution of negative projections.",
    uses={"figure_17": "n_l training"},
    quantity="fraction of negative filters at the last epoch, of the less biased of layers 9 and 10; "
    "interval over seeds",
    criterion="interval above 2/3",
    **OF_BIAS,
)
def layers_9_and_10_biased(case: Case, threshold: float) -> Finding:
    """Judge layers 9 and 10 of figure 17."""
    return decide(all_negative(case.trained("figure_17")[0].fractions([9, 10]), threshold))


@claim(
    section="A.5",
    sentence="On ImageNet, both VGG19 and AlexNet make use of their full capacity: all layers are critical "
    "to performance.",
    uses={"figure_18": "training reinitialisation", "figure_19": "training reinitialisation"},
    quantity="relative drop in test accuracy when a layer is reset to initialisation, of the least critical "
    "of all layers; interval over seeds",
    null=0,
    threshold=CRITICAL,
    possible=(-math.inf, 1),
    criterion="interval above 0.1",
    reason=WHY_CRITICAL,
)
def all_layers_critical_on_imagenet(case: Case, threshold: float) -> Finding:
    """Judge all layers of figures 18 and 19; both are needed."""
    return smallest_drop([*case.trained("figure_18"), *case.trained("figure_19")], threshold)
