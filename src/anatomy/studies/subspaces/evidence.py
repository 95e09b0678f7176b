"""Evaluations of runs as evidence, and how they decide."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import pandas as pd

from anatomy.reporting import statistics
from anatomy.reporting.claims import Finding, above, decide
from anatomy.reporting.evidence import Case, Evidence, NotTestedError
from anatomy.studies.subspaces.tables import STANDARD


class SubspaceEvidence(Evidence):
    """Evidence with the tables `evaluations`, `ensembles` and `training`; `geometry` of a subspace."""

    def of_seeds(self, seeds: Sequence[int]) -> "SubspaceEvidence":
        """Return the evidence of these seeds only; of ensembles those of no other seed."""
        known = set(map(str, seeds))
        tables = {}
        for name, table in self.tables.items():
            if name == "ensembles":
                members = table["seeds"].astype(str).str.split()
                tables[name] = table[members.map(lambda each: set(each) <= known)]
            else:
                tables[name] = table[table["seed"].isin(seeds)]
        return replace(self, tables=tables)

    @cached_property
    def kind(self) -> str:
        """What the experiment trains: `standard`, `line`, `bezier` or `simplex`."""
        return self.table("evaluations")["kind"].iloc[0]

    @cached_property
    def beta(self) -> float:
        """The factor that keeps corners apart."""
        return float(self.table("evaluations")["beta"].iloc[0])

    @cached_property
    def noise(self) -> float:
        """The fraction of label noise."""
        return float(self.table("evaluations")["label_noise"].iloc[0])

    @cached_property
    def plain(self) -> bool:
        """Whether single networks were trained without dropout and label smoothing."""
        first = self.table("evaluations").iloc[0]
        return first["kind"] == STANDARD and not first["dropout"] and not first["smoothing"]

    @cached_property
    def layerwise(self) -> bool:
        """Whether each layer had a point of its own in training."""
        return bool(self.table("evaluations")["layerwise"].iloc[0])

    def middle(self, quantity: str = "accuracy") -> pd.Series:
        """Return a quantity of the network of each run, the mid-point of a subspace, by seed."""
        table = self.table("evaluations")
        return table[table["evaluation"] == "network"].set_index("seed")[quantity]

    def lowest(self, quantity: str = "accuracy") -> pd.Series:
        """Return the lowest value of a quantity at any single point, by seed."""
        table = self.table("evaluations")
        return table[table["members"] == 1].groupby("seed")[quantity].min()

    def average(self, quantity: str = "accuracy") -> pd.Series:
        """Return a quantity of the average of snapshots, by seed."""
        table = self.table("evaluations")
        return table[table["evaluation"] == "average"].set_index("seed")[quantity]

    def stopped(self) -> pd.Series:
        """Return the accuracy at the best epoch of each run, by seed: optimal early stopping."""
        return self.table("training").groupby("seed")["validation_accuracy"].max()

    def seconds(self) -> pd.Series:
        """Return the seconds that each run took to train and to be evaluated meanwhile, by seed."""
        return self.table("training").groupby("seed")["seconds"].sum()

    def ends(self, quantity: str = "accuracy") -> pd.Series:
        """Return the mean of a quantity over the ends of a line or curve, by seed."""
        table = self.table("evaluations")
        ends = table[(table["evaluation"] == "point") & table["alpha"].isin([0, 1])]
        return ends.groupby("seed")[quantity].mean()

    def of_pair(self, nearest_to: float, quantity: str = "accuracy") -> pd.Series:
        """Return a quantity of the points alpha and 1 - alpha together, logits averaged, by seed.

        Of the pair whose alpha is the nearest.
        """
        table = self.table("evaluations")
        pairs = table[(table["evaluation"] == "pair") & (table["combined"] == "logits")]
        if pairs.empty:
            raise NotTestedError(f"{self.name} has no ensembles of two points")
        nearest = min(pairs["alpha"].unique(), key=lambda alpha: abs(alpha - nearest_to))
        return pairs[pairs["alpha"] == nearest].set_index("seed")[quantity]

    def two_seeds(self, quantity: str = "accuracy") -> pd.Series:
        """Return a quantity of ensembles of two networks, logits averaged, the mean of those with a seed."""
        table = self.table("ensembles")
        two = table[(table["members"] == 2) & (table["combined"] == "logits")]
        if two.empty:
            raise NotTestedError(f"{self.name} has no two seeds to make an ensemble of")
        each = two.assign(seed=two["seeds"].str.split()).explode("seed").astype({"seed": int})
        return each.groupby("seed")[quantity].mean()

    def final_geometry(self, quantity: str) -> pd.Series:
        """Return a quantity of the ends after training, by seed."""
        table = self.table("geometry")
        return table[table["epoch"] == table["epoch"].max()].set_index("seed")[quantity]


def of_kind(
    evidences: Sequence[SubspaceEvidence], what: str, chosen: Callable[[SubspaceEvidence], bool]
) -> list[SubspaceEvidence]:
    """Return the evidence that is `chosen`; `what` says in words of what there is none."""
    if not (found := [evidence for evidence in evidences if chosen(evidence)]):
        raise NotTestedError(f"no experiment of the figure is {what}")
    return found


def lines(case: Case, figure: str) -> list[SubspaceEvidence]:
    """Return the lines of a figure that were kept apart, with one point for all layers."""
    return of_kind(
        case.trained(figure),
        "a line with beta",
        lambda e: e.kind == "line" and e.beta > 0 and not e.layerwise,
    )


def standard(case: Case, figure: str) -> SubspaceEvidence:
    """Return the experiment of a figure that trains single networks, the first one."""
    return of_kind(case.trained(figure), "of single networks", lambda e: e.kind == STANDARD)[0]


def over_seeds(differences: pd.Series, name: str, count: int = 1) -> tuple[float, float, float, str]:
    """Return the mean of a difference over seeds, its interval, and a note.

    The interval is Student's, of 95 %. Where all of `count` differences must lie above a threshold, its
    upper end, which may refute that, is that of their simultaneous intervals.
    """
    values = differences.dropna().to_numpy(float)
    if not len(values):
        raise NotTestedError(f"{name}: no seeds in common")
    low, _ = statistics.mean_interval(values)
    _, high = statistics.mean_interval(values, statistics.simultaneous(count))
    return float(values.mean()), float(low), float(high), f"{name}; seeds: {len(values)}"


def every_line(
    case: Case, figure: str, threshold: float, difference: Callable[[SubspaceEvidence], pd.Series]
) -> Finding:
    """Judge a claim of the `lines` of a figure: a difference, by seed, lies above a threshold for all."""
    found = lines(case, figure)
    each = [above(threshold, *over_seeds(difference(line), line.name, len(found))) for line in found]
    return decide(each, "lines")
