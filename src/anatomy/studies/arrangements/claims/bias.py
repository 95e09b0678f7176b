"""Sections 3.2, A.4, A.6 and A.7: bias emerges from learning, and where."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from anatomy.reporting import statistics
from anatomy.reporting.claims import Finding, above, below, claim, decide, inside, rank
from anatomy.reporting.evidence import Case, NotTestedError
from anatomy.studies.arrangements.evidence import (
    BIASED,
    EFFECT,
    OF_BIAS,
    WHY_BIASED,
    WHY_EFFECT,
    Fractions,
    LayerEvidence,
    all_mixed,
    all_negative,
    same_network,
)

# What is true of random weights may fail by chance in this fraction of runs.
BY_CHANCE = 0.01
# The training loss has begun to fall when it is below this fraction of its value in the first epoch.
FALLEN = 0.9
# A value that was rounded to steps of 1 has this standard deviation at least.
ROUNDING = 1 / np.sqrt(12)


@claim(
    section="3.2",
    sentence="At initialization the inner product is normally distributed with zero mean; all layers "
    "start from a mixed distribution (~50% negative projections).",
    uses={"figure_05": "n_l training cosines", "figure_07": "n_l training cosines"},
    quantity="fraction of negative filters at epoch 0, of the layer that speaks most against it; exact "
    "interval over the filters of all seeds, which are drawn independently of each other",
    null=0.5,
    threshold=BIASED,
    possible=(0, 1),
    criterion="interval of every layer between 1/3 and 2/3; the distribution of all cosines, each divided "
    "by the root mean square of its layer, within the same distance, 1/6, of that of N(0, 1) everywhere "
    "(band of Dvoretzky, Kiefer and Wolfowitz); no layer whose signs or cosines differ from that "
    "(Holm-corrected p below 0.01)",
    reason=f"1/3 and 2/3 as for a biased layer: {WHY_BIASED}; each layer is tested, since biases of "
    "opposite sign would cancel; by chance one run in a hundred fails",
)
def unbiased_at_initialisation(case: Case, threshold: float) -> Finding:
    """Judge signs and cosines at epoch 0 of every layer of different networks."""
    present = [figure for figure in ("figure_05", "figure_07") if case.figures.get(figure)]
    if not present:
        raise NotTestedError("none of figure_05, figure_07 is in the configuration")
    evidences = {e.name: e for figure in present for e in case.experiments(figure)}
    networks, cosines, repeated = initial_networks(list(evidences.values()))
    found = decide(all_mixed(networks, threshold, exact_interval))
    counts = [(int(each.negative.sum()), int(each.filters.sum())) for each in networks]
    negative, filters = map(sum, zip(*counts, strict=True))
    signs = [statistics.binomial_test(each.negative.sum(0), each.filters.sum(0)) for each in networks]
    shapes = [statistics.distance_from_normal(values)[1] for values in cosines]
    rejected = (statistics.holm(np.concatenate([*signs, shapes])) < BY_CHANCE).sum()
    everything = np.concatenate(cosines)
    distance, _ = statistics.distance_from_normal(everything)
    band = np.sqrt(np.log(2 / (1 - statistics.LEVEL)) / (2 * len(everything)))
    shape = below(threshold - 0.5, distance, distance - band, distance + band)
    notes = [
        found.note,
        f"{negative / filters:.3f} of {filters} filters negative; cosines {distance:.3f} from a normal "
        f"distribution, at most {distance + band:.3f}; {rejected} of {len(shapes)} layers differ from it",
        f"left out: {repeated} networks with the initial weights of another one" if repeated else "",
    ]
    note = "; ".join(filter(None, notes))
    if rejected or shape.supported is False:
        return replace(found, supported=False, note=note)
    if shape.supported is None and found.supported:
        return replace(
            found, supported=None, note=f"{note}; inconclusive: too few cosines to tell their shape"
        )
    return replace(found, note=note)


def exact_interval(negative: np.ndarray, filters: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the binomial interval of the filters of all seeds, by layer."""
    return statistics.binomial_interval(negative.sum(0), filters.sum(0), level)


def initial_networks(
    evidences: Sequence[LayerEvidence],
) -> tuple[list[Fractions], list[np.ndarray], int]:
    """Return signs and scaled cosines at epoch 0 of different networks, and the number of repeated ones.

    Networks of equal layer sizes and seed share their initial weights; the first of them counts. Cosines are
    of one layer of one experiment each, divided by their root mean square.
    """
    seen, fractions, cosines, repeated = set(), [], [], 0
    for evidence in evidences:
        counts = evidence.counts
        if 0 not in counts.epochs:
            raise NotTestedError(f"{evidence.name} has no snapshot of epoch 0")
        networks = [(*counts.sizes, seed) for seed in counts.seeds]
        new = np.array([network not in seen for network in networks])
        repeated += int((~new).sum())
        seen |= set(networks)
        if not new.any():
            continue
        own = evidence.fractions(epoch=0)
        fractions.append(replace(own, negative=own.negative[new], filters=own.filters[new]))
        seeds = [seed for seed, is_new in zip(counts.seeds, new, strict=True) if is_new]
        for by_seed in evidence.initial_cosines.values():
            values = np.concatenate([by_seed[seed] for seed in seeds if seed in by_seed])
            scale = np.sqrt((values**2).mean()) if len(values) else 0
            cosines += [values / scale] if scale else []
    if not cosines:
        raise NotTestedError("no filter has a cosine at epoch 0")
    return fractions, cosines, repeated


@claim(
    section="3.2",
    sentence="During training, all layers past the first rapidly shift towards all-negative projections "
    "(AlexNet on ImageNet).",
    uses={"figure_05": "n_l training"},
    quantity="fraction of negative filters at the last epoch, of the least biased layer past the first; "
    "interval over seeds",
    criterion="interval above 2/3",
    **OF_BIAS,
)
def layers_past_the_first_biased(case: Case, threshold: float) -> Finding:
    """Judge layers 2 to the last of figure 5."""
    (evidence, *_) = case.trained("figure_05")
    later = [layer for layer in evidence.counts.layers if layer > 1]
    return decide(all_negative(evidence.fractions(later), threshold))


@claim(
    section="3.3",
    sentence="Layers 2-8 of VGG19, which play a crucial role for generalization, show also heavily biased "
    "configurations (CIFAR10).",
    uses={"figure_07": "n_l training"},
    quantity="fraction of negative filters at the last epoch, of the least biased of layers 2 to 8; "
    "interval over seeds",
    criterion="interval above 2/3",
    **OF_BIAS,
)
def layers_2_to_8_biased(case: Case, threshold: float) -> Finding:
    """Judge layers 2 to 8 of figure 7."""
    return decide(all_negative(case.trained("figure_07")[0].fractions(range(2, 9)), threshold))


@claim(
    section="3.2, A.7",
    sentence="For all RGB datasets, the distribution of the first layer remains largely unbiased.",
    uses={
        "figure_05": "n_l training",
        "figure_07": "n_l training",
        "figure_08": "n_l training",
        "figure_21": "n_l training",
    },
    quantity="n_1 at the last epoch, of the RGB experiment that speaks most against it; interval over seeds",
    criterion="interval between 1/3 and 2/3",
    **OF_BIAS,
)
def first_layer_unbiased_on_rgb(case: Case, threshold: float) -> Finding:
    """Judge layer 1 of every experiment with three channels."""
    evidences = case.trained_of_any(["figure_05", "figure_07", "figure_08", "figure_21"])
    return decide(all_mixed(first_layers(case, evidences, 3, "RGB"), threshold))


@claim(
    section="A.7",
    sentence="The first layer of LeNet on MNIST shows considerable bias towards negative projections.",
    uses={"figure_21": "n_l training"},
    quantity="n_1 at the last epoch, of the least biased experiment on grey images; interval over seeds",
    criterion="interval above 2/3",
    **OF_BIAS,
)
def first_layer_biased_on_digits(case: Case, threshold: float) -> Finding:
    """Judge layer 1 of the experiments of figure 21 with one channel."""
    evidences = case.trained_of_any(["figure_21"])
    return decide(all_negative(first_layers(case, evidences, 1, "grey"), threshold))


def first_layers(case: Case, evidences: Sequence[LayerEvidence], channels: int, word: str) -> list[Fractions]:
    """Return layer 1 at the last epoch of the experiments whose images have so many channels."""
    chosen = [evidence for evidence in evidences if evidence.channels == channels]
    if not chosen:
        raise NotTestedError(f"no trained experiment of {', '.join(case.figures)} has {word} images")
    names = [evidence.name for evidence in chosen]
    case.used = [evidence for evidence in case.used if evidence.name in names]
    return [evidence.fractions([1]) for evidence in chosen]


@claim(
    section="3.2, A.4",
    sentence="When the network fails to learn, the cumulative density is constant at 50% for all of the last "
    "8 layers.",
    uses={"figure_15": "n_l training"},
    quantity="fraction of negative filters at the last epoch, of the most biased of the last 8 layers; "
    "interval over seeds",
    criterion="interval between 1/3 and 2/3",
    **OF_BIAS,
)
def no_bias_without_learning(case: Case, threshold: float) -> Finding:
    """Judge the last layers of figure 15, if its networks have in fact failed."""
    (evidence, *_) = case.experiments("figure_15")
    try:
        learned = Case(case.figures).trained("figure_15")[0]
    except NotTestedError:
        case.notes.append(f"training accuracy at most {evidence.final_accuracies.max():.3g}")
        return decide(all_mixed(evidence.fractions(evidence.counts.layers[-8:]), threshold))
    raise NotTestedError(
        f"{evidence.name} did not fail: training accuracy {learned.final_accuracies.max():.3g}, "
        f"chance {evidence.chance:.3g}"
    )


@claim(
    section="3.2",
    sentence="Under noisy labels, when the training loss starts decreasing, layers 2 to 5 start assuming "
    "more biased hyperplane configurations.",
    uses={"figure_06": "n_l training"},
    quantity="epochs, as a fraction of all, from the first with a training loss below 90 % of that of epoch "
    "1 to the first from which more than 2/3 of a layer's filters stay on one side: median of layers 2 to "
    "5, mean and interval over seeds",
    null=0,
    threshold=0.1,
    criterion="interval between -0.1 and 0.1; and while the loss is flat, up to a tenth of the epochs before "
    "its fall, the mean of |n_l - 1/2| over these layers below 1/6, interval over seeds included",
    reason="a tenth of the epochs is what one reads as the same time in figure 6; a loss that lies 10 % "
    "lower has left its plateau by more than it wavers; 1/6 is the distance of a biased layer from one half",
)
def bias_when_noisy_loss_falls(case: Case, threshold: float) -> Finding:
    """Compare two epochs of each seed, if the loss has a plateau and leaves it, and look at the plateau."""
    (evidence, *_) = case.experiments("figure_06")
    epochs, losses = evidence.losses
    fallen = losses < FALLEN * losses[:, :1]
    if not fallen.any():
        raise NotTestedError(f"the training loss of {evidence.name} does not fall below {FALLEN:.0%}")
    layers, last = evidence.existing(range(2, 6)), epochs.max()
    falls = np.where(fallen.any(1), epochs[fallen.argmax(1)], np.inf)
    flat = falls - threshold * last
    words = f"the loss falls in epoch {_range(falls)}"
    if (flat < 1).any() or not np.isfinite(falls).all():
        why = "too early for a bias before it" if np.isfinite(falls).all() else "of some seeds never"
        return Finding(None, None, None, None, f"inconclusive: {words}, {why}")
    onsets = biased_from(evidence, layers)
    delays = np.median(onsets, axis=1) - falls
    missing = [str(layer) for layer, each in zip(layers, onsets.T, strict=True) if np.isinf(each).any()]
    notes = [words, f"bias {_range(delays)} epochs later"]
    notes += [f"not biased at the end of every seed: layer {', '.join(missing)}"] if missing else []
    note = "; ".join(notes)
    together = _delay(delays, np.diff(evidence.counts.epochs).max(), last - falls, last, threshold, note)
    distances = distances_up_to(evidence, layers, flat)
    mean = distances.mean()
    before = below(BIASED - 0.5, mean, *map(float, statistics.mean_interval(distances)))
    if before.supported or rank(together) <= rank(before):
        return replace(together, note=f"{together.note}; mean |n_l - 1/2| before it {mean:.3f}")
    word = "biased already" if before.supported is False else "inconclusive whether unbiased"
    note = f"{note}; {word} while the loss is flat: mean |n_l - 1/2| {mean:.3f}"
    return replace(together, supported=before.supported, margin=before.margin, note=note)


def _range(values: np.ndarray) -> str:
    """Return the smallest and the largest of some numbers in words."""
    low, high = values.min(), values.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _delay(
    delays: np.ndarray, gap: float, left: np.ndarray, last: float, threshold: float, note: str
) -> Finding:
    """Judge delays in epochs by seed; one that never ends is at least as long as the `left` epochs.

    Snapshots lie up to `gap` epochs apart, and equal delays are known to no less than that.
    """
    never = np.isinf(delays)
    fractions = np.where(never, left + gap, delays) / last
    error = ROUNDING * gap / last / np.sqrt(len(delays))
    support = tuple(map(float, statistics.mean_interval(fractions, least_error=error)))
    found = inside(-threshold, threshold, fractions.mean(), support, note=note)
    if never.any() and found.supported:
        return replace(
            found, supported=None, note=f"{note}; inconclusive: some seeds are not biased at the end"
        )
    return found


def biased_from(evidence: LayerEvidence, layers: Sequence[int]) -> np.ndarray:
    """Return the first epoch from which a layer is biased to the end (seeds, layers); infinite if none is."""
    biased = np.abs(_n_l(evidence, layers) - 0.5) > BIASED - 0.5
    # Counted from the end, how many epochs in a row.
    lasting = biased[:, ::-1].cumprod(axis=1).sum(axis=1)
    epochs = evidence.counts.epochs
    return np.array([*epochs, np.inf])[len(epochs) - lasting]


def distances_up_to(evidence: LayerEvidence, layers: Sequence[int], until: np.ndarray) -> np.ndarray:
    """Return the mean of |n_l - 1/2| over layers and the epochs of each seed up to `until`, (seeds,)."""
    distances = np.abs(_n_l(evidence, layers) - 0.5).mean(2)
    flat = np.array(evidence.counts.epochs) <= until[:, None]
    return np.where(flat, distances, 0).sum(1) / flat.sum(1)


def _n_l(evidence: LayerEvidence, layers: Sequence[int]) -> np.ndarray:
    """Return n_l of layers (seeds, epochs, layers); one without filters is at one half."""
    counts = evidence.counts
    where = [counts.layers.index(layer) for layer in layers]
    negative, filters = counts.negative[:, :, where], counts.filters[:, :, where]
    return np.where(filters > 0, negative / np.maximum(filters, 1), 0.5)


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
    "shuffled; interval over seeds",
    null=0,
    threshold=0,
    effect=EFFECT,
    possible=(-0.5, 0.5),
    criterion="interval above 0",
    reason="reduced means any reduction that is consistent over seeds; the clean run is that of the smooth "
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
    both = (clean, shuffled)
    epoch = max(set.intersection(*(set(each.counts.epochs) for each in both)), default=0)
    if epoch < 1:
        raise NotTestedError(f"{shuffled.name} and {clean.name} share no epoch of training")
    means = []
    for evidence in both:
        fractions = evidence.fractions(epoch=epoch)
        with np.errstate(invalid="ignore"):
            means.append(np.nanmean(np.abs(fractions.negative / fractions.filters - 0.5), axis=1))
    note = f"epoch {epoch}, the last of both: clean {means[0].mean():.3f} ({clean.name}), "
    note += f"shuffled {means[1].mean():.3f}"
    interval = statistics.difference_interval(*means)
    return above(threshold, means[0].mean() - means[1].mean(), *interval, note)
