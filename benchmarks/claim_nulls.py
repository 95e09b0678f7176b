"""Made-up results of experiments of which it is known whether a claim of the first study is true.

Every claim has draws on which it is false, on which it is true, and on which it is true by a stated effect.
Where a threshold decides, false and true lie at the threshold itself, the worst case of each. Signs of
filters vary over seeds 1.75 times as much as binomial ones, as was observed, or four times in networks of
the paper's width.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from anatomy.studies.arrangements.evidence import BIASED, CRITICAL, Drops, LayerEvidence
from anatomy.studies.arrangements.tables import Counts

Figures = Mapping[str, Sequence[LayerEvidence]]
Draw = Callable[[np.random.Generator, int], Figures]

VGG19 = np.array([64, 64, 128, 128, *[256] * 4, *[512] * 8])
ALEXNET = np.array([64, 192, 384, 256, 256])
VGG11 = np.array([64, 128, 256, 256, *[512] * 4])
# Width of the networks, and how many times the binomial variance their signs vary over seeds.
WIDTHS = {"an eighth of the width": (8, 1.75), "full width": (1, 4.0)}
# Drops of VGG19 at a quarter of the width on CIFAR-10 after 20 epochs, by layer, as fractions of accuracy.
DROPS = np.array([469, 506, 380, 282, 216, 120, 120, 103, 57, 17, 12, 13, 11, 6, 4, 7]) / 750
# n_l of the same layers.
TRAINED = np.array(
    [0.54, 0.92, 0.78, 0.97, 0.81, 0.91, 0.82, 0.99, 0.82, 0.81, 0.69, 0.87, 0.56, 0.59, 0.58, 0.87]
)
EPOCHS, LAST = list(range(9)), 60


@dataclass(frozen=True)
class Simulation:
    """Draws for one claim: where it is false, where it is true, and true by an effect; each in words."""

    false: Mapping[str, Draw]
    true: Mapping[str, Draw]
    effect: tuple[str, Draw]


def experiment(
    name: str,
    seeds: int,
    negative: np.ndarray | None = None,
    filters: np.ndarray | None = None,
    epochs: Sequence[int] = (1,),
    accuracy: float = 0.9,
    channels: int = 3,
    **known: object,
) -> LayerEvidence:
    """Return an experiment of arrays instead of tables; counts are (seeds, epochs, layers)."""
    known["final_accuracies"] = accuracies(seeds, accuracy)
    tables = {"training": None}
    if negative is not None:
        sizes = np.asarray(filters).tolist()
        whole = np.broadcast_to(filters, negative.shape)
        layers = list(range(1, len(sizes) + 1))
        known["counts"] = Counts(list(range(seeds)), list(epochs), layers, sizes, negative, whole)
        tables["n_l"] = None
    if "drops" in known:
        tables["reinitialisation"] = None
    evidence = LayerEvidence(name, name, "images", 0.1, channels, tables)
    # What is computed from tables once is known already.
    vars(evidence).update(known)
    return evidence


@cache
def accuracies(seeds: int, accuracy: float) -> pd.Series:
    """Return the same final accuracy for each seed."""
    return pd.Series(np.full(seeds, accuracy))


def signs(
    generator: np.random.Generator, p: np.ndarray, filters: np.ndarray, variance: float, shape: tuple = ()
) -> np.ndarray:
    """Return counts of negative filters (*shape, layers): beta-binomial, of `variance` times the binomial."""
    p, filters = np.broadcast_arrays(np.asarray(p, float), np.asarray(filters))
    shape = (*shape, *p.shape) if len(shape) else p.shape
    correlation = np.minimum((variance - 1) / (filters - 1), 0.9)
    if variance > 1:
        strength = (1 - correlation) / correlation
        inside = np.clip(p, 1e-6, 1 - 1e-6)
        p = generator.beta(inside * strength, (1 - inside) * strength, size=shape)
    return generator.binomial(filters, p, size=shape)


def ends(
    generator: np.random.Generator, seeds: int, p: np.ndarray, filters: np.ndarray, variance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return counts at the last epoch alone, (seeds, 1, layers), and filters."""
    return signs(generator, p, filters, variance, (seeds, 1)), filters


def at_widths(draw: Callable[..., Figures], words: str = "") -> dict[str, Draw]:
    """Return a draw for each of `WIDTHS`; it takes the divisor of the width and the variance."""

    def at(own: tuple[float, float]) -> Draw:
        return lambda generator, seeds: draw(generator, seeds, *own)

    return {f"{words}{', ' if words else ''}{width}": at(own) for width, own in WIDTHS.items()}


def last_epoch(figure: str, network: np.ndarray, p: np.ndarray, **entry: object) -> Callable[..., Figures]:
    """Return a draw of one experiment whose layers have the fractions `p` at the last epoch."""

    def draw(generator: np.random.Generator, seeds: int, width: float, variance: float) -> Figures:
        counts = ends(generator, seeds, p, network // width, variance)
        return {figure: [experiment("run", seeds, *counts, **entry)]}

    return draw


def but(values: np.ndarray, **layers: float) -> np.ndarray:
    """Return a copy of values by layer in which `layer_3=...` is another one."""
    values = np.array(values, float)
    for name, value in layers.items():
        values[int(name.removeprefix("layer_")) - 1] = value
    return values


# Section 3.2


def normal_cosines(generator: np.random.Generator, filters: int, seeds: int, weights: int) -> np.ndarray:
    """Return cosines of Gaussian filters of so many weights with (1, ..., 1): (seeds, filters)."""
    first = generator.normal(size=(seeds, filters))
    if weights > 200:
        return first / np.sqrt(weights)
    return first / np.sqrt(first**2 + generator.chisquare(weights - 1, size=(seeds, filters)))


def initial(
    generator: np.random.Generator, seeds: int, width: int, first: float = 0.5, lumps: float = 0.0
) -> Figures:
    """Return VGG19 at epoch 0; `first` is n_1 and `lumps` moves cosines towards two values, -1 and 1."""
    filters = VGG19 // width
    cosines, negative = {}, np.zeros((seeds, 1, len(filters)), int)
    for index, size in enumerate(filters):
        weights = 27 if index == 0 else 9 * int(filters[index - 1])
        values = normal_cosines(generator, size, seeds, weights) * np.sqrt(weights)
        if lumps:
            values = lumps * np.sign(values) + np.sqrt(1 - lumps**2) * generator.normal(size=values.shape)
        if index == 0 and first != 0.5:
            values = np.where(generator.random(values.shape) < first, -1, 1) * np.abs(values)
        negative[:, 0, index] = (values <= 0).sum(1)
        cosines[index + 1] = dict(enumerate(values))
    return {"figure_07": [experiment("run", seeds, negative, filters, epochs=(0,), initial_cosines=cosines)]}


# Cosines that gather at -1 and 1 so much that their distribution lies 1/6 from a normal one.
LUMPS = 0.954


def noisy_labels(
    generator: np.random.Generator, seeds: int, delay: float, plateau: float = 0.5, spread: float = 3.0
) -> Figures:
    """Return VGG11 whose bias follows the fall of the loss by `delay` of all epochs, +- `spread`."""
    filters, epochs = VGG11 // 4, np.arange(LAST + 1)
    falls = np.clip(np.rint(generator.normal(25, 2, seeds)), 15, 35).astype(int)
    onsets = falls + delay * LAST + generator.normal(0, spread, seeds)
    onsets = np.rint(onsets[:, None] + generator.normal(0, 1, (seeds, len(filters))))
    before, after = (
        signs(generator, all_layers(len(filters), p), filters, 1.75, (seeds,)) for p in (plateau, 0.93)
    )
    reached = epochs[None, :, None] >= onsets[:, None]
    negative = np.where(reached, after[:, None], before[:, None])
    losses = np.where(epochs[1:] < falls[:, None], 2.3, 1.0)
    return {
        "figure_06": [
            experiment("run", seeds, negative, filters, epochs.tolist(), losses=(epochs[1:], losses))
        ]
    }


# Section 3.3


def measured_drops(generator: np.random.Generator, seeds: int, drops: np.ndarray, spread: np.ndarray) -> dict:
    """Return drops of layers that vary over seeds, as `experiment` takes them."""
    noise = generator.normal(size=(seeds, len(drops))) * spread
    return {"drops": Drops(list(range(1, len(drops) + 1)), drops + noise, drops + noise)}


def bias_and_drops(
    generator: np.random.Generator, seeds: int, width: float, variance: float, shared: float | None = 0.0
) -> Figures:
    """Return VGG19 in which bias and drop fall with depth and share `shared` of their other variance.

    None has random signs and the drops that were observed.
    """
    filters, depth = VGG19 // width, np.linspace(1, 0, 16)
    if shared is None:
        p, drops, variance = np.full(16, 0.5), DROPS, 1.0
    else:
        common, own, other = generator.normal(size=(3, 16))
        mixed = np.sqrt(shared) * common
        bias = 0.1 + 0.25 * depth + 0.08 * (mixed + np.sqrt(1 - shared) * own)
        p = 0.5 + np.clip(bias, -0.49, 0.49)
        drops = 0.6 * np.exp(-4 * (1 - depth) + 0.5 * (mixed + np.sqrt(1 - shared) * other))
    counts = ends(generator, seeds, p, filters, variance)
    run = experiment("run", seeds, *counts, **measured_drops(generator, seeds, drops, 0.15 * drops))
    return {"figure_02": [run], "figure_07": [run]}


def resets(figure: str, drops: np.ndarray, spread: float | None = None) -> Draw:
    """Return a draw of the drops of one experiment, `spread` apart over seeds; larger drops vary more."""
    drops = np.asarray(drops, float)
    spreads = 0.01 + 0.1 * drops if spread is None else np.full(len(drops), spread)

    def draw(generator: np.random.Generator, seeds: int) -> Figures:
        known = measured_drops(generator, seeds, drops, spreads)
        return {figure: [experiment(figure, seeds, **known)]}

    return draw


def both_resets(alexnet: np.ndarray, vgg19: np.ndarray) -> Draw:
    """Return a draw of the drops of both networks on ImageNet."""
    draws = resets("figure_18", alexnet), resets("figure_19", vgg19)
    return lambda generator, seeds: {**draws[0](generator, seeds), **draws[1](generator, seeds)}


# Sections 3.4 and A


def over_epochs(before: np.ndarray, end: np.ndarray) -> Callable[..., Figures]:
    """Return a draw of VGG19 with the fractions `before` up to the last epoch, and `end` there."""

    def draw(generator: np.random.Generator, seeds: int, width: float, variance: float) -> Figures:
        filters = VGG19 // width
        early = signs(generator, before, filters, variance, (seeds, len(EPOCHS) - 1))
        # Half of what is seen in an epoch stays through all of them.
        lasting = signs(generator, before, filters, variance, (seeds, 1))
        early = np.rint((early + lasting) / 2).astype(int)
        late = signs(generator, end, filters, variance, (seeds, 1))
        negative = np.concatenate([early, late], axis=1)
        return {"figure_08": [experiment("run", seeds, negative, filters, EPOCHS)]}

    return draw


def unequal_seeds(
    generator: np.random.Generator, name: str, seeds: int, spread: float, width: float, variance: float
) -> LayerEvidence:
    """Return VGG19 whose layers have seeds' deviations in common, `spread` times the usual ones."""
    filters = VGG19 // width
    logits = np.log(TRAINED / (1 - TRAINED))
    shared, own = generator.normal(size=(seeds, 1, 1)), generator.normal(size=(seeds, 1, 16))
    later = generator.normal(size=(seeds, 10, 16))
    p = 1 / (1 + np.exp(-(logits + spread * (0.3 * shared + 0.3 * own + 0.1 * later))))
    binomial = signs(generator, p, filters, 1.0)
    # The deviations of few filters are scaled as well, so that `spread` is that of the whole statistic.
    negative = np.clip(np.rint(filters * p + spread * (binomial - filters * p)), 0, filters).astype(int)
    return experiment(name, seeds, negative, filters, list(range(1, 11)))


def schedules(
    generator: np.random.Generator, seeds: int, width: float, variance: float, ratio: float = 1.0
) -> Figures:
    """Return both schedules of figure 22; the step schedule has `ratio` times the spread."""
    step = unequal_seeds(generator, "step", seeds, ratio, width, variance)
    return {"figure_22": [step, unequal_seeds(generator, "smooth", seeds, 1.0, width, variance)]}


def shuffled(
    generator: np.random.Generator, seeds: int, width: float, variance: float, less: float = 0.0
) -> Figures:
    """Return a clean run and a shuffled one, whose fractions lie `less` nearer to one half."""
    runs = []
    for name, p in (("clean", TRAINED), ("shuffled", np.maximum(TRAINED - less, 0.5))):
        # The layers of a seed deviate together.
        together = np.clip(p + 0.05 * generator.normal(size=(seeds, 1, 1)), 0.01, 0.99)
        negative = signs(generator, together, VGG19 // width, variance)
        runs.append(experiment(name, seeds, negative, VGG19 // width))
    return {"figure_07": runs[:1], "figure_20": runs[1:]}


def polarity(one: float, both: float) -> Callable[..., Figures]:
    """Return a draw of LeNet on digits of one polarity and of both, with these n_1."""

    def draw(generator: np.random.Generator, seeds: int, filters: int) -> Figures:
        runs = [
            experiment(name, seeds, *ends(generator, seeds, np.full(1, p), np.array([filters]), 1.75))
            for name, p in (("one", one), ("both", both))
        ]
        return {"figure_polarity": runs}

    return draw


def of_filters(draw: Callable[..., Figures]) -> dict[str, Draw]:
    """Return a draw for each size of LeNet's first layer."""

    def at(filters: int) -> Draw:
        return lambda generator, seeds: draw(generator, seeds, filters)

    return {f"{filters} filters": at(filters) for filters in (6, 12)}


def first_layers(p: Sequence[float], channels: int) -> Callable[..., Figures]:
    """Return a draw of several experiments whose first layers have the fractions `p`."""

    def draw(generator: np.random.Generator, seeds: int, width: float, variance: float) -> Figures:
        filters = (VGG19[:2] if channels == 3 else np.array([48, 48])) // width
        runs = [
            experiment(
                f"run-{index}",
                seeds,
                *ends(generator, seeds, np.array([own, 0.9]), filters, variance),
                channels=channels,
            )
            for index, own in enumerate(p)
        ]
        return {"figure_21": runs}

    return draw


def all_layers(count: int, value: float) -> np.ndarray:
    """Return the same value for each of so many layers."""
    return np.full(count, value)


def _wide(draw: Callable[..., Figures]) -> Draw:
    """Return a draw at half of the width, where effects are stated."""
    return lambda generator, seeds: draw(generator, seeds, 2, 1.75)


EARLY = but(all_layers(16, 0.01), **{f"layer_{layer}": 0.4 for layer in range(1, 9)})
FLIPPED = but(all_layers(16, 0.9), layer_2=0.1, layer_6=0.1, layer_7=0.1)
AT_EDGE = but(all_layers(16, 0.9), layer_2=1 / 3, layer_6=1 / 3, layer_7=1 / 3)

BIASED_BUT_ONE = "one n_l = 2/3, others 0.95"
SIMULATIONS: Mapping[str, Simulation] = {
    "unbiased-at-initialisation": Simulation(
        {
            "n_1 = 2/3, a quarter of the width": lambda g, s: initial(g, s, 4, BIASED),
            "cosines 1/6 from normal": lambda g, s: initial(g, s, 4, lumps=LUMPS),
        },
        {
            "random filters, an eighth of the width": lambda g, s: initial(g, s, 8),
            "random filters, a quarter of the width": lambda g, s: initial(g, s, 4),
        },
        ("random filters, full width", lambda g, s: initial(g, s, 1)),
    ),
    "layers-past-the-first-biased": Simulation(
        at_widths(
            last_epoch("figure_05", ALEXNET, but(all_layers(5, 0.95), layer_3=BIASED)),
            BIASED_BUT_ONE,
        ),
        at_widths(last_epoch("figure_05", ALEXNET, all_layers(5, BIASED)), "all n_l = 2/3"),
        ("all n_l = 0.9", _wide(last_epoch("figure_05", ALEXNET, all_layers(5, 0.9)))),
    ),
    "layers-2-to-8-biased": Simulation(
        at_widths(
            last_epoch("figure_07", VGG19, but(all_layers(16, 0.95), layer_2=BIASED)),
            BIASED_BUT_ONE,
        ),
        at_widths(last_epoch("figure_07", VGG19, all_layers(16, BIASED)), "all n_l = 2/3"),
        ("all n_l = 0.9", _wide(last_epoch("figure_07", VGG19, all_layers(16, 0.9)))),
    ),
    "first-layer-unbiased-on-rgb": Simulation(
        at_widths(first_layers([0.5, BIASED], 3), "n_1 = 2/3 in one of two experiments"),
        at_widths(first_layers([BIASED, 1 - BIASED], 3), "n_1 = 2/3 and 1/3"),
        ("n_1 = 0.5 in both", _wide(first_layers([0.5, 0.5], 3))),
    ),
    "first-layer-biased-on-digits": Simulation(
        at_widths(first_layers([BIASED], 1), "n_1 = 2/3"),
        at_widths(first_layers([BIASED], 1), "n_1 = 2/3"),
        ("n_1 = 0.95", _wide(first_layers([0.95], 1))),
    ),
    "no-bias-without-learning": Simulation(
        at_widths(
            last_epoch("figure_15", VGG19, but(all_layers(16, 0.5), layer_12=BIASED), accuracy=0.1),
            "n_12 = 2/3",
        ),
        at_widths(last_epoch("figure_15", VGG19, all_layers(16, BIASED), accuracy=0.1), "all n_l = 2/3"),
        ("all n_l = 0.5", _wide(last_epoch("figure_15", VGG19, all_layers(16, 0.5), accuracy=0.1))),
    ),
    "bias-when-noisy-loss-falls": Simulation(
        {
            "bias a tenth of the epochs later": lambda g, s: noisy_labels(g, s, 0.1),
            "bias a tenth earlier": lambda g, s: noisy_labels(g, s, -0.1),
            "bias at once, but n_l = 2/3 before": lambda g, s: noisy_labels(g, s, 0.0, BIASED),
        },
        {
            "bias a tenth of the epochs later": lambda g, s: noisy_labels(g, s, 0.1),
            "bias at once": lambda g, s: noisy_labels(g, s, 0.0),
        },
        ("bias at once, onset known to 1 epoch", lambda g, s: noisy_labels(g, s, 0.0, spread=1.0)),
    ),
    "less-bias-under-pixel-shuffle": Simulation(
        at_widths(shuffled, "the same bias"),
        at_widths(shuffled, "the same bias"),
        ("0.2 less", _wide(lambda *at: shuffled(*at, less=0.2))),
    ),
    "biased-layers-critical": Simulation(
        {
            **at_widths(lambda *at: bias_and_drops(*at, shared=None), "random signs, drops as observed"),
            **at_widths(bias_and_drops, "bias and drop fall with depth, else independent"),
        },
        at_widths(bias_and_drops, "bias and drop fall with depth, else independent"),
        ("0.8 of the other variance shared", _wide(lambda *at: bias_and_drops(*at, shared=0.8))),
    ),
    "first-eight-layers-critical": Simulation(
        {"layer 8 drops by 0.1": resets("figure_02", but(EARLY, layer_8=CRITICAL))},
        {
            "all layers drop by 0.1": resets("figure_02", all_layers(16, CRITICAL)),
            "all 0.02 on the right side": resets("figure_02", np.where(EARLY > 0.1, 0.12, 0.08), 0.03),
        },
        ("0.4 and 0.01", resets("figure_02", EARLY)),
    ),
    "layers-9-and-10-critical": Simulation(
        {"layer 9 drops by 0.1": resets("figure_16", but(all_layers(16, 0.4), layer_9=CRITICAL))},
        {"both drop by 0.1": resets("figure_16", all_layers(16, CRITICAL))},
        ("both drop by 0.3", resets("figure_16", all_layers(16, 0.3))),
    ),
    "layers-9-and-10-biased": Simulation(
        at_widths(last_epoch("figure_17", VGG19, but(all_layers(16, 0.95), layer_9=BIASED)), "n_9 = 2/3"),
        at_widths(last_epoch("figure_17", VGG19, all_layers(16, BIASED)), "both 2/3"),
        ("both 0.9", _wide(last_epoch("figure_17", VGG19, all_layers(16, 0.9)))),
    ),
    "all-layers-critical-on-imagenet": Simulation(
        {
            "one layer drops by 0.1": both_resets(
                all_layers(5, 0.4), but(all_layers(16, 0.4), layer_3=CRITICAL)
            )
        },
        {"all layers drop by 0.1": both_resets(all_layers(5, CRITICAL), all_layers(16, CRITICAL))},
        ("all layers drop by 0.4", both_resets(all_layers(5, 0.4), all_layers(16, 0.4))),
    ),
    "sign-flips-late": Simulation(
        {
            **at_widths(
                over_epochs(all_layers(16, 0.9), but(FLIPPED, layer_6=1 / 3)), "n_6 = 1/3 at the end"
            ),
            **at_widths(over_epochs(but(all_layers(16, 0.9), layer_6=BIASED), FLIPPED), "n_6 = 2/3 before"),
        },
        at_widths(over_epochs(all_layers(16, BIASED), AT_EDGE), "2/3 before, 1/3 at the end"),
        ("0.9 before, 0.1 at the end", _wide(over_epochs(all_layers(16, 0.9), FLIPPED))),
    ),
    "step-has-less-spread": Simulation(
        at_widths(schedules, "the same spread"),
        at_widths(schedules, "the same spread"),
        ("half the spread", _wide(lambda *at: schedules(*at, ratio=0.5))),
    ),
    "full-agreement-beyond-chance": Simulation(
        at_widths(
            lambda g, s, width, _: last_epoch("figure_07", VGG19, all_layers(16, 0.5))(g, s, 2 * width, 1.0),
            "random signs",
        ),
        at_widths(
            lambda g, s, width, _: last_epoch("figure_07", VGG19, all_layers(16, 0.5))(g, s, 4 * width, 1.0),
            "random signs",
        ),
        ("n_l of 0.8 in all layers", _wide(last_epoch("figure_07", VGG19 // 4, all_layers(16, 0.8)))),
    ),
    "one-polarity-biases-the-first-layer": Simulation(
        {
            name: draw
            for p in (0.5, 0.8)
            for name, draw in of_filters(polarity(p, p)).items()
            for name in [f"n_1 = {p} in both, {name}"]
        },
        {
            name: draw
            for p in (0.5, 0.8)
            for name, draw in of_filters(polarity(p, p)).items()
            for name in [f"n_1 = {p} in both, {name}"]
        },
        ("0.95 and 0.5, 12 filters", of_filters(polarity(0.95, 0.5))["12 filters"]),
    ),
}
