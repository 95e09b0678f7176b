"""What a claim is judged on: the tables of the experiments that figures draw."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from anatomy.runtime.errors import InputError

# A network has learned if its training accuracy exceeds this multiple of chance: for 10 classes 15 %,
# many standard deviations above chance for thousands of images and far below any trained network.
LEARNED = 1.5
# Of fewer seeds an interval is so wide that it decides little: a claim on them says how many there are.
FEWEST_SEEDS = 3


class NotTestedError(Exception):
    """The configuration cannot test a claim; the message is the reason."""


@dataclass(frozen=True)
class Evidence:
    """Tables of one experiment, its label, and what its data set is.

    `chance` is the fraction of the most frequent class of the training images, `channels` is 1 for grey
    images and 3 for RGB.
    """

    name: str
    label: str
    dataset: str
    chance: float
    channels: int
    tables: Mapping[str, pd.DataFrame]

    def table(self, name: str) -> pd.DataFrame:
        """Return a table by its name, e.g. `training`."""
        if name not in self.tables:
            raise NotTestedError(f"{self.name} has no table {name}")
        return self.tables[name]

    @cached_property
    def final_accuracies(self) -> pd.Series:
        """Training accuracy of the last epoch, by seed."""
        training = self.table("training")
        return training[training["epoch"] == training["epoch"].max()].set_index("seed")["train_accuracy"]

    @property
    def seeds(self) -> int:
        """Number of seeds that were trained."""
        return len(self.final_accuracies) if "training" in self.tables else 0

    def of_seeds(self, seeds: Sequence[int]) -> "Evidence":
        """Return the evidence of these seeds only."""
        return replace(
            self, tables={name: table[table["seed"].isin(seeds)] for name, table in self.tables.items()}
        )


@dataclass
class Case:
    """Evidence for one claim: experiments by figure; remembers what was used and what was left out."""

    figures: Mapping[str, Sequence[Evidence]]
    used: list[Evidence] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seeds: dict[str, int] = field(default_factory=dict)

    def experiments(self, figure: str) -> list[Evidence]:
        """Return the experiments of a figure."""
        if not self.figures.get(figure):
            raise NotTestedError(f"{figure} is not in the configuration")
        for evidence in self.figures[figure]:
            if evidence.name not in [other.name for other in self.used]:
                self.used.append(evidence)
                self.seeds[evidence.name] = evidence.seeds
        return list(self.figures[figure])

    def trained(self, figure: str) -> list[Evidence]:
        """Return the experiments of a figure, with the seeds that learned only."""
        return [self.learned(evidence) for evidence in self.experiments(figure)]

    def trained_of_any(self, figures: Sequence[str]) -> list[Evidence]:
        """Return the trained experiments of those of `figures` that there are, each once."""
        present = [figure for figure in figures if self.figures.get(figure)]
        if not present:
            raise NotTestedError(f"none of {', '.join(figures)} is in the configuration")
        drawn = {evidence.name: evidence for figure in present for evidence in self.experiments(figure)}
        found, reasons = {}, []
        for name, evidence in drawn.items():
            try:
                found[name] = self.learned(evidence)
            except NotTestedError as reason:
                reasons.append(str(reason))
        if not found:
            raise NotTestedError("; ".join(reasons))
        self.notes += reasons
        return list(found.values())

    def learned(self, evidence: Evidence) -> Evidence:
        """Return the evidence of the seeds that learned; the others are noted."""
        accuracies = evidence.final_accuracies
        learned = accuracies.index[accuracies.to_numpy() > LEARNED * evidence.chance]
        if not len(learned):
            raise NotTestedError(
                f"{evidence.name} did not learn: training accuracy at most {accuracies.max():.3g}, "
                f"chance {evidence.chance:.3g}"
            )
        self.seeds[evidence.name] = len(learned)
        if len(learned) == len(accuracies):
            return evidence
        self.notes.append(
            f"{len(learned)} of {len(accuracies)} seeds of {evidence.name}; the others did not learn"
        )
        return evidence.of_seeds(learned)

    def few_seeds(self) -> str:
        """Return a note on the experiments with fewer than `FEWEST_SEEDS` seeds, empty if there are none."""
        counts = {each.name: self.seeds[each.name] for each in self.used}
        few = [f"{count} of {name}" for name, count in counts.items() if 0 < count < FEWEST_SEEDS]
        return f"fewer than {FEWEST_SEEDS} seeds, which decide little: {', '.join(few)}" if few else ""


def collect_evidence(
    experiments: Mapping[str, Mapping[str, str]],
    datasets: Iterable[Mapping[str, Any]],
    tables: Iterable[tuple[str, pd.DataFrame]],
    of: type[Evidence] = Evidence,
) -> dict[str, Evidence]:
    """Return the evidence of every experiment, as `of`.

    `experiments` gives `label` and `dataset` of each, `datasets` the descriptions of data sets, and
    `tables` names and frames, e.g. of `training`, in any order; a column `experiment` says whose each is.
    """
    descriptions = {description["name"]: description for description in datasets}
    own: dict[str, dict[str, pd.DataFrame]] = {name: {} for name in experiments}
    for table, frame in tables:
        experiment = frame["experiment"].iloc[0]
        if experiment not in own:
            raise InputError(f"{table}.csv of {experiment}: expected one of {', '.join(experiments)}")
        if table in own[experiment]:
            raise InputError(f"two tables {table}.csv are of {experiment}; give each once")
        own[experiment][table] = frame
    evidence = {}
    for name, entry in experiments.items():
        if entry["dataset"] not in descriptions:
            raise InputError(f"experiment {name}: give the description (dataset.json) of {entry['dataset']}")
        description = descriptions[entry["dataset"]]
        train = description["train"]
        chance = max(train["images_per_class"]) / train["images"]
        evidence[name] = of(
            name, entry["label"], entry["dataset"], chance, description["channels"], own[name]
        )
    return evidence


def finite(value: float) -> float | None:
    """Return a number, or None if it is NaN or infinite."""
    return float(value) if np.isfinite(value) else None
