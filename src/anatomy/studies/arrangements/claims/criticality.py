"""Sections 3.3 and A.5: biased layers are critical to performance."""

import math
from dataclasses import replace

import numpy as np

from anatomy.reporting.claims import Finding, above, claim
from anatomy.reporting.evidence import Case, NotTestedError
from anatomy.studies.arrangements.evidence import (
    CRITICAL,
    OF_BIAS,
    WHY_CRITICAL,
    all_negative,
    over_seeds,
    smallest_drop,
)
from anatomy.studies.arrangements.tables import criticality


@claim(
    section="3.3",
    sentence="Layers with hyperplane arrangements that are biased towards regular configurations are "
    "critical to the performance of the network (VGG19 on CIFAR10).",
    uses={"figure_02": "n_l training reinitialisation", "figure_07": "n_l training"},
    quantity="Spearman correlation over layers past the first of |n_l - 1/2| at the last epoch and the drop "
    "when the layer is reset to initialisation; interval by bootstrap over seeds",
    null=0,
    threshold=0,
    effect=0.3,
    possible=(-1, 1),
    criterion="interval above 0",
    reason="without any relation the correlation is 0; the paper excepts layer 1 (caption of figure 2); "
    "0.3 is a correlation of middle size (Cohen 1988)",
)
def biased_layers_critical(case: Case, threshold: float) -> Finding:
    """Correlate bias and criticality of the experiment of figures 2 and 7."""
    (evidence, *_), (other, *_) = case.trained("figure_02"), case.experiments("figure_07")
    if evidence.name != other.name:
        raise NotTestedError("figure_02 and figure_07 draw different experiments")
    evidence.relative_drops()
    found = criticality(evidence.table("n_l"), evidence.table("reinitialisation"), first=2)
    if np.isnan(found["rho"]):
        raise NotTestedError(f"bias or drops of {evidence.name} are the same in all layers")
    note = f"{found['count']} layers, {found['seeds']} seeds"
    return above(threshold, found["rho"], found["low"], found["high"], note)


@claim(
    section="3.3",
    sentence="For CIFAR10, only the first 8 layers of VGG19 are critical, while the remaining convolutional "
    "layers can be reset to their value at initialization without considerable performance loss.",
    uses={"figure_02": "training reinitialisation"},
    quantity="margin to a relative drop of 10 % of the layer most on the wrong side: layers 1 to 8 should "
    "lie above it, the others below; interval by bootstrap over seeds",
    null=0,
    threshold=CRITICAL,
    criterion="interval above 0, that is all layers on their side of a relative drop of 10 %",
    reason=WHY_CRITICAL,
)
def first_eight_layers_critical(case: Case, threshold: float) -> Finding:
    """Compare the drops of layers 1 to 8 and of the others with the same limit."""
    (evidence, *_) = case.trained("figure_02")
    drops = evidence.relative_drops()
    evidence.existing(range(1, 10))
    sides = np.where(drops.columns <= 8, 1, -1)
    margins = (drops - threshold) * sides
    found = above(0, *over_seeds(margins, lambda mean: mean.min(1)))
    each = [above(0, *over_seeds(margins[[layer]], lambda mean: mean[:, 0])) for layer in margins]
    wrong = [str(layer) for layer, one in zip(margins, each, strict=True) if one.supported is False]
    notes = [
        found.note,
        f"{sum(one.supported is True for one in each)} of {len(each)} layers on the right side",
        f"on the wrong side: layer {', '.join(wrong)}" if wrong else "",
    ]
    return replace(found, note="; ".join(filter(None, notes)))


@claim(
    section="A.5",
    sentence="On CIFAR100, layers 9 and 10 of VGG19 are critical to performance.",
    uses={"figure_16": "training reinitialisation"},
    quantity="relative drop in test accuracy when layer 9 or 10 is reset to initialisation, of the less "
    "critical; interval by bootstrap over seeds",
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
    quantity="fraction of negative filters at the last epoch, of the less biased of layers 9 and 10",
    criterion="interval above 2/3",
    **OF_BIAS,
)
def layers_9_and_10_biased(case: Case, threshold: float) -> Finding:
    """Judge layers 9 and 10 of figure 17."""
    return all_negative(case.trained("figure_17")[0].pooled([9, 10]), threshold)


@claim(
    section="A.5",
    sentence="On ImageNet, both VGG19 and AlexNet make use of their full capacity: all layers are critical "
    "to performance.",
    uses={"figure_18": "training reinitialisation", "figure_19": "training reinitialisation"},
    quantity="relative drop in test accuracy when a layer is reset to initialisation, of the least critical "
    "of all layers; interval by bootstrap over seeds",
    null=0,
    threshold=CRITICAL,
    possible=(-math.inf, 1),
    criterion="interval above 0.1",
    reason=WHY_CRITICAL,
)
def all_layers_critical_on_imagenet(case: Case, threshold: float) -> Finding:
    """Judge all layers of figures 18 and 19; both are needed."""
    return smallest_drop([*case.trained("figure_18"), *case.trained("figure_19")], threshold)
