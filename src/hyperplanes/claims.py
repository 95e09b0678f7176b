"""The paper's checkable sentences, each judged by numbers of the experiments of its figures.

A claim is one function: it takes the experiments of its figures from a `Case` and returns a `Finding`.
Its sentence, quantity, threshold and the reason for the threshold stand in the decorator above it.
`judging` says when an interval supports a claim.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from hyperplanes import statistics
from hyperplanes.evidence import (
    Case,
    Evidence,
    NotTestedError,
    finite,
    initial_networks,
    same_network,
    share_of_layer,
)
from hyperplanes.judging import (
    BIASED,
    CLAIMS,
    WHY_BIASED,
    WHY_CRITICAL,
    Claim,
    Finding,
    above,
    all_mixed,
    all_negative,
    below,
    claim,
    decide,
    inside,
    over_seeds,
    rank,
    smallest_drop,
)
from hyperplanes.tables import CRITICAL, SIGNIFICANCE, criticality, defined_filters, epochs_in_order

SUPPORTED, NOT_SUPPORTED, NOT_TESTED = "supported", "not supported", "not tested by this configuration"
VERDICTS = {True: SUPPORTED, False: NOT_SUPPORTED, None: NOT_TESTED}
COLUMNS = [
    *("id", "section", "sentence", "figures", "experiments", "data", "quantity"),
    *("value", "low", "high", "threshold", "reason", "verdict", "note"),
]

# What is true of random weights may fail by chance in this share of runs.
BY_CHANCE = 0.01
# The training loss has begun to fall when it is below this share of its value in the first epoch.
FALLEN = 0.9


@claim(
    section="3.2",
    sentence="At initialization the inner product is normally distributed with zero mean; all layers "
    "start from a mixed distribution (~50% negative projections).",
    uses={"figure_05": "n_l training", "figure_07": "n_l training"},
    quantity="share of negative filters at epoch 0, over all layers, seeds and experiments",
    threshold="interval between 1/3 and 2/3, and no layer with a Holm-corrected p below 0.01",
    reason=f"1/3 and 2/3 as for a biased layer: {WHY_BIASED}; each layer is tested, since biases of "
    "opposite sign would cancel; by chance one run in a hundred fails",
)
def unbiased_at_initialisation(case: Case) -> Finding:
    """Pool all filters at epoch 0, and test every layer of every experiment."""
    present = [figure for figure in ("figure_05", "figure_07") if case.figures.get(figure)]
    if not present:
        raise NotTestedError("none of figure_05, figure_07 is in the configuration")
    evidences = {e.name: e for figure in present for e in case.experiments(figure)}
    pooled, repeated = initial_networks(list(evidences.values()))
    rejected = (statistics.holm(pooled["p_value"].to_numpy()) < BY_CHANCE).sum()
    negative, filters = pooled["pooled_negative"].sum(), pooled["pooled_filters"].sum()
    low, high = map(float, statistics.binomial_interval(negative, filters))
    note = f"{filters} filters; {rejected} of {len(pooled)} layers differ from one half"
    note += f"; left out: {repeated} networks with the initial weights of another one" if repeated else ""
    if rejected:
        return Finding(negative / filters, low, high, False, note)
    return inside(1 - BIASED, BIASED, negative / filters, low, high, note)


@claim(
    section="3.2",
    sentence="During training, all layers past the first rapidly shift towards all-negative projections "
    "(AlexNet on ImageNet).",
    uses={"figure_05": "n_l training"},
    quantity="share of negative filters at the last epoch, of the least biased layer past the first",
    threshold="interval above 2/3",
    reason=WHY_BIASED,
)
def layers_past_the_first_biased(case: Case) -> Finding:
    """Judge layers 2 to the last of figure 5."""
    (evidence, *_) = case.trained("figure_05")
    pooled = evidence.pooled()
    return all_negative(pooled[pooled["layer"] > 1])


@claim(
    section="3.3",
    sentence="Layers 2-8 of VGG19, which play a crucial role for generalization, show also heavily biased "
    "configurations (CIFAR10).",
    uses={"figure_07": "n_l training"},
    quantity="share of negative filters at the last epoch, of the least biased of layers 2 to 8",
    threshold="interval above 2/3",
    reason=WHY_BIASED,
)
def layers_2_to_8_biased(case: Case) -> Finding:
    """Judge layers 2 to 8 of figure 7."""
    return all_negative(case.trained("figure_07")[0].pooled(range(2, 9)))


@claim(
    section="3.2, A.7",
    sentence="For all RGB datasets, the distribution of the first layer remains largely unbiased.",
    uses={figure: "n_l training" for figure in ("figure_05", "figure_07", "figure_08", "figure_21")},
    quantity="n_1 at the last epoch, of the RGB experiment farthest from one half",
    threshold="interval between 1/3 and 2/3",
    reason=WHY_BIASED,
)
def first_layer_unbiased_on_rgb(case: Case) -> Finding:
    """Judge layer 1 of every experiment with three channels."""
    evidences = case.trained_of_any(["figure_05", "figure_07", "figure_08", "figure_21"])
    return all_mixed(first_layers(case, evidences, 3, "RGB"))


@claim(
    section="A.7",
    sentence="The first layer of LeNet on MNIST shows considerable bias towards negative projections.",
    uses={"figure_21": "n_l training"},
    quantity="n_1 at the last epoch, of the least biased experiment on grey images",
    threshold="interval above 2/3",
    reason=WHY_BIASED,
)
def first_layer_biased_on_digits(case: Case) -> Finding:
    """Judge layer 1 of the experiments of figure 21 with one channel."""
    return all_negative(first_layers(case, case.trained_of_any(["figure_21"]), 1, "grey"))


def first_layers(case: Case, evidences: Sequence[Evidence], channels: int, word: str) -> pd.DataFrame:
    """Return layer 1 at the last epoch of the experiments whose images have so many channels."""
    chosen = [evidence for evidence in evidences if evidence.channels == channels]
    if not chosen:
        raise NotTestedError(f"no trained experiment of {', '.join(case.figures)} has {word} images")
    names = [evidence.name for evidence in chosen]
    case.used = [evidence for evidence in case.used if evidence.name in names]
    return pd.concat([evidence.pooled([1]) for evidence in chosen], ignore_index=True)


@claim(
    section="3.2, A.4",
    sentence="When the network fails to learn, the cumulative density is constant at 50% for all of the last "
    "8 layers.",
    uses={"figure_15": "n_l training"},
    quantity="share of negative filters at the last epoch, of the most biased of the last 8 layers",
    threshold="interval between 1/3 and 2/3",
    reason=WHY_BIASED,
)
def no_bias_without_learning(case: Case) -> Finding:
    """Judge the last layers of figure 15, if its networks have in fact failed."""
    (evidence, *_) = case.experiments("figure_15")
    try:
        learned = Case(case.figures).trained("figure_15")[0]
    except NotTestedError:
        pooled = evidence.pooled()
        case.notes.append(f"training accuracy at most {evidence.final_accuracies.max():.3g}")
        return all_mixed(pooled[pooled["layer"] > pooled["layer"].max() - 8])
    raise NotTestedError(
        f"{evidence.name} did not fail: training accuracy {learned.final_accuracies.max():.3g}, "
        f"chance {evidence.chance:.3g}"
    )


@claim(
    section="3.2",
    sentence="Under noisy labels, when the training loss starts decreasing, layers 2 to 5 start assuming "
    "more biased hyperplane configurations.",
    uses={"figure_06": "n_l training"},
    quantity="epochs from the first with a training loss below 90 % of that of epoch 1 to the first from "
    "which more than 2/3 of a layer's filters stay on one side, interval included: median of layers 2 to 5, "
    "from the earliest to the latest of them",
    threshold="median within a tenth of the epochs (or the widest gap between snapshots) of 0",
    reason="a tenth of the epochs is what one reads as the same time in figure 6; a loss that lies 10 % "
    "lower has left its plateau by more than it wavers",
)
def bias_when_noisy_loss_falls(case: Case) -> Finding:
    """Compare two epochs, if the loss has a plateau and leaves it."""
    (evidence, *_) = case.experiments("figure_06")
    loss = evidence.table("training").groupby("epoch")["train_loss"].mean().dropna()
    fallen = loss[loss < FALLEN * loss.iloc[0]]
    if fallen.empty:
        raise NotTestedError(f"the training loss of {evidence.name} does not fall below {FALLEN:.0%}")
    n_l = evidence.table("n_l")
    gaps = np.diff(epochs_in_order(n_l))
    tolerance = max(math.ceil(loss.index.max() / 10), int(gaps.max()))
    falls = int(fallen.index[0])
    if falls <= tolerance:
        raise NotTestedError(
            f"the training loss of {evidence.name} falls in epoch {falls}, too early for a bias before it"
        )
    layers = evidence.existing(range(2, 6))
    delays = biased_from(evidence, layers).to_numpy() - falls
    median = float(np.median(delays))
    missing = [str(layer) for layer, delay in zip(layers, delays, strict=True) if np.isinf(delay)]
    note = f"the loss falls in epoch {falls}; tolerance {tolerance} epochs"
    note += f"; not biased at the end: layer {', '.join(missing)}" if missing else ""
    return Finding(finite(median), finite(delays.min()), finite(delays.max()), abs(median) <= tolerance, note)


def biased_from(evidence: Evidence, layers: Sequence[int]) -> pd.Series:
    """Return by layer the first epoch from which it is biased to the end; infinite if there is none."""
    epochs = epochs_in_order(evidence.table("n_l"))
    pooled = {epoch: evidence.pooled(layers, epoch).set_index("layer") for epoch in epochs}
    biased = pd.DataFrame({e: (p["low"] > BIASED) | (p["high"] < 1 - BIASED) for e, p in pooled.items()})
    # Counted from the end, how many epochs in a row.
    lasting = biased.to_numpy()[:, ::-1].cumprod(axis=1).sum(axis=1)
    return pd.Series([[*epochs, np.inf][len(epochs) - count] for count in lasting], biased.index, float)


@claim(
    section="A.6",
    sentence="The statistical bias is reduced, compared to the case of clean data, when the pixels of the "
    "training images are shuffled.",
    uses={figure: "n_l training" for figure in ("figure_20", "figure_22", "figure_07")},
    quantity="mean over layers and seeds of |n_l - 1/2| at the last epoch that both runs have, clean minus "
    "shuffled; interval by bootstrap over layers",
    threshold="interval above 0",
    reason="reduced means any reduction that is consistent over layers; the clean run is that of the smooth "
    "schedule (figure 22), closest to the schedule of the shuffled one, else that of figure 7; where the "
    "runs differ in augmentation and weight decay too, the pixels alone need not be the cause",
)
def less_bias_under_pixel_shuffle(case: Case) -> Finding:
    """Compare the shuffled run with a clean one, layer by layer."""
    (shuffled, *_) = case.trained("figure_20")
    smooth = len(case.figures.get("figure_22", ())) > 1
    if not smooth and not case.figures.get("figure_07"):
        raise NotTestedError("no clean run: neither figure_22 nor figure_07 is in the configuration")
    clean = case.learned(case.experiments("figure_22" if smooth else "figure_07")[int(smooth)])
    case.used = [evidence for evidence in case.used if evidence.name in (shuffled.name, clean.name)]
    same_network(shuffled, clean)
    if shuffled.dataset != clean.dataset:
        raise NotTestedError(f"{shuffled.name} and {clean.name} have different images")
    tables = [evidence.table("n_l") for evidence in (clean, shuffled)]
    epoch = max(set(tables[0]["epoch"]) & set(tables[1]["epoch"]), default=0)
    if epoch < 1:
        raise NotTestedError(f"{shuffled.name} and {clean.name} share no epoch of training")
    means = []
    for table in tables:
        last = table[table["epoch"] == epoch]
        means.append((last["n_l"] - 0.5).abs().groupby(last["layer"]).mean())
    difference = (means[0] - means[1]).to_numpy()
    interval = statistics.bootstrap_interval(len(difference), lambda weights: weights @ difference)
    note = f"epoch {epoch}, the last of both: clean {means[0].mean():.3f} ({clean.name}), "
    note += f"shuffled {means[1].mean():.3f}"
    return above(0, difference.mean(), *interval, note)


@claim(
    section="3.3",
    sentence="Layers with hyperplane arrangements that are biased towards regular configurations are "
    "critical to the performance of the network (VGG19 on CIFAR10).",
    uses={"figure_02": "n_l training reinit", "figure_07": "n_l training"},
    quantity="Spearman correlation over layers past the first of |n_l - 1/2| at the last epoch and the drop "
    "when the layer is reset to initialisation; interval by bootstrap over seeds",
    threshold="interval above 0",
    reason="without any relation the correlation is 0; the paper excepts layer 1 (caption of figure 2)",
)
def biased_layers_critical(case: Case) -> Finding:
    """Correlate bias and criticality of the experiment of figures 2 and 7."""
    (evidence, *_), (other, *_) = case.trained("figure_02"), case.experiments("figure_07")
    if evidence.name != other.name:
        raise NotTestedError("figure_02 and figure_07 draw different experiments")
    evidence.relative_drops()
    found = criticality(evidence.table("n_l"), evidence.table("reinit"), first=2)
    if np.isnan(found["rho"]):
        raise NotTestedError(f"bias or drops of {evidence.name} are the same in all layers")
    note = f"{found['count']} layers, {found['seeds']} seeds"
    return above(0, found["rho"], found["low"], found["high"], note)


@claim(
    section="3.3",
    sentence="For CIFAR10, only the first 8 layers of VGG19 are critical, while the remaining convolutional "
    "layers can be reset to their value at initialization without considerable performance loss.",
    uses={"figure_02": "training reinit"},
    quantity="margin to a relative drop of 10 % of the layer most on the wrong side: layers 1 to 8 should "
    "lie above it, the others below; interval by bootstrap over seeds",
    threshold="interval above 0, that is all layers on their side of a relative drop of 10 %",
    reason=WHY_CRITICAL,
)
def first_eight_layers_critical(case: Case) -> Finding:
    """Compare the drops of layers 1 to 8 and of the others with the same limit."""
    (evidence, *_) = case.trained("figure_02")
    drops = evidence.relative_drops()
    evidence.existing(range(1, 10))
    sides = np.where(drops.columns <= 8, 1, -1)
    margins = (drops - CRITICAL) * sides
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
    uses={"figure_16": "training reinit"},
    quantity="relative drop in test accuracy when layer 9 or 10 is reset to initialisation, of the less "
    "critical; interval by bootstrap over seeds",
    threshold="interval above 0.1",
    reason=WHY_CRITICAL,
)
def layers_9_and_10_critical(case: Case) -> Finding:
    """Judge layers 9 and 10 of figure 16."""
    return smallest_drop(case.trained("figure_16"), [9, 10])


@claim(
    section="A.5",
    sentence="On CIFAR100, this is reflected by a strong bias of layers 9 and 10 in their cumulative "
    "distribution of negative projections.",
    uses={"figure_17": "n_l training"},
    quantity="share of negative filters at the last epoch, of the less biased of layers 9 and 10",
    threshold="interval above 2/3",
    reason=WHY_BIASED,
)
def layers_9_and_10_biased(case: Case) -> Finding:
    """Judge layers 9 and 10 of figure 17."""
    return all_negative(case.trained("figure_17")[0].pooled([9, 10]))


@claim(
    section="A.5",
    sentence="On ImageNet, both VGG19 and AlexNet make use of their full capacity: all layers are critical "
    "to performance.",
    uses={"figure_18": "training reinit", "figure_19": "training reinit"},
    quantity="relative drop in test accuracy when a layer is reset to initialisation, of the least critical "
    "of all layers; interval by bootstrap over seeds",
    threshold="interval above 0.1",
    reason=WHY_CRITICAL,
)
def all_layers_critical_on_imagenet(case: Case) -> Finding:
    """Judge all layers of figures 18 and 19; both are needed."""
    return smallest_drop([*case.trained("figure_18"), *case.trained("figure_19")])


@claim(
    section="3.4",
    sentence="On ImageNet almost all layers of VGG19 first show a strong bias towards negative projections; "
    "towards the end of training layers 2, 6 and 7 show a strong bias towards positive projections.",
    uses={"figure_08": "n_l training"},
    quantity="share of negative filters at the last epoch, of the most negative of layers 2, 6 and 7",
    threshold="interval below 1/3, and of each of the three layers above 2/3 at an earlier epoch",
    reason=f"1/3 is two positive filters for each negative one: {WHY_BIASED}",
)
def sign_flips_late(case: Case) -> Finding:
    """Judge layers 2, 6 and 7 of figure 8 at the last epoch, and whether they were negative before."""
    (evidence, *_) = case.trained("figure_08")
    layers = [2, 6, 7]
    epochs = epochs_in_order(evidence.table("n_l"))
    if len(epochs) < 2:
        raise NotTestedError(f"{evidence.name} has one epoch; a flip needs an earlier one")
    before = pd.concat([evidence.pooled(layers, epoch) for epoch in epochs[:-1]])
    return decide(
        [flip(row, before[before["layer"] == row.layer]) for _, row in evidence.pooled(layers).iterrows()]
    )


def flip(end: pd.Series, before: pd.DataFrame) -> Finding:
    """Judge whether a layer is positive at the end and was negative at an epoch before."""
    found = below(1 - BIASED, end["share"], end["low"], end["high"], share_of_layer(end))
    earlier = above(BIASED, before["share"].max(), before["low"].max(), before["high"].max())
    if earlier.supported or rank(found) < rank(earlier):
        return found
    word = "never negative before" if earlier.supported is False else "inconclusive whether negative before"
    note = f"{share_of_layer(end)}; {word}"
    return replace(found, supported=earlier.supported, margin=earlier.margin, note=note)


@claim(
    section="A.8",
    sentence="The step schedule results in reduced variance of our statistic across independent runs.",
    uses={"figure_22": "n_l training"},
    quantity="standard deviation of n_l over seeds, root mean square over layers and epochs after 0, step "
    "divided by smooth, of the pair where the step schedule helps least; interval by bootstrap over layers",
    threshold="interval below 1",
    reason="1 is the same spread; variances are averaged, whose expectation does not depend on the number "
    "of seeds",
)
def step_has_less_spread(case: Case) -> Finding:
    """Compare experiments of figure 22 in pairs, step then smooth, all that can be compared."""
    evidences = case.experiments("figure_22")
    if len(evidences) < 2:
        raise NotTestedError("figure_22 has no pair of experiments: step, then smooth")
    findings, judged = {}, set()
    for pair in zip(evidences[::2], evidences[1::2], strict=False):
        names = tuple(evidence.name for evidence in pair)
        try:
            findings[names] = spread_ratio(*map(case.learned, pair))
            judged |= set(names)
        except NotTestedError as reason:
            case.notes.append(f"left out: {names[0]} against {names[1]}, {reason}")
    if len(evidences) % 2:
        case.notes.append(f"left out: {evidences[-1].name}, which has no partner")
    if not findings:
        raise NotTestedError("no pair can be compared")
    case.used = [evidence for evidence in case.used if evidence.name in judged]
    return decide(list(findings.values()), "pairs")


def spread_ratio(step: Evidence, smooth: Evidence) -> Finding:
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
    return below(1, value, *statistics.bootstrap_interval(len(a), ratio), note)


@claim(
    section="A.2",
    sentence="The bias is statistically significant: the probability of all polyhedra of a layer of F "
    "filters to be aligned is F/2^F, which is fairly small.",
    uses={figure: "n_l training" for figure in ("figure_05", "figure_07", "figure_08")},
    quantity="number of (seed, layer) pairs at the last epoch whose filters all have the same sign; interval "
    "exact",
    threshold="probability below 0.05 of as many at initialisation",
    reason="the usual level; the exact probability that F random signs agree is 2^(1-F), twice 2^-F, and "
    "the paper's F/2^F is larger for F > 2; the note has the number expected by each",
)
def full_agreement_beyond_chance(case: Case) -> Finding:
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
    p_value = statistics.count_distribution(exact)[count:].sum()
    limits = (float(limit) * len(last) for limit in statistics.binomial_interval(count, len(last)))
    note = (
        f"{count} of {len(last)} pairs; expected at initialisation {exact.sum():.3g} by 2^(1-F), "
        f"{printed.sum():.3g} by F/2^F; probability of {count} or more {p_value:.3g}"
    )
    return Finding(count, *limits, bool(p_value < SIGNIFICANCE), note)


@claim(
    section="3.2, A.7",
    sentence="An edge and its inverse both appear in natural images, but only one kind of edge in MNIST: "
    "with one polarity the first layer might not need to learn the inverse of a filter.",
    uses={"figure_polarity": "n_l training"},
    quantity="mean over seeds of |n_1 - 1/2| at the last epoch, networks trained on digits of one polarity "
    "minus those on both; interval by bootstrap over the filters of each seed",
    threshold="interval above 0",
    reason="any difference in the direction of the hypothesis, everything else being equal",
)
def one_polarity_biases_the_first_layer(case: Case) -> Finding:
    """Compare n_1 of the two experiments of the polarity figure: one polarity, then both."""
    evidences = case.trained("figure_polarity")
    if len(evidences) < 2:
        raise NotTestedError("figure_polarity has no pair of experiments: one polarity, then both")
    counts = [evidence.counts_by_seed(1) for evidence in evidences[:2]]
    single, both = (statistics.mean_bias(seeds) for seeds in counts)
    sizes = [f"{len(seeds)} seeds" for seeds in counts]
    note = f"{single:.3f} with one polarity ({sizes[0]}), {both:.3f} with both ({sizes[1]})"
    return above(0, single - both, *statistics.bias_difference_interval(*counts), note)


def judge(entry: Claim, figures: Mapping[str, Sequence[Evidence]]) -> dict[str, object]:
    """Return the row of `COLUMNS` of one claim; `figures` maps figures to their experiments."""
    case = Case({figure: figures[figure] for figure in entry.uses if figures.get(figure)})
    try:
        finding = entry.judge(case)
    except NotTestedError as reason:
        finding = Finding(None, None, None, None, str(reason))
    return {
        "id": entry.id,
        "section": entry.section,
        "sentence": entry.sentence,
        "figures": " ".join(entry.uses),
        "experiments": " ".join(evidence.name for evidence in case.used),
        "data": "; ".join(dict.fromkeys(evidence.label for evidence in case.used)),
        "quantity": entry.quantity,
        "value": finding.value,
        "low": finding.low,
        "high": finding.high,
        "threshold": entry.threshold,
        "reason": entry.reason,
        "verdict": VERDICTS[finding.supported],
        "note": "; ".join(dict.fromkeys(filter(None, [finding.note, *case.notes]))),
    }


def claim_table(figures: Mapping[str, Sequence[Evidence]]) -> pd.DataFrame:
    """Return one row per claim, in the order of `CLAIMS`."""
    return pd.DataFrame([judge(entry, figures) for entry in CLAIMS], columns=COLUMNS)
