"""Made-up results of the study of invariance of which it is known whether a claim is true.

As in `claim_nulls`: draws on which a claim is false, on which it is true, and on which it is true by a stated
effect; where a threshold decides, false and true lie at it. Means of M vary over seeds by 0.02, as on digits,
those of a layer by 0.05; M of neighbouring layers varies together. All networks of a figure have their own.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import numpy as np
import pandas as pd

from anatomy.studies.invariance.agreement import mean_correlation, pair_correlations, without_outputs
from anatomy.studies.invariance.evidence import InvarianceEvidence, depth_correlations
from claim_nulls import Draw, Figures, Simulation, accuracies

# Layers and outputs of SimpleConv, and classes.
LAYERS, OUTPUTS, CLASSES = 16, 10, 10
# Standard deviations over seeds: of a network's mean M, of what two of its means differ by, and of a layer.
OF_NETWORK, OF_KINDS, OF_LAYER = 0.02, 0.01, 0.05
# How far the deviations of neighbouring layers go together.
NEIGHBOURS = 0.6
STABLE = 0.9

Generator = np.random.Generator
Numbers = Callable[[Generator, int], pd.Series | np.ndarray]


def experiment(name: str, seeds: int, **known: Callable[..., object]) -> InvarianceEvidence:
    """Return an experiment of arrays over seeds instead of tables; `known` are its methods."""
    outputs = pd.DataFrame({"class": range(CLASSES)})
    evidence = InvarianceEvidence(name, name, "images", 0.1, 1, {"training": None, "outputs": outputs})
    # What is read from tables is known already, and all seeds have learned.
    vars(evidence).update(known, final_accuracies=accuracies(seeds, 0.95), of_seeds=lambda _: evidence)
    if "pooled" not in known:
        vars(evidence)["pooled"] = lambda: accuracies(seeds, 0.95)
    return evidence


def by_seed(values: np.ndarray) -> pd.Series:
    """Return values as a series over seeds from 0 on."""
    return pd.Series(values)


def pairs_of(networks: Sequence[Mapping[str, Numbers]]) -> Draw:
    """Return a draw of the figure of layers: of each network methods by name, and their values by seed."""

    def draw(generator: Generator, seeds: int) -> Figures:
        own = []
        for place, methods in enumerate(networks):
            known = {key: partial(_same, numbers(generator, seeds)) for key, numbers in methods.items()}
            own.append(experiment(f"run-{place}", seeds, **known))
        return {"invariance_layers": own}

    return draw


def _same(values: pd.Series | np.ndarray) -> pd.Series | np.ndarray:
    return values


def differences(*means: float) -> Draw:
    """Return a draw of pairs: the mean M of the rotated network minus that of the plain one, of each pair."""

    def draw(generator: Generator, seeds: int) -> Figures:
        own = []
        for place, mean in enumerate(means):
            shared = generator.normal(0, OF_NETWORK, seeds)
            for training, level in (("plain", 0.8), ("rotated", 0.8 + mean)):
                values = by_seed(level + 0.5 * shared + generator.normal(0, OF_NETWORK, seeds))
                own.append(experiment(f"{training}-{place}", seeds, pooled=partial(_same, values)))
        return {"invariance_layers": own}

    return draw


def kinds(*means: float) -> Draw:
    """Return a draw of networks of which one mean of M minus another is one of `means`, in turn."""

    def draw(generator: Generator, seeds: int) -> Figures:
        own = []
        for place, mean in enumerate(means):
            level = 0.8 + generator.normal(0, OF_NETWORK, seeds)
            values = {
                False: by_seed(level),
                True: by_seed(level + mean + generator.normal(0, OF_KINDS, seeds)),
            }
            own.append(experiment(f"run-{place}", seeds, pooled=partial(_kind, values)))
        return {"invariance_layers": own}

    return draw


def _kind(values: Mapping[bool, pd.Series], kind: str = "all", aggregation: str | None = None) -> pd.Series:
    """Return the mean that is subtracted, or the one that it is subtracted from."""
    return values[kind == "all" and aggregation != "max"]


def deviations(generator: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return deviations (..., layers) of variance 1 of which neighbours go together (AR(1))."""
    noise = generator.normal(size=shape)
    for layer in range(1, shape[-1]):
        new = np.sqrt(1 - NEIGHBOURS**2) * noise[..., layer]
        noise[..., layer] = NEIGHBOURS * noise[..., layer - 1] + new
    return noise


DEPTH = np.linspace(-1, 1, LAYERS)


def depths(profile: np.ndarray) -> Numbers:
    """Return correlations with depth of seeds whose layers have this profile, but for their deviations."""
    return lambda generator, seeds: by_seed(
        depth_correlations(profile + OF_LAYER * deviations(generator, (seeds, LAYERS)))
    )


def agreements(shared: float, alike: bool = False) -> Numbers:
    """Return correlations of maps that have `shared` of what differs between classes in common.

    With `alike` all outputs differ between classes in the same way, so that a map has as many independent
    values as there are classes.
    """
    outputs = 1 if alike else OUTPUTS

    def numbers(generator: Generator, seeds: int) -> np.ndarray:
        common, own = (generator.normal(size=(count, outputs, CLASSES)) for count in (1, seeds))
        maps = np.sqrt(shared) * common + np.sqrt(1 - shared) * own
        levels = generator.normal(size=(1, OUTPUTS, 1))
        return pair_correlations(without_outputs(levels + maps))

    return numbers


@cache
def spread_at(correlation: float) -> float:
    """Return the deviation of layers, over that of their profile, at which seeds have this correlation."""
    generator = np.random.default_rng(0)
    # The larger it is the less they agree.
    low, high, noise = 0.0, 2.0, deviations(generator, (4000, LAYERS))
    for _ in range(30):
        middle = (low + high) / 2
        found = mean_correlation(pair_correlations(PROFILE + middle * noise))[0]
        low, high = (middle, high) if found > correlation else (low, middle)
    return low


# M of layers falls, rises and falls again.
PROFILE = np.sin(np.linspace(0, 5, LAYERS))


def seeds_of(untrained: float, trained: float) -> Draw:
    """Return a draw of networks whose seeds have these correlations over layers, at both ends of training."""

    def draw(generator: Generator, seeds: int) -> Figures:
        values = {
            key: pair_correlations(PROFILE + spread_at(own) * deviations(generator, (seeds, LAYERS)))
            for key, own in ((0, untrained), (None, trained))
        }
        return {"invariance_stability": [experiment("run", seeds, seed_correlations=partial(_at, values))]}

    return draw


def _at(values: Mapping[int | None, np.ndarray], epoch: int | None = None) -> np.ndarray:
    return values[epoch]


def outputs_of(*networks: Numbers) -> Draw:
    """Return a draw of networks whose maps of outputs and classes agree so."""
    return pairs_of([{"class_agreement": own} for own in (*networks, *networks)[:2]])


FLAT, BENT, RISING = np.zeros(LAYERS), np.abs(DEPTH), 0.3 * DEPTH
SIMULATIONS: Mapping[str, Simulation] = {
    "rotated-training-lowers-m": Simulation(
        {"no difference": differences(0), "no difference in one of two pairs": differences(0, -0.2)},
        {"no difference": differences(0), "no difference in both pairs": differences(0, 0)},
        ("0.1 lower in both pairs", differences(-0.1, -0.1)),
    ),
    **{
        name: Simulation(
            {"no difference in one of two networks": kinds(0, -0.2)},
            {"no difference in both networks": kinds(0, 0)},
            ("0.05 lower in both networks", kinds(-0.05, -0.05)),
        )
        for name in ("all-images-below-stratified", "mean-of-maps-below-maximum")
    },
    "lower-layers-most-invariant": Simulation(
        {
            "all layers the same in one of two networks": pairs_of(
                [{"depth_correlation": depths(own)} for own in (FLAT, RISING)]
            ),
            "first and last layers alike": pairs_of([{"depth_correlation": depths(BENT)}] * 2),
        },
        {
            "all layers the same": pairs_of([{"depth_correlation": depths(FLAT)}] * 2),
            "first and last layers alike": pairs_of([{"depth_correlation": depths(BENT)}] * 2),
        },
        ("M rises by 0.6", pairs_of([{"depth_correlation": depths(RISING)}] * 2)),
    ),
    "output-depends-on-the-class": Simulation(
        {
            "chance in one of two networks": outputs_of(agreements(0.0), agreements(0.5)),
            "chance, the same for all outputs": outputs_of(agreements(0.0, True)),
        },
        {
            "chance in both networks": outputs_of(agreements(0.0), agreements(0.0)),
            "chance, the same for all outputs": outputs_of(*[agreements(0.0, True)] * 2),
        },
        ("0.9 of the variance in common", outputs_of(agreements(0.9), agreements(0.9))),
    ),
    "stable-to-initialisation": Simulation(
        {
            "correlation 0.9 without training, 0.99 with": seeds_of(STABLE, 0.99),
            "correlation 0.9 with training, 0.99 without": seeds_of(0.99, STABLE),
        },
        {"correlation 0.9": seeds_of(STABLE, STABLE)},
        ("correlation 0.99", seeds_of(0.99, 0.99)),
    ),
}
