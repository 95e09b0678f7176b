"""Fractions of negative filters and drops of resets as evidence, and how they decide."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from anatomy.reporting import statistics
from anatomy.reporting.claims import Finding, above, decide, inside
from anatomy.reporting.evidence import FEWEST_SEEDS, Evidence, NotTestedError
from anatomy.reporting.statistics import DRAWS, LEVEL
from anatomy.studies.arrangements.tables import (
    convolutions,
    defined_filters,
    epochs_in_order,
    per_seed_and_layer,
    pool,
)

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


class LayerEvidence(Evidence):
    """Evidence with the tables `n_l` and `training`; `reinitialisation` if the experiment resets layers."""

    def pooled(self, layers: Sequence[int] | None = None, epoch: int | None = None) -> pd.DataFrame:
        """Return `tables.pool` with the pooled `fraction`, by default of all layers at the last epoch."""
        n_l = self.table("n_l")
        epoch = epochs_in_order(n_l)[-1] if epoch is None else epoch
        pooled = pool(n_l[n_l["epoch"] == epoch])
        fraction = pooled["pooled_negative"] / pooled["pooled_filters"]
        pooled = pooled.assign(experiment=self.name, fraction=fraction)
        return pooled if layers is None else pooled[pooled["layer"].isin(self.existing(layers))]

    def counts_by_seed(self, layer: int) -> list[tuple[int, int]]:
        """Return (negative, all) filters of a layer at the last epoch, one pair per seed."""
        n_l = self.table("n_l")
        last = n_l[(n_l["epoch"] == epochs_in_order(n_l)[-1]) & (n_l["layer"].isin(self.existing([layer])))]
        defined = defined_filters(last)
        negative = (last["n_l"].fillna(0) * defined).round()
        pairs = zip(negative.astype(int).tolist(), defined.tolist(), strict=True)
        return [(count, filters) for count, filters in pairs if filters]

    def existing(self, layers: Sequence[int]) -> Sequence[int]:
        """Return `layers` if the network has them all."""
        table = self.tables.get("n_l", self.tables.get("reinitialisation"))
        for layer in layers:
            if layer not in set(table["layer"]):
                raise NotTestedError(f"layer {layer} does not exist in {self.name}")
        return layers

    def relative_drops(self) -> pd.DataFrame:
        """Return the relative drop when a convolution is reset to its initialisation: seeds x layers."""
        if "reinitialisation" not in self.tables:
            raise NotTestedError(f"{self.name} resets no layers")
        reinitialisation = convolutions(self.table("reinitialisation"))
        initial = reinitialisation[reinitialisation["reset_to"] == "0"]
        if initial.empty:
            raise NotTestedError(f"{self.name} resets no layers to epoch 0")
        drops = per_seed_and_layer(initial, "relative_drop").dropna()
        if len(drops) < FEWEST_SEEDS:
            count = f"{len(drops)} seed" if len(drops) == 1 else f"{len(drops)} seeds"
            raise NotTestedError(
                f"{self.name} has {count} with drops; an interval over seeds needs {FEWEST_SEEDS} or more"
            )
        return drops

    def layer_sizes(self) -> list[int]:
        """Return the number of filters of each layer."""
        return self.table("n_l").drop_duplicates("layer").sort_values("layer")["filters"].tolist()


def same_network(one: LayerEvidence, other: LayerEvidence) -> None:
    """Refuse to compare networks of different layers."""
    if one.layer_sizes() != other.layer_sizes():
        raise NotTestedError(f"{one.name} and {other.name} are different networks")


def initial_networks(evidences: Sequence[LayerEvidence]) -> tuple[pd.DataFrame, int]:
    """Return the pooled fractions at epoch 0 of different networks, and the number of repeated ones.

    Networks of equal layer sizes and seed share their initial weights; the first of them counts.
    """
    seen, tables, repeated = set(), [], 0
    for evidence in evidences:
        networks = {(*evidence.layer_sizes(), seed): seed for seed in evidence.table("n_l")["seed"].unique()}
        new = [seed for network, seed in networks.items() if network not in seen]
        repeated += len(networks) - len(new)
        seen |= networks.keys()
        if new:
            tables.append(evidence.of_seeds(new).pooled(epoch=0))
    return pd.concat(tables), repeated


def layer_in_words(row: Any) -> str:
    """Return where a pooled fraction was found, for a note."""
    return f"layer {row.layer} of {row.experiment} ({row.pooled_filters} filters)"


def _fractions(pooled: pd.DataFrame, test: Callable[..., Finding], *limits: float) -> list[Finding]:
    """Return one finding for the fraction of negative filters of each row."""
    return [
        test(*limits, row["fraction"], row["low"], row["high"], layer_in_words(row))
        for _, row in pooled.iterrows()
    ]


def all_negative(pooled: pd.DataFrame, threshold: float) -> Finding:
    """Judge whether every layer is biased towards negative; the finding is that of the least biased."""
    filters = pooled["pooled_filters"].to_numpy()
    best, _ = statistics.binomial_interval(filters, filters)
    return _of_all_layers(pooled, _fractions(pooled, above, threshold), best > threshold)


def all_mixed(pooled: pd.DataFrame, threshold: float) -> Finding:
    """Judge whether both signs are frequent in every layer; the finding is that of the most biased."""
    filters = pooled["pooled_filters"].to_numpy()
    _, best = statistics.binomial_interval((filters + 1) // 2, filters)
    return _of_all_layers(pooled, _fractions(pooled, inside, 1 - threshold, threshold), best < threshold)


def _of_all_layers(pooled: pd.DataFrame, findings: Sequence[Finding], enough: np.ndarray) -> Finding:
    """Decide over layers; an inconclusive finding names the smallest one if it is too small for the claim.

    `enough` is false of layers that no signs of so few filters could support.
    """
    found = decide(findings)
    fewest = pooled.loc[pooled["pooled_filters"].idxmin()]
    if found.supported is not None or enough.all():
        return found
    if not fewest["pooled_filters"]:
        raise NotTestedError(f"no filter has a cosine: {layer_in_words(fewest)}")
    return replace(found, note=f"{found.note}; too few filters to tell: {layer_in_words(fewest)}")


def over_seeds(drops: pd.DataFrame, statistic: Callable[[np.ndarray], np.ndarray]) -> tuple[float, ...]:
    """Return value and bootstrap interval of a statistic of mean drops; it maps (n, layers) to (n,)."""
    matrix = drops.to_numpy()
    value = statistic(matrix.mean(0, keepdims=True))[0]
    return value, *statistics.bootstrap_interval(len(matrix), lambda weights: statistic(weights @ matrix))


def smallest_drop(
    evidences: Sequence[LayerEvidence], threshold: float, layers: Sequence[int] | None = None
) -> Finding:
    """Judge whether all `layers` drop by more in all experiments; the finding is the worst layer's."""
    findings = []
    for evidence in evidences:
        drops = evidence.relative_drops()
        for layer in drops if layers is None else evidence.existing(layers):
            note = f"layer {layer} of {evidence.name}, {len(drops)} seeds"
            found = over_seeds(drops[[layer]], lambda mean: mean[:, 0])
            findings.append(above(threshold, *found, note))
    return decide(findings)


def mean_bias(seeds: Sequence[tuple[int, int]]) -> float:
    """Return the mean over seeds of |p - 1/2|; each seed is (successes, trials)."""
    return float(np.mean([abs(successes / trials - 0.5) for successes, trials in seeds]))


def bias_difference_interval(
    one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of `mean_bias` of one set of seeds minus that of another.

    The trials of each seed are resampled with replacement, the seeds stay; the same draws at every
    call.
    """
    generator = np.random.default_rng(0)
    means = [
        np.mean([np.abs(generator.binomial(n, k / n, DRAWS) / n - 0.5) for k, n in seeds], axis=0)
        for seeds in (one, other)
    ]
    low, high = np.quantile(means[0] - means[1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
