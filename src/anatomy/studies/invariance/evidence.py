"""Invariance over seeds as evidence: pairs of networks, and the interval of a mean over seeds."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from anatomy.reporting.evidence import FEWEST_SEEDS, Case, Evidence, NotTestedError
from anatomy.reporting.statistics import rank_correlation
from anatomy.studies.invariance.over_seeds import student_interval

FIGURE = "invariance_layers"


class InvarianceEvidence(Evidence):
    """Evidence with the tables `network_invariance`, `layer_invariance`, `outputs` and `training`."""

    @property
    def seeds(self) -> list[int]:
        """Seeds that were measured, in order."""
        return sorted(self.table("network_invariance")["seed"].unique())

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
        values = grid.to_numpy(float)
        return pd.Series(rank_correlation(np.broadcast_to(grid.columns, values.shape), values), grid.index)

    def class_agreement(self) -> pd.Series:
        """Return by seed how its map of outputs and classes agrees with the mean map of the other seeds.

        Of each output its mean over classes is taken away: what is left differs between classes, and
        Pearson's correlation with the other seeds is 0 if that is chance.
        """
        table = self.table("outputs")
        if table["class"].nunique() < 2:
            raise NotTestedError(f"{self.name} has one class only")
        maps = table.pivot(index="seed", columns=["unit", "class"], values="invariance").sort_index()
        values = maps.to_numpy(float).reshape(len(maps), table["unit"].nunique(), -1)
        values = np.where(np.isfinite(values), values, np.nan)
        values = (values - np.nanmean(values, 2, keepdims=True)).reshape(len(maps), -1)
        found = []
        for index in range(len(values)):
            others = np.delete(values, index, 0).mean(0)
            both = np.isfinite(values[index]) & np.isfinite(others)
            one, other = values[index, both], others[both]
            size = np.sqrt((one**2).sum() * (other**2).sum())
            found.append((one * other).sum() / size if size else np.nan)
        return pd.Series(found, maps.index)


class Pair(NamedTuple):
    """A network trained on plain images and the same trained on rotated ones, with the same seeds."""

    plain: InvarianceEvidence
    rotated: InvarianceEvidence


def pairs(case: Case) -> list[Pair]:
    """Return the pairs of the figure of layers, with the seeds of which both networks learned.

    Pairs of fewer than three such seeds are noted; `NotTestedError` if none is left.
    """
    names, found, reasons = case.experiments(FIGURE), [], []
    for plain, rotated in zip(names[::2], names[1::2], strict=True):
        try:
            learned = case.learned(plain), case.learned(rotated)
        except NotTestedError as reason:
            reasons.append(str(reason))
            continue
        seeds = [seed for seed in learned[0].seeds if seed in learned[1].seeds]
        if len(seeds) < FEWEST_SEEDS:
            reasons.append(
                f"{plain.name} and {rotated.name} have {len(seeds)} seeds in common; an interval over seeds "
                f"needs {FEWEST_SEEDS} or more"
            )
            continue
        found.append(Pair(*(evidence.of_seeds(seeds) for evidence in learned)))
    if not found:
        raise NotTestedError("; ".join(reasons))
    case.notes += reasons
    return found


def networks(case: Case) -> list[InvarianceEvidence]:
    """Return all networks of the pairs."""
    return [network for pair in pairs(case) for network in pair]


def over_seeds(
    evidences: Sequence[InvarianceEvidence], of: Callable[[InvarianceEvidence], pd.Series]
) -> list[tuple[float, float, float, str]]:
    """Return mean, interval and note of a number of every seed, for each network."""
    found = []
    for evidence in evidences:
        values = of(evidence).to_numpy(float)
        found.append((values.mean(), *student_interval(values), f"{evidence.name}, {len(values)} seeds"))
    return found
