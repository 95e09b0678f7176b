"""Numbers of curvature as evidence, by seed, and how they decide over seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from anatomy.reporting.evidence import FEWEST_SEEDS, Case, Evidence, NotTestedError
from anatomy.reporting.statistics import bootstrap_interval


class CurvatureEvidence(Evidence):
    """Evidence with the tables of this study; every number is a series by seed."""

    def last(self, name: str) -> pd.DataFrame:
        """Return the rows of a table at the last epoch."""
        table = self.table(name)
        return table[table["epoch"] == table["epoch"].max()]

    def eigenvalues(self, index: int) -> pd.Series:
        """Return the eigenvalue of an index, of the pairs that have converged."""
        rows = self.last("eigenvalues")
        rows = rows[(rows["index"] == index) & rows["converged"].astype(bool)]
        return rows.set_index("seed")["value"].astype(float)

    def measure(self, quantity: str) -> pd.Series:
        """Return a quantity of the table of measures."""
        rows = self.last("measures")
        return rows[rows["quantity"] == quantity].set_index("seed")["value"].astype(float)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.measure("classes").iloc[0])

    def outliers(self) -> pd.Series:
        """Return the number of outliers."""
        return self.measure("outliers_0.1")

    def generalisation(self) -> pd.Series:
        """Return G at eps_avg over eigenvectors that are curved."""
        rows = self.last("generalisation")
        rows = rows[rows["threshold"] == "eps_avg"].dropna(subset="curved")
        if rows.empty:
            raise NotTestedError(f"{self.name} has no whole spectrum; set `spectrum: whole`")
        return rows.set_index("seed")["curved"].astype(float)

    def margins(self, quantity: str) -> pd.Series:
        """Return a margin of the table of margins."""
        table = self.table("margins").dropna(subset=quantity)
        if table.empty:
            raise NotTestedError(f"{self.name} has no margin; set `margin_steps`")
        return table.set_index("seed")[quantity].astype(float)

    def concentration(self) -> pd.Series:
        """Return how much more A_1 to A_(classes - 1) jump at one section than random directions do.

        Of a direction it is its largest jump minus that at any other section; of the eigenvectors the
        smallest counts, of random directions the mean.
        """
        table, found = self.table("sections").dropna(subset="direction"), {}
        for seed, rows in table.groupby("seed"):
            jumps = rows.pivot(index="direction", columns="classes", values="jump")
            if jumps.shape[1] < 2:
                continue
            ordered = np.sort(jumps.to_numpy(), axis=1)
            excess = pd.Series(ordered[:, -1] - ordered[:, -2], jumps.index)
            random = excess[excess.index.str.startswith("random")].mean()
            found[seed] = excess.loc[[str(index) for index in range(1, self.classes)]].min() - random
        if not found:
            raise NotTestedError(f"the boundary of {self.name} has one section only")
        return pd.Series(found)


def experiments(case: Case, figure: str, count: int) -> list[CurvatureEvidence]:
    """Return the trained experiments of a figure, of which there have to be `count`."""
    found = case.trained(figure)
    if len(found) != count:
        raise NotTestedError(f"{figure} draws {len(found)} experiments; the claim compares {count}")
    return found


def over_seeds(values: pd.Series, name: str) -> tuple[float, float, float]:
    """Return mean and bootstrap interval over seeds; not tested with fewer than three."""
    own = values.dropna()
    if len(own) < FEWEST_SEEDS:
        seeds = "1 seed" if len(own) == 1 else f"{len(own)} seeds"
        raise NotTestedError(f"{name} has {seeds} with values; an interval needs {FEWEST_SEEDS} or more")
    numbers = own.to_numpy(float)
    return float(numbers.mean()), *bootstrap_interval(len(numbers), lambda weights: weights @ numbers)


def log_ratio(one: pd.Series, other: pd.Series) -> pd.Series:
    """Return log10 of the ratio of two positive numbers, seed by seed; NaN where one is not positive."""
    both = pd.DataFrame({"one": one, "other": other}).dropna()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log10(both["one"]) - np.log10(both["other"])
    return ratio.replace([np.inf, -np.inf], np.nan)


def pairs_over_seeds(table: pd.DataFrame, name: str) -> tuple[float, float, float]:
    """Return the mean of `value` over pairs of seeds, and its bootstrap interval over seeds.

    A seed that is drawn w times stands for w seeds, whose pairs with each other are none.
    """
    seeds: Sequence[int] = sorted({*table["seed"], *table["other_seed"]})
    if len(seeds) < FEWEST_SEEDS:
        raise NotTestedError(f"{name} has {len(seeds)} seeds; an interval needs {FEWEST_SEEDS} or more")
    place = {seed: index for index, seed in enumerate(seeds)}
    values = np.zeros((len(seeds), len(seeds)))
    one, other = table["seed"].map(place), table["other_seed"].map(place)
    values[one, other] = values[other, one] = table["value"]
    pairs = 1.0 - np.eye(len(seeds))

    def mean(weights: np.ndarray) -> np.ndarray:
        total = np.einsum("di,ij,dj->d", weights, pairs, weights)
        with np.errstate(invalid="ignore"):
            return np.einsum("di,ij,dj->d", weights, values, weights) / total

    equal = np.full((1, len(seeds)), 1 / len(seeds))
    return float(mean(equal)[0]), *bootstrap_interval(len(seeds), mean)
