"""Invariance over seeds as evidence: pairs of networks, and the interval of a mean over seeds."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from anatomy.reporting.claims import Finding, above, below, decide
from anatomy.reporting.evidence import Case, Evidence, NotTestedError
from anatomy.reporting.statistics import mean_interval, simultaneous
from anatomy.studies.invariance.agreement import (
    layers_by_seed,
    mean_correlation,
    pair_correlations,
    without_outputs,
)

FIGURE = "invariance_layers"
OVER_SEEDS = "invariance_stability"


class InvarianceEvidence(Evidence):
    """Evidence with the tables `network_invariance`, `layer_invariance`, `outputs`, `epochs`, `training`."""

    def pooled(self, kind: str = "all", aggregation: str | None = None) -> pd.Series:
        """Return the mean of M over all units, by seed, by default of the first aggregation."""
        table = self.table("network_invariance")
        aggregation = table["aggregation"].iloc[0] if aggregation is None else aggregation
        own = table[(table["kind"] == kind) & (table["aggregation"] == aggregation)]
        if own.empty:
            raise NotTestedError(f"{self.name} has no invariance of kind {kind} by the {aggregation} of maps")
        return own.set_index("seed")["invariance"].sort_index()

    def depth_correlation(self) -> pd.Series:
        """Return Spearman's correlation between the position of a layer and its invariance, by seed."""
        table = self.table("layer_invariance")
        own = table[(table["kind"] == "all") & (table["aggregation"] == table["aggregation"].iloc[0])]
        grid = own.pivot(index="seed", columns="position", values="invariance").sort_index()
        return pd.Series(depth_correlations(grid.to_numpy(float)), grid.index)

    @property
    def classes(self) -> int:
        """Number of classes whose images the outputs were measured on."""
        return self.table("outputs")["class"].nunique()

    def class_agreement(self) -> np.ndarray:
        """Return the correlations of the maps of outputs and classes of disjoint pairs of seeds."""
        table = self.table("outputs")
        if self.classes < 2:
            raise NotTestedError(f"{self.name} has one class only")
        maps = table.pivot(index="seed", columns=["unit", "class"], values="invariance").sort_index()
        values = maps.to_numpy(float).reshape(len(maps), table["unit"].nunique(), -1)
        return self._of_pairs(without_outputs(values))

    def seed_correlations(self, epoch: int | None = None) -> np.ndarray:
        """Return the correlations over layers of disjoint pairs of seeds, after the last epoch by default."""
        table = self.table("epochs")
        if table.empty or (epoch is not None and epoch not in table["epoch"].to_numpy()):
            raise NotTestedError(f"{self.name} is not measured at initialisation")
        return self._of_pairs(layers_by_seed(table, table["epoch"].max() if epoch is None else epoch))

    def _of_pairs(self, values: np.ndarray) -> np.ndarray:
        if len(values) < 2:
            raise NotTestedError(f"{self.name} has one seed only")
        return pair_correlations(values)


def depth_correlations(layers: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of position and value in each row of (S, L); NaN of equal values."""
    ranks = rankdata(layers, axis=1)
    ranks -= ranks.mean(1, keepdims=True)
    places = np.arange(layers.shape[1]) - (layers.shape[1] - 1) / 2
    with np.errstate(invalid="ignore"):
        return ranks @ places / np.sqrt((ranks**2).sum(1) * (places**2).sum())


class Pair(NamedTuple):
    """A network trained on plain images and the same trained on rotated ones, with the same seeds."""

    plain: InvarianceEvidence
    rotated: InvarianceEvidence


def pairs(case: Case) -> list[Pair]:
    """Return the pairs of the figure of layers, with the seeds of which both networks learned.

    Pairs without such seeds are noted; `NotTestedError` if none is left.
    """
    names, found, reasons = case.experiments(FIGURE), [], []
    for plain, rotated in zip(names[::2], names[1::2], strict=True):
        try:
            learned = case.learned(plain), case.learned(rotated)
        except NotTestedError as reason:
            reasons.append(str(reason))
            continue
        seeds = learned[0].pooled().index.intersection(learned[1].pooled().index)
        if len(seeds):
            found.append(Pair(*(evidence.of_seeds(seeds) for evidence in learned)))
        else:
            reasons.append(f"{plain.name} and {rotated.name} have no seed in common that learned")
    if not found:
        raise NotTestedError("; ".join(reasons))
    case.notes += reasons
    return found


def all_above(named: Sequence[tuple[str, np.ndarray]], threshold: float, what: str = "networks") -> Finding:
    """Judge whether the mean over seeds of every one of named values lies above a threshold.

    Intervals are Student's: the end that supports at 95 %, the end that refutes so that all hold together.
    """
    level, findings = simultaneous(len(named)), []
    for name, values in named:
        low, high = mean_interval(values)[0], mean_interval(values, level)[1]
        findings.append(above(threshold, values.mean(), low, high, f"{name}, {_seeds(len(values))}"))
    return decide(findings, what)


def all_below(named: Sequence[tuple[str, np.ndarray]], threshold: float, what: str = "networks") -> Finding:
    """Judge whether the mean over seeds of every one of named values lies below a threshold."""
    level, findings = simultaneous(len(named)), []
    for name, values in named:
        low, high = mean_interval(values, level)[0], mean_interval(values)[1]
        findings.append(below(threshold, values.mean(), low, high, f"{name}, {_seeds(len(values))}"))
    return decide(findings, what)


def of_networks(case: Case, of: Callable[[InvarianceEvidence], pd.Series]) -> list[tuple[str, np.ndarray]]:
    """Return a number of every seed, for both networks of all pairs by name."""
    return [(own.name, of(own).to_numpy(float)) for pair in pairs(case) for own in pair]


def correlations_above(
    named: Sequence[tuple[str, np.ndarray]], threshold: float, independent: int | None = None
) -> Finding:
    """Judge whether the mean of all of named correlations, of independent pairs, lies above a threshold.

    Intervals are those of `mean_correlation`, at the levels of `all_above`.
    """
    level, findings = simultaneous(len(named)), []
    for name, values in named:
        value, low, _ = mean_correlation(values, independent=independent)
        high = mean_correlation(values, level, independent)[2]
        pairs_of = "1 pair" if len(values) == 1 else f"{len(values)} pairs"
        findings.append(above(threshold, value, low, high, f"{name}, {pairs_of} of seeds"))
    return decide(findings, "networks")


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"
