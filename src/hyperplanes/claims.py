"""The paper's checkable sentences, each judged by numbers of the experiments of its figures.

A claim is one function: it takes the experiments of its figures from a `Case` and returns a `Finding`.
Its sentence, quantity, threshold and the reason for the threshold stand in the decorator above it.
What a threshold is compared with is the end of the 95 % interval that speaks against the claim, so
that a claim on few filters or seeds needs a larger effect.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hyperplanes import statistics
from hyperplanes.evidence import Case, Evidence, NotTestedError, finite, share_of_layer
from hyperplanes.tables import SIGNIFICANCE, criticality, epochs_in_order, n_l_summary, onset_table

SUPPORTED, NOT_SUPPORTED, NOT_TESTED = "supported", "not supported", "not tested by this configuration"
COLUMNS = [
    *("id", "section", "sentence", "figures", "experiments", "data", "quantity"),
    *("value", "low", "high", "threshold", "reason", "verdict", "note"),
]

# Share of filters of one sign from which a layer counts as biased.
BIASED = 2 / 3
WHY_BIASED = (
    "two filters of one sign for each of the other; 64 random filters, the first layer of the paper's "
    "networks, get there in fewer than one of a hundred networks"
)
# Relative drop in test accuracy from which a layer counts as critical.
CRITICAL = 0.1
WHY_CRITICAL = (
    "the paper gives no number; a tenth of the accuracy is ten times the 1 % by which its test and "
    "validation accuracies differ (section 3.1)"
)
# What is true of random weights may fail by chance in this share of runs.
BY_CHANCE = 0.01
# The training loss has begun to fall when it is below this share of its value in the first epoch.
FALLEN = 0.9


@dataclass(frozen=True)
class Finding:
    """The value of a claim's quantity, its 95 % interval, and whether it supports the claim."""

    value: float | None
    low: float | None
    high: float | None
    supported: bool
    note: str = ""


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper and how it is judged; `uses` lists the tables needed of each figure."""

    id: str
    section: str
    sentence: str
    uses: Mapping[str, Sequence[str]]
    quantity: str
    threshold: str
    reason: str
    judge: Callable[[Case], Finding]


CLAIMS: list[Claim] = []


def claim(**entry) -> Callable[[Callable[[Case], Finding]], Callable[[Case], Finding]]:
    """Add the decorated function to `CLAIMS`; the id is its name."""

    def register(judge: Callable[[Case], Finding]) -> Callable[[Case], Finding]:
        uses = {figure: tables.split() for figure, tables in entry.pop("uses").items()}
        CLAIMS.append(Claim(id=judge.__name__.replace("_", "-"), uses=uses, judge=judge, **entry))
        return judge

    return register


def above(limit: float, value: float, low: float, high: float, note: str = "") -> Finding:
    """Support a value whose whole interval lies above `limit`; say so if the interval includes it."""
    if low <= limit <= high:
        note = "; ".join(filter(None, [note, "inconclusive: the interval includes the threshold"]))
    return Finding(finite(value), finite(low), finite(high), bool(low > limit), note)


def below(limit: float, value: float, low: float, high: float, note: str = "") -> Finding:
    """Support a value whose whole interval lies below `limit`."""
    mirrored = above(-limit, -value, -high, -low, note)
    return Finding(finite(value), finite(low), finite(high), mirrored.supported, mirrored.note)


def all_negative(pooled: pd.DataFrame) -> Finding:
    """Judge whether every layer is biased towards negative; the finding is that of the least biased."""
    fewest = pooled.loc[pooled["pooled_filters"].idxmin()]
    best, _ = statistics.binomial_interval(fewest["pooled_filters"], fewest["pooled_filters"])
    if not best > BIASED:
        raise NotTestedError(f"too few filters to tell: {share_of_layer(fewest)}")
    worst = pooled.loc[pooled["low"].idxmin()]
    return above(BIASED, worst["share"], worst["low"], worst["high"], share_of_layer(worst))


def all_mixed(pooled: pd.DataFrame) -> Finding:
    """Judge whether both signs are frequent in every layer; the finding is that of the most biased.

    Layers of so few filters that even one half would leave the interval too wide do not count.
    """
    filters = pooled["pooled_filters"].to_numpy()
    _, widest = statistics.binomial_interval((filters + 1) // 2, filters)
    enough = pooled[widest < BIASED]
    if len(enough) < len(pooled):
        few = pooled[~(widest < BIASED)].iloc[0]
        reason = f"too few filters to tell: {share_of_layer(few)}"
        if enough.empty:
            raise NotTestedError(reason)
    reach = np.maximum((enough["low"] - 0.5).abs(), (enough["high"] - 0.5).abs())
    worst = enough.loc[reach.idxmax()]
    finding = below(
        BIASED - 0.5,
        abs(worst["share"] - 0.5),
        max(worst["low"] - 0.5, 0.5 - worst["high"], 0),
        reach.max(),
        share_of_layer(worst),
    )
    note = finding.note if len(enough) == len(pooled) else f"{finding.note}; left out: {reason}"
    return Finding(*map(float, worst[["share", "low", "high"]]), finding.supported, note)


def over_seeds(drops: pd.DataFrame, statistic: Callable[[np.ndarray], np.ndarray]) -> tuple[float, ...]:
    """Return value and bootstrap interval of a statistic of mean drops; it maps (n, layers) to (n,)."""
    matrix = drops.to_numpy()
    value = statistic(matrix.mean(0, keepdims=True))[0]
    return value, *statistics.bootstrap_interval(len(matrix), lambda weights: statistic(weights @ matrix))


def smallest_drop(evidences: Sequence[Evidence], layers: Sequence[int] | None = None) -> Finding:
    """Judge whether all `layers` are critical in all experiments; the finding is the worst one's."""
    findings = []
    for evidence in evidences:
        drops = evidence.relative_drops()
        drops = drops if layers is None else drops[evidence.existing(layers)]
        least = drops.mean().idxmin()
        note = f"layer {least} of {evidence.name}, {len(drops)} seeds"
        findings.append(above(CRITICAL, *over_seeds(drops, lambda mean: mean.min(1)), note))
    return min(findings, key=lambda finding: finding.low)


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
    pooled = pd.concat([evidence.pooled(epoch=0) for evidence in evidences.values()])
    rejected = (statistics.holm(pooled["p_value"].to_numpy()) < BY_CHANCE).sum()
    negative, filters = pooled["pooled_negative"].sum(), pooled["pooled_filters"].sum()
    low, high = map(float, statistics.binomial_interval(negative, filters))
    supported = bool(low > 1 - BIASED and high < BIASED and not rejected)
    note = f"{filters} filters; {rejected} of {len(pooled)} layers differ from one half"
    return Finding(negative / filters, low, high, supported, note)


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
    "which a layer stays biased: median of layers 2 to 5, from the earliest to the latest of them",
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
    onset = onset_table(n_l_summary(n_l)).set_index("layer")["epoch"].loc[list(layers)]
    delays = onset.astype(float).fillna(np.inf).to_numpy() - falls
    median = float(np.median(delays))
    missing = [str(layer) for layer, delay in zip(layers, delays, strict=True) if np.isinf(delay)]
    note = f"the loss falls in epoch {falls}; tolerance {tolerance} epochs"
    note += f"; not biased at the end: layer {', '.join(missing)}" if missing else ""
    return Finding(finite(median), finite(delays.min()), finite(delays.max()), abs(median) <= tolerance, note)


@claim(
    section="A.6",
    sentence="The statistical bias is reduced, compared to the case of clean data, when the pixels of the "
    "training images are shuffled.",
    uses={figure: "n_l training" for figure in ("figure_20", "figure_22", "figure_07")},
    quantity="mean over layers and seeds of |n_l - 1/2| at the last epoch, clean minus shuffled; interval by "
    "bootstrap over layers",
    threshold="interval above 0",
    reason="reduced means any reduction that is consistent over layers; the clean run is that of the smooth "
    "schedule (figure 22), closest to the schedule of the shuffled one, else that of figure 7",
)
def less_bias_under_pixel_shuffle(case: Case) -> Finding:
    """Compare the shuffled run with a clean one, layer by layer."""
    (shuffled, *_) = case.trained("figure_20")
    smooth = len(case.figures.get("figure_22", ())) > 1
    if not smooth and not case.figures.get("figure_07"):
        raise NotTestedError("no clean run: neither figure_22 nor figure_07 is in the configuration")
    clean = case.trained("figure_22")[1] if smooth else case.trained("figure_07")[0]
    case.used = [evidence for evidence in case.used if evidence.name in (shuffled.name, clean.name)]
    same_network(shuffled, clean)
    if shuffled.dataset != clean.dataset:
        raise NotTestedError(f"{shuffled.name} and {clean.name} have different images")
    means = []
    for evidence in (clean, shuffled):
        n_l = evidence.table("n_l")
        last = n_l[n_l["epoch"] == epochs_in_order(n_l)[-1]]
        means.append((last["n_l"] - 0.5).abs().groupby(last["layer"]).mean())
    difference = (means[0] - means[1]).to_numpy()
    interval = statistics.bootstrap_interval(len(difference), lambda weights: weights @ difference)
    note = f"clean {means[0].mean():.3f} ({clean.name}), shuffled {means[1].mean():.3f}"
    return above(0, difference.mean(), *interval, note)


def same_network(one: Evidence, other: Evidence) -> None:
    """Refuse to compare networks of different layers."""
    if one.layer_sizes() != other.layer_sizes():
        raise NotTestedError(f"{one.name} and {other.name} are different networks")


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
    found = over_seeds(drops, lambda mean: ((mean - CRITICAL) * sides).min(1))
    wrong = drops.columns[((drops.mean() - CRITICAL) * sides).to_numpy() <= 0]
    note = f"on the wrong side: layer {', '.join(map(str, wrong))}" if len(wrong) else ""
    return above(0, *found, note)


@claim(
    section="A.5",
    sentence="On CIFAR100, layers 9 and 10 of VGG19 are critical to performance.",
    uses={"figure_16": "training reinit"},
    quantity="smaller relative drop in test accuracy when layer 9 or 10 is reset to initialisation; interval "
    "by bootstrap over seeds",
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
    quantity="smallest relative drop in test accuracy of all layers when reset to initialisation; interval "
    "by bootstrap over seeds",
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
    quantity="largest share of negative filters of layers 2, 6 and 7 at the last epoch",
    threshold="interval below 1/3, and of each of the three layers above 2/3 at an earlier epoch",
    reason=f"1/3 is two positive filters for each negative one: {WHY_BIASED}",
)
def sign_flips_late(case: Case) -> Finding:
    """Judge layers 2, 6 and 7 of figure 8 at the last epoch, and whether they were negative before."""
    (evidence, *_) = case.trained("figure_08")
    pooled = evidence.pooled([2, 6, 7])
    before = [
        evidence.pooled([2, 6, 7], epoch).set_index("layer")["low"]
        for epoch in epochs_in_order(evidence.table("n_l"))[:-1]
    ]
    highest = pd.concat(before, axis=1).max(axis=1)
    never = [str(layer) for layer in highest.index[highest <= BIASED]]
    worst = pooled.loc[pooled["high"].idxmax()]
    found = below(1 - BIASED, worst["share"], worst["low"], worst["high"], share_of_layer(worst))
    note = f"{found.note}; never negative before: layer {', '.join(never)}" if never else found.note
    return Finding(found.value, found.low, found.high, found.supported and not never, note)


@claim(
    section="A.8",
    sentence="The step schedule results in reduced variance of our statistic across independent runs.",
    uses={"figure_22": "n_l training"},
    quantity="standard deviation of n_l over seeds, root mean square over layers and epochs after 0, step "
    "divided by smooth; interval by bootstrap over layers",
    threshold="interval below 1",
    reason="1 is the same spread; variances are averaged, whose expectation does not depend on the number "
    "of seeds",
)
def step_has_less_spread(case: Case) -> Finding:
    """Compare experiments of figure 22 in pairs: step, smooth; the finding is the worst pair's."""
    evidences = case.trained("figure_22")
    if len(evidences) < 2:
        raise NotTestedError("figure_22 has no pair of experiments: step, then smooth")
    pairs = zip(evidences[::2], evidences[1::2], strict=False)
    return max((spread_ratio(*pair) for pair in pairs), key=lambda found: found.high)


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
        rows.append(n_l[(n_l["epoch"] == epochs_in_order(n_l)[-1]) & (n_l["undefined"] == 0)])
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
    quantity="|n_1 - 1/2| at the last epoch, networks trained on digits of one polarity minus those on both; "
    "interval by bootstrap over filters",
    threshold="interval above 0",
    reason="any difference in the direction of the hypothesis, everything else being equal",
)
def one_polarity_biases_the_first_layer(case: Case) -> Finding:
    """Compare n_1 of the two experiments of the polarity figure: one polarity, then both."""
    evidences = case.trained("figure_polarity")
    if len(evidences) < 2:
        raise NotTestedError("figure_polarity has no pair of experiments: one polarity, then both")
    single, both = (evidence.pooled([1]).iloc[0] for evidence in evidences[:2])
    counts = [(int(row["pooled_negative"]), int(row["pooled_filters"])) for row in (single, both)]
    value = abs(single["share"] - 0.5) - abs(both["share"] - 0.5)
    note = f"n_1 {single['share']:.3f} with one polarity, {both['share']:.3f} with both"
    return above(0, value, *statistics.bias_difference_interval(*counts), note)


def judge(entry: Claim, figures: Mapping[str, Sequence[Evidence]]) -> dict[str, object]:
    """Return the row of `COLUMNS` of one claim; `figures` maps figures to their experiments."""
    case = Case({figure: figures[figure] for figure in entry.uses if figures.get(figure)})
    try:
        finding = entry.judge(case)
        verdict = SUPPORTED if finding.supported else NOT_SUPPORTED
    except NotTestedError as reason:
        finding, verdict = Finding(None, None, None, False, str(reason)), NOT_TESTED
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
        "verdict": verdict,
        "note": "; ".join(filter(None, [finding.note, *case.notes])),
    }


def claim_table(figures: Mapping[str, Sequence[Evidence]]) -> pd.DataFrame:
    """Return one row per claim, in the order of `CLAIMS`."""
    return pd.DataFrame([judge(entry, figures) for entry in CLAIMS], columns=COLUMNS)
