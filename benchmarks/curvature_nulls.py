"""Made-up results of the study of curvature of which it is known whether a claim is true.

As in `claim_nulls`: draws on which a claim is false, on which it is true, and on which it is true by a stated
effect; where a threshold decides, false and true lie at it. Spreads over seeds are those of
docs/results/curvature; logarithms of large-norm training have the tails of Student's t with 3 degrees of
freedom. Counts are whole, accuracies those of 60 test points.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd

from anatomy.studies.curvature.evidence import CurvatureEvidence, concentrated
from claim_nulls import Draw, Figures, Simulation, accuracies

CLASSES, TEST_INPUTS = 3, 60
# Sections of the boundary, random directions, and entries of a map that vary independently.
SECTIONS, DIRECTIONS, INDEPENDENT = 3, 5, 20

Generator = np.random.Generator
# Values by seed, from the random numbers and the number of seeds.
Values = Callable[[Generator, int], np.ndarray]


def experiment(name: str, seeds: int, **known: np.ndarray | pd.DataFrame) -> CurvatureEvidence:
    """Return an experiment of arrays over seeds instead of tables; `known` are values of its methods."""
    evidence = CurvatureEvidence(name, name, "points", 1 / CLASSES, 2, {"training": None})
    numbers = {
        key: own if isinstance(own, pd.DataFrame) else pd.Series(own, index=range(seeds), dtype=float)
        for key, own in known.items()
    }
    numbers["classes"], numbers["test_inputs"] = same(CLASSES, seeds), same(TEST_INPUTS, seeds)
    # What is read from tables is known already.
    vars(evidence).update(
        final_accuracies=accuracies(seeds, 1.0),
        measure=numbers.__getitem__,
        margins=numbers.__getitem__,
        eigenvalues=lambda index: numbers["eigenvalue"],
        **{
            name: (lambda own: lambda: own)(numbers[name])
            for name in ("outliers", "generalisation", "concentration", "reparametrised", "agreement")
            if name in numbers
        },
    )
    return evidence


@cache
def same(number: float, seeds: int) -> pd.Series:
    """Return the same number for each seed."""
    return pd.Series(np.full(seeds, float(number)))


def drawn(figure: str, **values: Sequence[Values]) -> Draw:
    """Return a draw of the experiments of a figure: of each quantity the values of every experiment."""

    def draw(generator: Generator, seeds: int) -> Figures:
        known = {name: [own(generator, seeds) for own in every] for name, every in values.items()}
        count = len(next(iter(values.values())))
        return {
            figure: [
                experiment(f"run-{place}", seeds, **{name: own[place] for name, own in known.items()})
                for place in range(count)
            ]
        }

    return draw


def one_of(*numbers: float) -> Values:
    """Return values that are each of these numbers equally often."""
    return lambda generator, seeds: generator.choice(numbers, seeds)


def always(number: float) -> Values:
    """Return the same value for every seed."""
    return lambda generator, seeds: np.full(seeds, number)


def powers(decades: float, spread: float, tails: bool = False) -> Values:
    """Return powers of ten around one, normal or with heavier `tails`."""

    def values(generator: Generator, seeds: int) -> np.ndarray:
        own = generator.standard_t(3, seeds) if tails else generator.normal(size=seeds)
        return 10 ** (decades + spread * own)

    return values


def correct(wrong: float) -> Values:
    """Return accuracies on the test points, of which so many are wrong on average."""
    return lambda generator, seeds: 1 - generator.binomial(12, wrong / 12, seeds) / TEST_INPUTS


def correlations(mean: float, spread: float) -> Values:
    """Return correlations whose Fisher's z is normal with a mean and a standard deviation."""
    return lambda generator, seeds: np.tanh(generator.normal(np.arctanh(mean), spread, seeds))


def lopsided(generator: Generator, seeds: int) -> np.ndarray:
    """Return correlations of a beta distribution on -1 to 1, with a mean of Fisher's z of artanh(0.9)."""
    # (digamma(67.2) - digamma(4)) / 2 = artanh(0.9).
    return 2 * generator.beta(67.2, 4, seeds) - 1


def normal(mean: float, spread: float) -> Values:
    """Return normal values."""
    return lambda generator, seeds: generator.normal(mean, spread, seeds)


def like_random_directions(generator: Generator, seeds: int) -> np.ndarray:
    """Return how much more eigenvectors jump at one section than random directions, of which they are two."""
    found = []
    for _ in range(seeds):
        jumps = generator.uniform(0, 0.5, (CLASSES - 1 + DIRECTIONS, SECTIONS))
        found.append(concentrated(jumps[: CLASSES - 1], jumps[CLASSES - 1 :]))
    return np.array(found)


def sharpness(normal_over: float, large_over: float) -> Draw:
    """Return a draw of the largest eigenvalues of figure 3, by how many decades they fall."""
    return drawn(
        "curvature_figure_3",
        eigenvalue=[
            powers(normal_over + large_over, 0.04),
            powers(0, 0.13),
            powers(large_over, 0.25, tails=True),
        ],
    )


def measures(over_normal: float, over_large: float) -> Draw:
    """Return a draw of G of figure 4, by how many decades that of adversarial training is larger."""
    spreads = [(-over_normal, 0.08, False), (0, 0.03, False), (-over_large, 0.1, True)]
    return drawn("curvature_figure_4", generalisation=[powers(*own) for own in spreads])


def wide(quantity: str, decades: float) -> Draw:
    """Return a draw of G or margins of figure 5, of the normal minimum larger by so many decades."""
    return drawn("curvature_figure_5", **{quantity: [powers(decades, 0.06), powers(0, 0.06)]})


def margins(estimate: float, nearest: float) -> Draw:
    """Return a draw of both margins, of the wide minimum larger by so many decades."""
    return drawn(
        "curvature_figure_5",
        estimate=[powers(0, 0.12, tails=True), powers(estimate, 0.12, tails=True)],
        nearest=[powers(0, 0.06), powers(nearest, 0.06)],
    )


def on_boundary(fraction: float, alike: bool = False) -> Draw:
    """Return a draw of whether points lie on the boundary; `alike`, either both of a seed do or none."""

    def draw(generator: Generator, seeds: int) -> Figures:
        both = generator.random((2, seeds)) < fraction
        both[1] = both[0] if alike else both[1]
        found = [experiment(f"run-{place}", seeds, on_boundary=own) for place, own in enumerate(both)]
        return {"curvature_figure_5": found}

    return draw


def sets(*outliers: Values) -> Draw:
    """Return a draw of the numbers of outliers of several sets of points."""
    return drawn("curvature_figure_additional", outliers=outliers)


def shared_maps(of_eigenvectors: float, of_random: float) -> Draw:
    """Return a draw of maps of A_1 and of random directions, each partly the same for all seeds."""

    def maps(generator: Generator, seeds: int, share: float) -> np.ndarray:
        common = generator.normal(size=INDEPENDENT)
        # For all seeds it is the same: its length must not favour one kind of map.
        common = (common - common.mean()) / common.std()
        own = generator.normal(size=(seeds, INDEPENDENT))
        return np.abs(np.corrcoef(share**0.5 * common + (1 - share) ** 0.5 * own))

    def draw(generator: Generator, seeds: int) -> Figures:
        more = maps(generator, seeds, of_eigenvectors) - maps(generator, seeds, of_random)
        one, other = np.triu_indices(seeds, 1)
        pairs = pd.DataFrame({"seed": one, "other_seed": other, "value": more[one, other]})
        return {"curvature_figure_2": [experiment("run", seeds, agreement=pairs)]}

    return draw


TWO, HALF_MORE, HALF_LESS = always(2), one_of(2, 3), one_of(1, 2)
SPREAD_OUT = one_of(1, 2, 3, 4)
AT_NINE_TENTHS = {
    "correlation 0.9": drawn("curvature_figure_2", reparametrised=[correlations(0.9, 0.3)]),
    "correlation 0.9, lopsided": drawn("curvature_figure_2", reparametrised=[lopsided]),
}

SIMULATIONS: Mapping[str, Simulation] = {
    "outliers-are-classes-minus-one": Simulation(
        {
            "half an outlier more": drawn("curvature_figure_2", outliers=[HALF_MORE]),
            "half an outlier more, from 1 to 4": drawn("curvature_figure_2", outliers=[SPREAD_OUT]),
        },
        {
            "half an outlier more": drawn("curvature_figure_2", outliers=[HALF_MORE]),
            "half an outlier less": drawn("curvature_figure_2", outliers=[HALF_LESS]),
        },
        ("always 2 of three classes", drawn("curvature_figure_2", outliers=[TWO])),
    ),
    "outliers-follow-classes-elsewhere": Simulation(
        {"half an outlier more in one of five sets": sets(TWO, TWO, TWO, TWO, HALF_MORE)},
        {"half an outlier more or less in all sets": sets(*[HALF_MORE] * 3, HALF_LESS, SPREAD_OUT)},
        ("always classes - 1", sets(*[TWO] * 5)),
    ),
    "alignment-marks-one-section": Simulation(
        {
            "jumps as of random directions": drawn(
                "curvature_figure_2", concentration=[like_random_directions]
            )
        },
        {"no more than random directions": drawn("curvature_figure_2", concentration=[normal(0, 0.07)])},
        ("0.2 more", drawn("curvature_figure_2", concentration=[normal(0.2, 0.07)])),
    ),
    "sharpness-falls": Simulation(
        {
            "large norm as sharp as normal": sharpness(0, 1),
            "adversarial as sharp as large norm": sharpness(1, 0),
        },
        {"all as sharp": sharpness(0, 0)},
        ("ten times in each step", sharpness(1, 1)),
    ),
    "adversarial-generalises-worst": Simulation(
        {
            "adversarial as good as normal": drawn(
                "curvature_figure_3", test_accuracy=[correct(1.5), correct(1.5), correct(0)]
            ),
            "adversarial as good as large norm": drawn(
                "curvature_figure_3", test_accuracy=[correct(0), correct(3), correct(3)]
            ),
        },
        {"all as good": drawn("curvature_figure_3", test_accuracy=[correct(2)] * 3)},
        (
            "1.5, 6 and 2 of 60 wrong",
            drawn("curvature_figure_3", test_accuracy=[correct(1.5), correct(6), correct(2)]),
        ),
    ),
    "more-outliers-for-complex-boundaries": Simulation(
        {"as many as normal": drawn("curvature_figure_3", outliers=[HALF_MORE, HALF_MORE, always(1)])},
        {"as many in all": drawn("curvature_figure_3", outliers=[HALF_MORE] * 3)},
        ("2, 4 and 1", drawn("curvature_figure_3", outliers=[TWO, one_of(3, 4, 5), always(1)])),
    ),
    "measure-grows-with-complexity": Simulation(
        {"as large as normal": measures(0, 0.3), "as large as large norm": measures(0.3, 0)},
        {"as large in all": measures(0, 0)},
        ("twice as large", measures(0.3, 0.3)),
    ),
    "wide-minimum-has-larger-margin": Simulation(
        {"the same estimate": margins(0, 0.4), "the same distance": margins(0.4, 0)},
        {"the same margins": margins(0, 0)},
        ("twice as large", margins(0.3, 0.3)),
    ),
    "representative-lies-on-the-boundary": Simulation(
        {"half of the runs": on_boundary(0.5), "half, both runs of a seed alike": on_boundary(0.5, True)},
        {"half of the runs": on_boundary(0.5), "half, both runs of a seed alike": on_boundary(0.5, True)},
        ("19 of 20 runs", on_boundary(0.95)),
    ),
    "wide-minimum-has-smaller-measure": Simulation(
        {"the same G": wide("generalisation", 0)},
        {"the same G": wide("generalisation", 0)},
        ("half as large", wide("generalisation", 0.3)),
    ),
    "alignments-survive-reparametrisation": Simulation(
        AT_NINE_TENTHS,
        AT_NINE_TENTHS,
        ("correlation 0.98", drawn("curvature_figure_2", reparametrised=[correlations(0.98, 0.3)])),
    ),
    "seeds-agree-on-the-boundary": Simulation(
        {"a third of both shared": shared_maps(0.3, 0.3), "nothing shared": shared_maps(0, 0)},
        {"a third of both shared": shared_maps(0.3, 0.3)},
        ("0.8 of the maps shared, nothing of random ones", shared_maps(0.8, 0)),
    ),
}
