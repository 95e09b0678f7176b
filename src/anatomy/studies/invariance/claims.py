"""The paper's checkable sentences, judged on the pairs of networks of the figure of layers.

Numbers are means over seeds with Student's interval, so that a single seed decides nothing; of several
networks the one that speaks most against a sentence counts.
"""

import sys

from anatomy.reporting.claims import Finding, claim, claims_of
from anatomy.reporting.evidence import Case
from anatomy.studies.invariance.evidence import (
    OVER_SEEDS,
    InvarianceEvidence,
    all_above,
    all_below,
    correlations_above,
    of_networks,
    pairs,
)

EVIDENCE = InvarianceEvidence

# Difference of M that would matter, where a claim is of any difference.
EFFECT = 0.1
WHY_EFFECT = "0.1 is a tenth of what a unit varies by from image to image"
# Of the published values none is on the other side: 32, 32 and 15 of 16 differences.
WHY_ANY = f"any difference, as all published ones have one sign; {WHY_EFFECT}"


@claim(
    section="published table",
    sentence="Networks trained on rotated images are more invariant to rotation than those trained on plain"
    " ones.",
    uses={"invariance_layers": "network_invariance training"},
    quantity="mean M over all units (all images) of the network trained on rotated images, minus that of "
    "the one trained on plain images; of the pair with the least difference",
    null=0,
    threshold=0,
    effect=-EFFECT,
    criterion="interval below 0",
    reason=WHY_ANY,
)
def rotated_training_lowers_m(case: Case, threshold: float) -> Finding:
    """Judge the differences of pairs, seed by seed."""
    named = [
        (
            f"{pair.rotated.name} against {pair.plain.name}",
            (pair.rotated.pooled() - pair.plain.pooled()).to_numpy(),
        )
        for pair in pairs(case)
    ]
    return all_below(named, threshold, "pairs")


@claim(
    section="published table",
    sentence="The measure over all images is below the one within classes (stratified).",
    uses={"invariance_layers": "network_invariance training"},
    quantity="mean M over all units of all images, minus that of the stratified kind; of the network with "
    "the least difference",
    null=0,
    threshold=0,
    effect=-EFFECT,
    criterion="interval below 0",
    reason=WHY_ANY,
)
def all_images_below_stratified(case: Case, threshold: float) -> Finding:
    """Judge both networks of every pair."""
    return all_below(of_networks(case, lambda own: own.pooled("all") - own.pooled("stratified")), threshold)


@claim(
    section="published table",
    sentence="Aggregated by their mean, feature maps are more invariant than by their maximum.",
    uses={"invariance_layers": "network_invariance training"},
    quantity="mean M over all units (all images) by the mean of maps, minus that by the maximum; of the "
    "network with the least difference",
    null=0,
    threshold=0,
    effect=-EFFECT,
    criterion="interval below 0",
    reason=WHY_ANY,
)
def mean_of_maps_below_maximum(case: Case, threshold: float) -> Finding:
    """Judge both networks of every pair, where both aggregations are measured."""
    return all_below(
        of_networks(case, lambda own: own.pooled("all", "mean") - own.pooled("all", "max")), threshold
    )


@claim(
    section="abstract",
    sentence="Lower layers are the most invariant.",
    uses={"invariance_layers": "layer_invariance network_invariance training"},
    quantity="Spearman's correlation over layers between position and mean M (all images); of the network "
    "with the lowest",
    null=0,
    threshold=0,
    effect=0.3,
    possible=(-1, 1),
    criterion="interval above 0",
    reason="the abstract gives no number; 0.3 is a weak correlation that one would still see",
)
def lower_layers_most_invariant(case: Case, threshold: float) -> Finding:
    """Judge both networks of every pair."""
    return all_above(of_networks(case, lambda own: own.depth_correlation()), threshold)


@claim(
    section="abstract",
    sentence="The invariance of the output is class conditional.",
    uses={"invariance_layers": "outputs network_invariance training"},
    quantity="correlation between two seeds of M of outputs by class, each output's mean taken away, mean "
    "over pairs of seeds; of the network with the lowest",
    null=0,
    threshold=0,
    effect=0.3,
    possible=(-1, 1),
    criterion="interval above 0",
    reason="differences between classes that are chance do not agree between seeds; 0.3 is a weak agreement",
)
def output_depends_on_the_class(case: Case, threshold: float) -> Finding:
    """Judge both networks of every pair."""
    networks = [own for pair in pairs(case) for own in pair]
    named = [(own.name, own.class_agreement()) for own in networks]
    # Classes are taken for independent, the outputs of a class are not.
    return correlations_above(named, threshold, min(own.classes for own in networks))


@claim(
    section="later paper",
    sentence="The measure is stable to the random initialisation of a network.",
    uses={"invariance_stability": "epochs training"},
    quantity="correlation over layers between mean M (all images) of two networks that differ by their seed, "
    "mean over pairs of seeds; of trained or untrained networks, the lower",
    null=0,
    threshold=0.9,
    possible=(-1, 1),
    criterion="interval above 0.9",
    reason="with 0.9 a fifth of what differs between layers is of the seed; the paper gives no number",
)
def stable_to_initialisation(case: Case, threshold: float) -> Finding:
    """Judge every experiment, after training and at initialisation."""
    named = []
    for own in case.trained(OVER_SEEDS):
        named.append((f"{own.name}, untrained", own.seed_correlations(0)))
        named.append((f"{own.name}, trained", own.seed_correlations()))
    return correlations_above(named, threshold)


CLAIMS = claims_of(sys.modules[__name__])
