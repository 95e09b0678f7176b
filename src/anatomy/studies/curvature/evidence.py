"""Numbers of curvature as evidence, by seed, and how they decide over seeds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anatomy.reporting.claims import Finding, above, decide, inside
from anatomy.reporting.evidence import FEWEST_SEEDS, Case, Evidence, NotTestedError
from anatomy.reporting.statistics import mean_interval, simultaneous


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


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, Student's interval of it, and the wider one that several together need to refute."""

    value: float
    low: float
    high: float
    widest_low: float
    widest_high: float


def over_seeds(values: pd.Series, name: str, count: int = 1) -> Estimate:
    """Return mean and intervals over seeds, of one of `count` that must all hold."""
    own = values.dropna().to_numpy(float)
    if len(own) < 2:
        raise NotTestedError(f"{name} has values of {len(own)} seeds; an interval needs 2 or more")
    narrow, wide = mean_interval(own), mean_interval(own, simultaneous(count))
    return Estimate(float(own.mean()), *map(float, narrow), *map(float, wide))


def all_above(limit: float, series: Mapping[str, pd.Series], what: str) -> Finding:
    """Judge whether all series, by what they are, have a mean above a limit.

    All intervals must lie above it; to refute, one must lie below after Bonferroni's correction.
    """
    findings = []
    for name, values in series.items():
        found = over_seeds(values, name, len(series))
        findings.append(above(limit, found.value, found.low, found.widest_high, name))
    return decide(findings, what)


def all_near(limit: float, series: Mapping[str, pd.Series], what: str) -> Finding:
    """Judge whether all series have a mean between -limit and limit, as `all_above` does."""
    findings = []
    for name, values in series.items():
        own = over_seeds(values, name, len(series))
        narrow, wide = (own.low, own.high), (own.widest_low, own.widest_high)
        findings.append(inside(-limit, limit, own.value, narrow, wide, name))
    return decide(findings, what)


def log_ratio(one: pd.Series, other: pd.Series) -> pd.Series:
    """Return log10 of the ratio of two positive numbers, seed by seed; NaN where one is not positive."""
    both = pd.DataFrame({"one": one, "other": other}).dropna()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log10(both["one"]) - np.log10(both["other"])
    return ratio.replace([np.inf, -np.inf], np.nan)


def pairs_over_seeds(table: pd.DataFrame, name: str) -> tuple[float, float, float]:
    """Return the mean of `value` over pairs of seeds, and its interval by the jackknife over seeds.

    Pairs share seeds; the pseudo-values n m - (n - 1) m_i of the mean m, and m_i without seed i, do not
    (Arvesen 1969, Jackknifing U-statistics).
    """
    seeds = sorted({*table["seed"], *table["other_seed"]})
    count = len(seeds)
    if count < FEWEST_SEEDS:
        raise NotTestedError(f"{name} has {count} seeds; an interval over pairs needs {FEWEST_SEEDS} or more")
    mean = table["value"].mean()
    without = [
        table.loc[(table["seed"] != seed) & (table["other_seed"] != seed), "value"].mean() for seed in seeds
    ]
    low, high = mean_interval(count * mean - (count - 1) * np.array(without))
    return float(mean), float(low), float(high)
