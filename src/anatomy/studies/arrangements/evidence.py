"""Fractions of negative filters and drops of resets as evidence, and how they decide.

What holds of every layer is judged by the layer that speaks most against it. To support a claim the 95 %
intervals of all layers must lie on the right side: if one layer is in truth on the wrong side, its interval
errs in one of 40 cases. To refute a claim one interval must lie on the wrong side after Bonferroni's
correction for the number of layers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from anatomy.reporting import statistics
from anatomy.reporting.claims import Finding, above, decide, inside
from anatomy.reporting.evidence import Evidence, NotTestedError
from anatomy.reporting.statistics import LEVEL
from anatomy.studies.arrangements.tables import Counts, convolutions, counts_of, per_seed_and_layer

# Fraction of filters of one sign from which a layer counts as biased.
BIASED = 2 / 3
WHY_BIASED = (
    "two filters of one sign for each of the other; 64 random filters, the first layer of the paper's "
    "networks, get there in fewer than one of a hundred networks"
)
# How the claims of a biased, or an unbiased, layer are judged.
OF_BIAS = {"null": 0.5, "threshold": BIASED, "possible": (0, 1), "reason": WHY_BIASED}
# Difference of |n_l - 1/2| that would matter, where a claim is of any difference.
EFFECT = 0.1
WHY_EFFECT = "0.1 is one filter in ten on the other side"
# Relative drop in test accuracy above which the claims call a layer critical.
CRITICAL = 0.1
WHY_CRITICAL = (
    "the paper gives no number; a tenth of the accuracy is ten times the 1 % by which its test and "
    "validation accuracies differ (section 3.1)"
)
# An interval of fractions: counts (seeds, layers) and a level to limits (layers,).
Limits = Callable[..., tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Fractions:
    """Negative filters of layers of one experiment at one epoch; counts are (seeds, layers)."""

    experiment: str
    layers: Sequence[int]
    negative: np.ndarray
    filters: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """Fraction of the filters of all seeds, by layer; NaN without a filter."""
        with np.errstate(invalid="ignore"):
            return self.negative.sum(0) / self.filters.sum(0)

    def words(self, index: int) -> str:
        """Return where a fraction was found, for a note."""
        filters = int(self.filters[:, index].sum())
        return f"layer {self.layers[index]} of {self.experiment} ({filters} filters)"


@dataclass(frozen=True)
class Drops:
    """Drops in test accuracy, and relative to it, when layers are reset; both (seeds, layers)."""

    layers: Sequence[int]
    relative: np.ndarray
    absolute: np.ndarray


class LayerEvidence(Evidence):
    """Evidence with the tables `n_l` and `training`; `reinitialisation` if the experiment resets layers."""

    @cached_property
    def counts(self) -> Counts:
        """Negative filters, by seed, epoch and layer."""
        return counts_of(self.table("n_l"))

    @cached_property
    def drops(self) -> Drops:
        """Drops when a convolution is reset to initialisation."""
        if "reinitialisation" not in self.tables:
            raise NotTestedError(f"{self.name} resets no layers")
        reinitialisation = convolutions(self.table("reinitialisation"))
        initial = reinitialisation[reinitialisation["reset_to"] == "0"]
        if initial.empty:
            raise NotTestedError(f"{self.name} resets no layers to epoch 0")
        relative = per_seed_and_layer(initial, "relative_drop").dropna()
        if relative.empty:
            raise NotTestedError(f"{self.name} has no relative drops: its networks predict nothing")
        absolute = per_seed_and_layer(initial, "drop").loc[relative.index]
        return Drops(relative.columns.tolist(), relative.to_numpy(), absolute.to_numpy())

    @cached_property
    def losses(self) -> tuple[np.ndarray, np.ndarray]:
        """Epochs, and the training loss in each (seeds, epochs)."""
        training = self.table("training").pivot(index="seed", columns="epoch", values="train_loss")
        training = training.dropna(axis=1, how="all")
        return training.columns.to_numpy(), training.to_numpy()

    @cached_property
    def initial_cosines(self) -> Mapping[int, Mapping[int, np.ndarray]]:
        """Cosines of the filters at epoch 0: {layer: {seed: (filters,)}}, without those that have none."""
        cosines = self.table("cosines")
        found: dict[int, dict[int, np.ndarray]] = {}
        for (layer, seed), own in cosines[cosines["epoch"] == 0].groupby(["layer", "seed"])["projection"]:
            found.setdefault(int(layer), {})[int(seed)] = own.dropna().to_numpy()
        return found

    def fractions(self, layers: Sequence[int] | None = None, epoch: int | None = None) -> Fractions:
        """Return the negative filters at an epoch, by default of all layers at the last one."""
        counts = self.counts
        index = -1 if epoch is None else counts.epochs.index(epoch)
        layers = counts.layers if layers is None else self.existing(layers)
        where = [counts.layers.index(layer) for layer in layers]
        negative, filters = counts.negative[:, index][:, where], counts.filters[:, index][:, where]
        return Fractions(self.name, list(layers), negative, filters)

    def existing(self, layers: Sequence[int]) -> Sequence[int]:
        """Return `layers` if the network has them all."""
        known = self.counts.layers if "n_l" in self.tables else self.drops.layers
        for layer in layers:
            if layer not in known:
                raise NotTestedError(f"layer {layer} does not exist in {self.name}")
        return layers


def same_network(one: LayerEvidence, other: LayerEvidence) -> None:
    """Refuse to compare networks of different layers."""
    if one.counts.sizes != other.counts.sizes:
        raise NotTestedError(f"{one.name} and {other.name} are different networks")


def seeds_in_words(count: int) -> str:
    """Return a number of seeds, for a note."""
    return "1 seed" if count == 1 else f"{count} seeds"


def corrected(fractions: Sequence[Fractions], limits: Limits) -> list[tuple[Fractions, tuple, tuple]]:
    """Return of each experiment limits at 95 %, and limits at which those of all layers hold together."""
    level = statistics.simultaneous(sum(len(each.layers) for each in fractions))
    found = []
    for each in fractions:
        for index in np.flatnonzero(each.filters.sum(0) == 0):
            raise NotTestedError(f"no filter has a cosine: {each.words(index)}")
        own = (limits(each.negative, each.filters, wanted) for wanted in (LEVEL, level))
        found.append((each, *own))
    return found


def all_negative(fractions: Fractions | Sequence[Fractions], threshold: float) -> list[Finding]:
    """Judge of each layer whether it is biased towards negative, by the interval over seeds."""
    fractions = [fractions] if isinstance(fractions, Fractions) else fractions
    findings = []
    for each, narrow, wide in corrected(fractions, statistics.fraction_interval):
        for index, value in enumerate(each.values):
            findings.append(above(threshold, value, narrow[0][index], wide[1][index], each.words(index)))
    return findings


def all_mixed(
    fractions: Fractions | Sequence[Fractions],
    threshold: float,
    limits: Limits = statistics.fraction_interval,
) -> list[Finding]:
    """Judge of each layer whether both signs are frequent, by default by the interval over seeds."""
    fractions = [fractions] if isinstance(fractions, Fractions) else fractions
    findings = []
    for each, narrow, wide in corrected(fractions, limits):
        filters = each.filters.sum(0)
        few = statistics.binomial_interval((filters + 1) // 2, filters)[1] >= threshold
        for index, value in enumerate(each.values):
            found = inside(
                *(1 - threshold, threshold, value),
                *((sides[0][index], sides[1][index]) for sides in (narrow, wide)),
                each.words(index),
            )
            if found.supported is None and few[index] and np.isfinite(narrow[0][index]):
                found = replace(found, note=f"{found.note}, which so few filters cannot exclude")
            findings.append(found)
    return findings


def smallest_drop(
    evidences: Sequence[LayerEvidence], threshold: float, layers: Sequence[int] | None = None
) -> Finding:
    """Judge whether all `layers` drop by more in all experiments; the finding is the worst layer's."""
    named = []
    for evidence in evidences:
        drops = evidence.drops
        for layer in drops.layers if layers is None else evidence.existing(layers):
            named.append((layer, evidence.name, drops.relative[:, drops.layers.index(layer)]))
    level = statistics.simultaneous(len(named))
    findings = []
    for layer, name, drops in named:
        low, high = statistics.mean_interval(drops)[0], statistics.mean_interval(drops, level)[1]
        note = f"layer {layer} of {name}, {seeds_in_words(len(drops))}"
        findings.append(above(threshold, drops.mean(), low, high, note))
    return decide(findings)


def distances(fractions: Fractions) -> tuple[np.ndarray, float]:
    """Return |n_l - 1/2| of one layer by seed, and the binomial standard error of their mean.

    The error is that of a fraction to whose filters two of each sign are added (Agresti and Coull 1998), so
    that equal seeds of few filters are no certainty.
    """
    there = fractions.filters[:, 0] > 0
    negative, filters = fractions.negative[there, 0], fractions.filters[there, 0]
    p = (negative + 2) / (filters + 4)
    error = np.sqrt((p * (1 - p) / filters).sum()) / max(len(filters), 1)
    return np.abs(negative / filters - 0.5), float(error)
