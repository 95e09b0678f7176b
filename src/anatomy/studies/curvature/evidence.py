"""Numbers of curvature as evidence, by seed, and how they decide over seeds."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anatomy.reporting.claims import Finding, above, decide, inside
from anatomy.reporting.evidence import FEWEST_SEEDS, Case, Evidence, NotTestedError
from anatomy.reporting.statistics import (
    LEVEL,
    binomial_interval,
    fraction_interval,
    mean_interval,
    simultaneous,
)

# Standard deviation of what lies between two steps of a quantity that moves in steps of 1.
ROUNDING = 1 / math.sqrt(12)
# The step of a difference of two counts, as far as it counts for that.
OF_TWO = math.sqrt(2)


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
        """Return how much more A_1 to A_(classes - 1) jump at one section than random directions do."""
        table, found = self.table("sections").dropna(subset="direction"), {}
        for seed, rows in table.groupby("seed"):
            jumps = rows.pivot(index="direction", columns="classes", values="jump")
            if jumps.shape[1] < 2:
                continue
            top = jumps.loc[[str(index) for index in range(1, self.classes)]]
            random = jumps[jumps.index.str.startswith("random")]
            found[seed] = concentrated(top.to_numpy(), random.to_numpy())
        if not found:
            raise NotTestedError(f"the boundary of {self.name} has one section only")
        return pd.Series(found)

    def reparametrised(self) -> pd.Series:
        """Return the smallest correlation of A_1 to A_(classes - 1) with those of the network rescaled."""
        table = self.table("reparametrisation").dropna(subset="correlation")
        top = table[table["index"] < self.classes]
        if top.empty:
            raise NotTestedError(f"{self.name} is not reparametrised; set `reparametrise`")
        return top.groupby("seed")["correlation"].min()

    def agreement(self) -> pd.DataFrame:
        """Return how much more A_1 of two seeds correlate than random directions: seed, other_seed, value."""
        table = self.table("agreement").dropna(subset="correlation")
        pairs = table.pivot(index=["seed", "other_seed"], columns="direction", values="correlation")
        if pairs.empty:
            raise NotTestedError(f"{self.name} has no two seeds with maps")
        return (pairs["1"] - pairs["random"]).rename("value").reset_index()


def concentrated(top: np.ndarray, random: np.ndarray) -> float:
    """Return how much more eigenvectors jump at one section than random directions, from jumps (K, sections).

    Of a direction it is its largest jump minus that at any other section; of the eigenvectors the smallest
    counts, of random directions the mean.
    """
    of_top, of_random = (np.sort(jumps, 1)[:, -1] - np.sort(jumps, 1)[:, -2] for jumps in (top, random))
    return float(of_top.min() - of_random.mean())


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


def over_seeds(values: pd.Series, name: str, count: int = 1, step: float = 0.0) -> Estimate:
    """Return mean and intervals over seeds, of one of `count` that must all hold.

    Of values that move in steps, as counts, the standard error is at least that of rounding to a `step`:
    equal seeds are no certainty.
    """
    own = values.to_numpy(float)
    own = own[~np.isnan(own)]
    if len(own) < 2:
        raise NotTestedError(f"{name} has values of {len(own)} seeds; an interval needs 2 or more")
    least = step * ROUNDING / math.sqrt(len(own))
    narrow, wide = (mean_interval(own, level, least) for level in (LEVEL, simultaneous(count)))
    return Estimate(float(own.mean()), *map(float, narrow), *map(float, wide))


def all_hold(
    judge: Callable[[Estimate, str], Finding], series: Mapping[str, pd.Series], what: str, step: float = 0.0
) -> Finding:
    """Judge all series, by what they are: to support, all must hold, to refute, one must not.

    One counts against the claim after Bonferroni's correction only; `step` is that of `over_seeds`.
    """
    found = {name: over_seeds(values, name, len(series), step) for name, values in series.items()}
    return decide([judge(own, name) for name, own in found.items()], what)


def all_above(limit: float, series: Mapping[str, pd.Series], what: str, step: float = 0.0) -> Finding:
    """Judge whether all series have a mean above a limit."""

    def high(own: Estimate, name: str) -> Finding:
        return above(limit, own.value, own.low, own.widest_high, name)

    return all_hold(high, series, what, step)


def all_near(limit: float, series: Mapping[str, pd.Series], what: str, step: float = 0.0) -> Finding:
    """Judge whether all series have a mean between -limit and limit."""

    def near(own: Estimate, name: str) -> Finding:
        narrow, wide = (own.low, own.high), (own.widest_low, own.widest_high)
        return inside(-limit, limit, own.value, narrow, wide, name)

    return all_hold(near, series, what, step)


def log_ratio(one: pd.Series, other: pd.Series) -> pd.Series:
    """Return log10 of the ratio of two positive numbers, seed by seed; NaN where one is not positive."""
    one, other = one.align(other, "inner")
    both = (one > 0) & (other > 0)
    return np.log10(one.where(both) / other.where(both))


def correlation_over_seeds(values: pd.Series, name: str) -> tuple[float, float, float]:
    """Return the mean of correlations over seeds, and its interval, by Fisher's z = artanh(r).

    Near 1 correlations are lopsided, and z is not (Fisher 1921).
    """
    z = np.arctanh(values.clip(upper=1 - np.finfo(float).eps))
    own = over_seeds(z, name)
    return tuple(float(np.tanh(part)) for part in (own.value, own.low, own.high))


def fraction_over_seeds(holds: pd.Series) -> tuple[float, float, float, str]:
    """Return the fraction of runs in which something holds, its interval over seeds, and a note.

    There may be several runs of a seed, which need not be independent: if they are all alike there are as
    many trials as seeds, and each end is at least that of the exact interval of these that is wrong in 5 %.
    """
    by_seed = holds.groupby(level=0).agg(["sum", "count"])
    successes, trials = (by_seed[[column]].to_numpy(float) for column in ("sum", "count"))
    low, high = (float(end[0]) for end in fraction_interval(successes, trials))
    value = float((successes / trials).mean())
    least, most = binomial_interval(np.array(value * len(trials)), np.array(len(trials)), 0.9)
    low, high = min(low, float(least)), max(high, float(most))
    return value, low, high, f"{successes.sum():g} of {trials.sum():g} runs"


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
