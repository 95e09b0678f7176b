"""Sections 3.2, A.4, A.6 and A.7: bias emerges from learning, and where."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from anatomy.reporting import statistics
from anatomy.reporting.claims import Finding, above, claim, inside
from anatomy.reporting.evidence import Case, NotTestedError, finite
from anatomy.studies.arrangements.evidence import (
    BIASED,
    EFFECT,
    OF_BIAS,
    WHY_BIASED,
    WHY_EFFECT,
    LayerEvidence,
    all_mixed,
    all_negative,
    initial_networks,
    same_network,
)
from anatomy.studies.arrangements.tables import (
    epochs_in_order,
)

# What is true of random weights may fail by chance in this fraction of runs.
BY_CHANCE = 0.01
# The training loss has begun to fall when it is below this fraction of its value in the first epoch.
FALLEN = 0.9


@claim(
    section="3.2",
    sentence="At initialization the inner product is normally distributed with zero mean; all layers "
    "start from a mixed distribution (~50% negative projections).",
    uses={"figure_05": "n_l training", "figure_07": "n_l training"},
    quantity="fraction of negative filters at epoch 0, over all layers, seeds and experiments",
    null=0.5,
    threshold=BIASED,
    possible=(0, 1),
    criterion="interval between 1/3 and 2/3, and no layer with a Holm-corrected p below 0.01",
    reason=f"1/3 and 2/3 as for a biased layer: {WHY_BIASED}; each layer is tested, since biases of "
    "opposite sign would cancel; by chance one run in a hundred fails",
)
def unbiased_at_initialisation(case: Case, threshold: float) -> Finding:
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
    return inside(1 - threshold, threshold, negative / filters, low, high, note)


@claim(
    section="3.2",
    sentence="During training, all layers past the first rapidly shift towards all-negative projections "
    "(AlexNet on ImageNet).",
    uses={"figure_05": "n_l training"},
    quantity="fraction of negative filters at the last epoch, of the least biased layer past the first",
    criterion="interval above 2/3",
    **OF_BIAS,
)
def layers_past_the_first_biased(case: Case, threshold: float) -> Finding:
    """Judge layers 2 to the last of figure 5."""
    (evidence, *_) = case.trained("figure_05")
    pooled = evidence.pooled()
    return all_negative(pooled[pooled["layer"] > 1], threshold)


@claim(
    section="3.3",
    sentence="Layers 2-8 of VGG19, which play a crucial role for generalization, show also heavily biased "
    "configurations (CIFAR10).",
    uses={"figure_07": "n_l training"},
    quantity="fraction of negative filters at the last epoch, of the least biased of layers 2 to 8",
    criterion="interval above 2/3",
    **OF_BIAS,
)
def layers_2_to_8_biased(case: Case, threshold: float) -> Finding:
    """Judge layers 2 to 8 of figure 7."""
    return all_negative(case.trained("figure_07")[0].pooled(range(2, 9)), threshold)


@claim(
    section="3.2, A.7",
    sentence="For all RGB datasets, the distribution of the first layer remains largely unbiased.",
    uses={
        "figure_05": "n_l training",
        "figure_07": "n_l training",
        "figure_08": "n_l training",
        "figure_21": "n_l training",
    },
    quantity="n_1 at the last epoch, of the RGB experiment farthest from one half",
    criterion="interval between 1/3 and 2/3",
    **OF_BIAS,
)
def first_layer_unbiased_on_rgb(case: Case, threshold: float) -> Finding:
    """Judge layer 1 of every experiment with three channels."""
    evidences = case.trained_of_any(["figure_05", "figure_07", "figure_08", "figure_21"])
    return all_mixed(first_layers(case, evidences, 3, "RGB"), threshold)


@claim(
    section="A.7",
    sentence="The first layer of LeNet on MNIST shows considerable bias towards negative projections.",
    uses={"figure_21": "n_l training"},
    quantity="n_1 at the last epoch, of the least biased experiment on grey images",
    criterion="interval above 2/3",
    **OF_BIAS,
)
def first_layer_biased_on_digits(case: Case, threshold: float) -> Finding:
    """Judge layer 1 of the experiments of figure 21 with one channel."""
    return all_negative(first_layers(case, case.trained_of_any(["figure_21"]), 1, "grey"), threshold)


def first_layers(case: Case, evidences: Sequence[LayerEvidence], channels: int, word: str) -> pd.DataFrame:
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
    quantity="fraction of negative filters at the last epoch, of the most biased of the last 8 layers",
    criterion="interval between 1/3 and 2/3",
    **OF_BIAS,
)
def no_bias_without_learning(case: Case, threshold: float) -> Finding:
    """Judge the last layers of figure 15, if its networks have in fact failed."""
    (evidence, *_) = case.experiments("figure_15")
    try:
        learned = Case(case.figures).trained("figure_15")[0]
    except NotTestedError:
        pooled = evidence.pooled()
        case.notes.append(f"training accuracy at most {evidence.final_accuracies.max():.3g}")
        return all_mixed(pooled[pooled["layer"] > pooled["layer"].max() - 8], threshold)
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
    null=0,
    threshold=0.1,
    criterion="median within a tenth of the epochs (or the widest gap between snapshots) of 0",
    reason="a tenth of the epochs is what one reads as the same time in figure 6; a loss that lies 10 % "
    "lower has left its plateau by more than it wavers",
)
def bias_when_noisy_loss_falls(case: Case, threshold: float) -> Finding:
    """Compare two epochs, if the loss has a plateau and leaves it."""
    (evidence, *_) = case.experiments("figure_06")
    loss = evidence.table("training").groupby("epoch")["train_loss"].mean().dropna()
    fallen = loss[loss < FALLEN * loss.iloc[0]]
    if fallen.empty:
        raise NotTestedError(f"the training loss of {evidence.name} does not fall below {FALLEN:.0%}")
    n_l = evidence.table("n_l")
    gaps = np.diff(epochs_in_order(n_l))
    # Rounded first: 0.1 * 30 is more than 3.
    tolerance = max(math.ceil(round(threshold * loss.index.max(), 6)), int(gaps.max()))
    falls = int(fallen.index[0])
    if falls <= tolerance:
        note = f"the training loss of {evidence.name} falls in epoch {falls}, too early for a bias before it"
        return Finding(None, None, None, None, f"inconclusive: {note}")
    layers = evidence.existing(range(2, 6))
    delays = biased_from(evidence, layers).to_numpy() - falls
    median = float(np.median(delays))
    missing = [str(layer) for layer, delay in zip(layers, delays, strict=True) if np.isinf(delay)]
    note = f"the loss falls in epoch {falls}; tolerance {tolerance} epochs"
    note += f"; not biased at the end: layer {', '.join(missing)}" if missing else ""
    return Finding(finite(median), finite(delays.min()), finite(delays.max()), abs(median) <= tolerance, note)


def biased_from(evidence: LayerEvidence, layers: Sequence[int]) -> pd.Series:
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
    uses={
        "figure_20": "n_l training",
        "figure_22": "n_l training",
        "figure_07": "n_l training",
    },
    quantity="mean over layers and seeds of |n_l - 1/2| at the last epoch that both runs have, clean minus "
    "shuffled; interval by bootstrap over layers",
    null=0,
    threshold=0,
    effect=EFFECT,
    possible=(-0.5, 0.5),
    criterion="interval above 0",
    reason="reduced means any reduction that is consistent over layers; the clean run is that of the smooth "
    "schedule (figure 22), closest to the schedule of the shuffled one, else that of figure 7; where the "
    "runs differ in augmentation and weight decay too, the pixels alone need not be the cause; "
    f"{WHY_EFFECT}",
)
def less_bias_under_pixel_shuffle(case: Case, threshold: float) -> Finding:
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
    return above(threshold, difference.mean(), *interval, note)
