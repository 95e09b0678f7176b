"""Made-up results of the study of subspaces of which it is known whether a claim is true.

As in `claim_nulls`: draws on which a claim is false, on which it is true, and on which it is true by a stated
effect; where a threshold decides, false and true lie at it. Accuracies are counts of 10,000 test images;
runs of one seed share a part of what makes their seed good or bad. What two networks have together, the
accuracy of their ensemble and how often they disagree, shares the parts of both.
"""

from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from anatomy.studies.subspaces.evidence import SubspaceEvidence
from claim_nulls import Draw, Figures, Simulation, accuracies

IMAGES = 10_000
# Standard deviation over seeds of the accuracy of one network, what of its variance runs of one seed share,
# and what is left of the deviation in an ensemble of two.
SPREAD, SHARED, TOGETHER = 0.003, 0.3, 0.8
ONE, TWO = 0.92, 0.934
DISAGREE = 0.08

Values = Mapping[str, Callable[..., pd.Series] | pd.Series]


def experiment(name: str, seeds: int, kind: str, **known: object) -> SubspaceEvidence:
    """Return an experiment of arrays instead of tables; `known` are values by seed, of its methods."""
    evidence = SubspaceEvidence(name, name, "images", 0.1, 3, {"training": None})
    own = {"kind": kind, "beta": float(kind != "standard"), "layerwise": False, "noise": 0.0}
    own |= {"plain": kind == "standard", "final_accuracies": accuracies(seeds, 0.95), "average": nothing}
    for method, value in known.items():
        own[method] = constant(value) if isinstance(value, pd.Series) else value
    # What is read from tables is known already.
    vars(evidence).update(own)
    return evidence


def constant(value: pd.Series) -> Callable[..., pd.Series]:
    """Return a method that has this value, whatever it is asked for."""
    return lambda *_: value


def nothing(*_: object) -> pd.Series:
    """Return no averaged snapshots."""
    return pd.Series(dtype=float)


def by_seed(values: np.ndarray) -> pd.Series:
    """Return values as a series over seeds from 0 on."""
    return pd.Series(values, index=range(len(values)))


def counted(generator: np.random.Generator, accuracy: np.ndarray) -> pd.Series:
    """Return accuracies on test images, of networks of these accuracies on all."""
    return by_seed(generator.binomial(IMAGES, np.clip(accuracy, 0, 1)) / IMAGES)


def trained(
    generator: np.random.Generator, common: np.ndarray, mean: float, spread: float = SPREAD
) -> pd.Series:
    """Return accuracies of runs with what their seeds have in `common` (seeds,), around a mean."""
    own = generator.normal(size=len(common))
    return counted(generator, mean + spread * (SHARED**0.5 * common + (1 - SHARED) ** 0.5 * own))


def differences(figure: str, gaps: tuple[float, ...], method: str = "middle", of: str = "standard") -> Draw:
    """Return a draw of lines whose mid-points are better than something else by so much each.

    `method` is that of the other network, an experiment of kind `of`, or of the same line (`itself`).
    """

    def draw(generator: np.random.Generator, seeds: int) -> Figures:
        common = generator.normal(size=seeds)
        other = trained(generator, common, ONE)
        found = [] if of == "itself" else [experiment("standard", seeds, of, **{method: other})]
        for index, gap in enumerate(gaps):
            known = {"middle": trained(generator, common, ONE + gap)}
            known |= {method: trained(generator, common, ONE)} if of == "itself" else {}
            found.append(experiment(f"line {index}", seeds, "line", **known))
        return {figure: found}

    return draw


def calibration(*gaps: float) -> Draw:
    """Return a draw of calibration errors, which are skewed, of single networks and of lines below them."""

    def errors(generator: np.random.Generator, mean: float, seeds: int) -> pd.Series:
        return by_seed(generator.gamma(25, mean / 25, seeds))

    def draw(generator: np.random.Generator, seeds: int) -> Figures:
        single = experiment("standard", seeds, "standard", middle=errors(generator, 0.04, seeds))
        lines = [
            experiment(f"line {index}", seeds, "line", middle=errors(generator, 0.04 - gap, seeds))
            for index, gap in enumerate(gaps)
        ]
        return {"subspaces_calibration": [single, *lines]}

    return draw


def lowest(*gaps: float) -> Draw:
    """Return a draw of the worst points of lines, so far below standard training."""

    def draw(generator: np.random.Generator, seeds: int) -> Figures:
        common = generator.normal(size=seeds)
        single = experiment("standard", seeds, "standard", middle=trained(generator, common, ONE))
        lines = [
            experiment(f"line {index}", seeds, "line", lowest=trained(generator, common, ONE + gap, 0.006))
            for index, gap in enumerate(gaps)
        ]
        return {"subspaces_figure_4": [single, *lines]}

    return draw


def of_pairs(generator: np.random.Generator, parts: np.ndarray, mean: float, own: float) -> pd.Series:
    """Return what each seed has together with others, their mean, of a part of each seed (seeds,)."""
    seeds = len(parts)
    table = np.full((seeds, seeds), np.nan)
    for i, j in combinations(range(seeds), 2):
        value = mean + (parts[i] + parts[j]) / 2 + generator.normal(0, own)
        table[i, j] = table[j, i] = generator.binomial(IMAGES, value) / IMAGES
    return by_seed(np.nanmean(table, 1))


def ensembles(*shares: float) -> Draw:
    """Return a draw of lines whose ensembles of two points reach a share of the way to two networks."""

    def draw(generator: np.random.Generator, seeds: int) -> Figures:
        common = generator.normal(size=seeds)
        parts = SPREAD * TOGETHER * common
        single = experiment(
            *("standard", seeds, "standard"),
            middle=trained(generator, common, ONE),
            two_seeds=of_pairs(generator, parts, TWO, SPREAD / 4),
        )
        lines = [
            experiment(
                *(f"line {index}", seeds, "line"),
                of_pair=trained(generator, common, ONE + share * (TWO - ONE)),
            )
            for index, share in enumerate(shares)
        ]
        return {"subspaces_figure_4": [single, *lines]}

    return draw


def diversity(*shares: float) -> Draw:
    """Return a draw of lines whose ends disagree as often as so many of two networks."""

    def draw(generator: np.random.Generator, seeds: int) -> Figures:
        common = generator.normal(size=seeds)
        independent = of_pairs(generator, 0.003 * common, DISAGREE, 0.001)
        single = experiment("standard", seeds, "standard", two_seeds=independent)
        lines = [
            experiment(
                *(f"line {index}", seeds, "line"),
                of_pair=trained(generator, common, share * DISAGREE, 0.004),
            )
            for index, share in enumerate(shares)
        ]
        return {"subspaces_figure_4": [single], "subspaces_ends": lines}

    return draw


def cosines(decades: float) -> Draw:
    """Return a draw of squared cosines of ends, without beta larger by so many powers of ten."""

    def draw(generator: np.random.Generator, seeds: int) -> Figures:
        def line(name: str, beta: float, exponent: float) -> SubspaceEvidence:
            values = by_seed(10 ** generator.normal(exponent, 0.4, seeds))
            return experiment(name, seeds, "line", final_geometry=values, beta=beta)

        return {"subspaces_ends": [line("beta", 1.0, -6), line("no beta", 0.0, decades - 6)]}

    return draw


def averages(*gaps: float) -> Draw:
    """Return a draw of averaged snapshots, and of lines better by so much."""
    draw = differences("subspaces_swa", gaps, "average")

    def without_steps(generator: np.random.Generator, seeds: int) -> Figures:
        (averaged, *lines), *_ = draw(generator, seeds).values()
        vars(averaged)["plain"] = False
        return {"subspaces_swa": [averaged, *lines]}

    return without_steps


def label_noise(method: str, *gaps: float) -> Draw:
    """Return a draw of lines and of standard training at as many fractions of label noise."""

    def draw(generator: np.random.Generator, seeds: int) -> Figures:
        found = []
        for index, gap in enumerate(gaps):
            noise = (1 + index) / 5
            common, mean, spread = generator.normal(size=seeds), ONE - noise / 2, SPREAD * (1 + noise)
            other = trained(generator, common, mean, spread)
            own = trained(generator, common, mean + gap, spread)
            single = {"noise": noise, "middle": other, "stopped": other}
            found.append(experiment(f"standard {index}", seeds, "standard", **single))
            found.append(experiment(f"line {index}", seeds, "line", noise=noise, middle=own))
        return {"subspaces_label_noise": found}

    return draw


def costs(*factors: float) -> Draw:
    """Return a draw of the times of lines, so many times those of standard training."""

    def times(generator: np.random.Generator, factor: float, seeds: int) -> pd.Series:
        return by_seed(1000 * factor * np.exp(generator.normal(0, 0.1, seeds)))

    def draw(generator: np.random.Generator, seeds: int) -> Figures:
        single = experiment("standard", seeds, "standard", seconds=times(generator, 1, seeds))
        lines = [
            experiment(f"line {index}", seeds, "line", seconds=times(generator, factor, seeds))
            for index, factor in enumerate(factors)
        ]
        return {"subspaces_figure_4": [single, *lines]}

    return draw


def of_gaps(
    draw: Callable[..., Draw], at: float, well: float, nouns: str = "lines", unit: str = ""
) -> tuple[dict[str, Draw], dict[str, Draw]]:
    """Return where a claim of several is false, one of them at the threshold, and true, all at it."""
    words = f"{at:g}{unit}"
    return (
        {
            f"{words} of one": draw(at),
            f"{words} of one of two {nouns}, {well:g}{unit} of the other": draw(well, at),
        },
        {f"{words} of one": draw(at), f"{words} of two {nouns}": draw(at, at)},
    )


SIMULATIONS: Mapping[str, Simulation] = {
    "mid-point-above-the-ends": Simulation(
        *of_gaps(lambda *gaps: differences("subspaces_figure_4", gaps, "ends", "itself"), 0, 0.02),
        ("0.01 better", differences("subspaces_figure_4", (0.01,), "ends", "itself")),
    ),
    "mid-point-above-standard-training": Simulation(
        *of_gaps(lambda *gaps: differences("subspaces_figure_4", gaps), 0, 0.02),
        ("0.01 better", differences("subspaces_figure_4", (0.01,))),
    ),
    "mid-point-better-calibrated": Simulation(
        *of_gaps(calibration, 0, 0.03), ("0.02 better", calibration(0.02))
    ),
    "every-point-accurate": Simulation(*of_gaps(lowest, -0.02, 0.01), ("0.005 worse", lowest(-0.005))),
    "two-points-approach-two-networks": Simulation(
        *of_gaps(ensembles, 0.5, 1.2, unit=" of the way"), ("all of the way", ensembles(1.0))
    ),
    "mid-point-above-averaged-weights": Simulation(
        *of_gaps(averages, 0, 0.02), ("0.01 better", averages(0.01))
    ),
    "mid-point-robust-to-label-noise": Simulation(
        *of_gaps(lambda *gaps: label_noise("middle", *gaps), 0, 0.03, "fractions"),
        ("0.02 better at two fractions", label_noise("middle", 0.02, 0.02)),
    ),
    "mid-point-above-early-stopping": Simulation(
        *of_gaps(lambda *gaps: label_noise("stopped", *gaps), 0, 0.03, "fractions"),
        ("0.02 better at two fractions", label_noise("stopped", 0.02, 0.02)),
    ),
    "cost-of-one-network": Simulation(
        *of_gaps(costs, 2**0.5, 1.0, unit=" times"), ("1.1 times the time", costs(1.1))
    ),
    "beta-keeps-ends-apart": Simulation(
        {"ten times the squared cosine": cosines(1)},
        {"ten times the squared cosine": cosines(1)},
        ("a thousand times the squared cosine", cosines(3)),
    ),
    "ends-as-diverse-as-independent-networks": Simulation(
        *of_gaps(diversity, 0.5, 1.0, unit=" of the disagreement"),
        ("0.8 of the disagreement", diversity(0.8)),
    ),
}
