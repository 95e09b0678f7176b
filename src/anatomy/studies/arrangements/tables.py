"""Tables of the study: n_l, cosines, onset of the bias, resets, biased against critical layers."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from anatomy.networks.layouts import CONVOLUTION
from anatomy.reporting import resampling, statistics
from anatomy.reporting.grids import require_grid, require_values
from anatomy.reporting.tables import LAYERS, mean_over_seeds
from anatomy.studies.arrangements.epochs import PRETRAINED, in_order, order_of_epoch
from anatomy.studies.arrangements.grids import N_L
from anatomy.studies.arrangements.projections_files import Projections
from anatomy.studies.arrangements.reinitialisation.names import RANDOM, is_random

# A corrected p-value below it is called significant.
SIGNIFICANCE = 0.05
CRITICALITY_COLUMNS = (
    *("experiment", "layers", "count", "seeds", "rho", "low", "high"),
    *("partial", "partial_low", "partial_high"),
    *("threshold", "biased_critical", "biased_only", "critical_only", "neither"),
)
LAYER_COLUMNS = (
    *("experiment", "layer", "name", "n_l", "p_corrected", "biased"),
    *("seeds", "relative_drop", "low", "high", "critical"),
)
# What distinguishes resets of one network; what else a row holds is a number of this reset.
_IDENTITY = ["experiment", "seed", "layer", "name", "kind", "reset_to"]


@dataclass(frozen=True)
class Counts:
    """Negative filters of all `filters` that have a cosine, (seeds, epochs, layers), in order of each.

    `sizes` are the numbers of filters of the layers, those without a cosine included.
    """

    seeds: list[int]
    epochs: list[int]
    layers: list[int]
    sizes: list[int]
    negative: np.ndarray
    filters: np.ndarray


def n_l_table(projections: Iterable[Projections]) -> pd.DataFrame:
    """Return one row per experiment, seed, epoch and layer of what was measured of one experiment."""
    frames = []
    for own in projections:
        require_values(own.n_l, N_L, own.path)
        frames.append(own.n_l)
    table = pd.concat(frames)
    require_grid(table, N_L, "these files together")
    return table.sort_values(["seed", "epoch", "layer"], ignore_index=True)


def defined_filters(n_l: pd.DataFrame) -> pd.Series:
    """Return the number of filters that have a cosine: neither zero nor with NaN or infinite weights."""
    return n_l["filters"] - n_l["undefined"] - n_l["not_finite"]


def epochs_in_order(frame: pd.DataFrame) -> list[int]:
    """Return the epochs of a table from initialisation to the trained network."""
    return in_order(frame["epoch"])


def counts_of(n_l: pd.DataFrame) -> Counts:
    """Return the counts of an n_l table; a seed without an epoch or layer has no filters there."""
    epochs, layers = epochs_in_order(n_l), sorted(n_l["layer"].unique().tolist())
    seeds = sorted(n_l["seed"].unique().tolist())
    where = tuple(
        pd.Index(known).get_indexer(n_l[column])
        for column, known in (("seed", seeds), ("epoch", epochs), ("layer", layers))
    )
    defined = defined_filters(n_l).to_numpy()
    negative, filters = (np.zeros((len(seeds), len(epochs), len(layers)), int) for _ in range(2))
    filters[where] = defined
    negative[where] = np.rint(n_l["n_l"].fillna(0).to_numpy() * defined).astype(int)
    sizes = n_l.groupby("layer")["filters"].max().loc[layers].tolist()
    return Counts(seeds, epochs, layers, sizes, negative, filters)


def bias(negative: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Return the noise-corrected bias of layers, whose expectation is 0 where signs are random.

    Of counts (seeds, layers) it is the mean over seeds of (n_l - 1/2)^2 - n_l (1 - n_l) / (F - 1): what
    random signs add to the square is subtracted, so that a layer of few filters is not biased by chance. It
    is below 0 about as often as above where there is no bias; NaN of a layer with fewer than two filters.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        n = negative / filters
        squares = np.where(filters > 1, (n - 0.5) ** 2 - n * (1 - n) / (filters - 1), np.nan)
    return squares.mean(0)


def pool(n_l: pd.DataFrame) -> pd.DataFrame:
    """Return n_l over the filters of all seeds, by epoch and layer, with its test against one half.

    `pooled_negative` of `pooled_filters` cosines are at most zero; `dispersion` says how many times the
    binomial variance n_l varies over seeds, in all layers of the epoch together (1 for a single seed, whose
    filters are treated as independent). Of counts divided by it, as in `statistics.against_half`, `low` and
    `high` are the exact 95 % interval of their fraction, `p_value` is that of the two-sided exact binomial
    test against one half, and `p_corrected` the same after Holm's correction over the layers of the epoch.
    """
    counts = counts_of(n_l)
    by_epoch = (each.swapaxes(0, 1) for each in (counts.negative, counts.filters))
    dispersions, freedom = (
        dict(zip(counts.epochs, values, strict=True)) for values in statistics.dispersion(*by_epoch)
    )
    defined = defined_filters(n_l)
    signs = n_l[["epoch", "layer", "name"]].assign(
        pooled_negative=(n_l["n_l"].fillna(0) * defined).round().astype(int), pooled_filters=defined
    )
    pooled = signs.groupby(["epoch", "layer", "name"], sort=False, as_index=False).sum()
    pooled["dispersion"] = pooled["epoch"].map(dispersions)
    signs = (pooled[column].to_numpy() for column in ("pooled_negative", "pooled_filters", "dispersion"))
    pooled = pooled.assign(**statistics.against_half(*signs, pooled["epoch"].map(freedom).to_numpy()))
    pooled["p_corrected"] = pooled.groupby("epoch")["p_value"].transform(statistics.holm)
    return pooled


def n_l_summary(n_l: pd.DataFrame) -> pd.DataFrame:
    """Return mean, std and n of n_l over seeds, and the columns of `pool`, by epoch and layer."""
    summary = mean_over_seeds(n_l, ["experiment", "epoch", "layer", "name", "filters"], "n_l")
    return summary.merge(pool(n_l), on=["epoch", "layer", "name"], how="left")


def onset_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return when each layer becomes biased, from an `n_l_summary`.

    `epoch` is the first from which the layer stays biased to the last epoch: p_corrected < 0.05 and
    more than half of the filters on the same side, `direction`. Both are empty for a layer that is
    not biased at the last epoch. `n_l` is the pooled fraction at the last epoch.
    """
    order = summary["epoch"].map(order_of_epoch)
    rows = []
    for (experiment, layer, name), frame in summary.assign(order=order).groupby(
        ["experiment", "layer", "name"], sort=False
    ):
        frame = frame.sort_values("order")
        fraction = (frame["pooled_negative"] / frame["pooled_filters"]).to_numpy()
        side = np.where(frame["p_corrected"] < SIGNIFICANCE, np.sign(fraction - 0.5), 0)
        differs = np.flatnonzero(side != side[-1])
        first = differs[-1] + 1 if differs.size else 0
        rows.append(
            {
                "experiment": experiment,
                "layer": layer,
                "name": name,
                "direction": {1: "negative", -1: "positive"}.get(side[-1]),
                "epoch": int(frame["epoch"].iloc[first]) if side[-1] else None,
                "n_l": fraction[-1],
            }
        )
    return pd.DataFrame(rows).astype({"epoch": "Int64"})


def convolutions(reinitialisation: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a reinitialisation table that reset a convolution."""
    return reinitialisation[reinitialisation["kind"] == CONVOLUTION]


def mean_over_draws(reinitialisation: pd.DataFrame) -> pd.DataFrame:
    """Return a reinitialisation table with one row, `random`, for all draws of a layer and seed.

    Numbers are means over the draws; an interval that belongs to a single draw is left out.
    """
    names = reinitialisation["reset_to"].where(~reinitialisation["reset_to"].map(is_random), RANDOM)
    single = reinitialisation.assign(reset_to=names).drop(columns=["drop_low", "drop_high"], errors="ignore")
    identity = [column for column in _IDENTITY if column in single]
    return single.groupby(identity, sort=False, as_index=False).mean()


def per_seed_and_layer(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return `value` as a matrix of seeds (rows) and layers (columns)."""
    return frame.pivot(index="seed", columns="layer", values=value)


def criticality(n_l: pd.DataFrame, reinitialisation: pd.DataFrame, first: int = 1) -> dict[str, float]:
    """Return the rank correlation over layers of bias and criticality, for layers from `first` on.

    Of the seeds that have both: see `correlation_of_bias`.
    """
    counts, initial = counts_of(n_l), reinitialisation[reinitialisation["reset_to"] == "0"]
    drops = per_seed_and_layer(initial, "drop")
    seeds = [seed for seed in counts.seeds if seed in drops.index]
    layers = [layer for layer in counts.layers if layer in drops and layer >= first]
    rows = np.isin(counts.seeds, seeds)
    columns = np.isin(counts.layers, layers)
    negative, filters = (each[rows, -1][:, columns] for each in (counts.negative, counts.filters))
    own = correlation_of_bias(negative, filters, drops.loc[seeds, layers].to_numpy())
    return {"count": len(layers), "seeds": len(seeds), **own}


def correlation_of_bias(negative: np.ndarray, filters: np.ndarray, drops: np.ndarray) -> dict[str, float]:
    """Return Spearman's correlation over layers of their `bias` and of their mean drop, all (seeds, layers).

    `rho` with its 95 % interval `low` to `high`, by permutation of the layers; `partial` is the same with the
    depth of the layer held, as both can fall with depth and have nothing else in common.
    """
    names = ("rho", "low", "high"), ("partial", "partial_low", "partial_high")
    found = dict.fromkeys([*names[0], *names[1]], np.nan)
    if not drops.size:
        return found
    biases, means, depths = bias(negative, filters), drops.mean(0), np.arange(drops.shape[1])
    kept = np.isfinite(biases) & np.isfinite(means)
    for columns, given, least in zip(names, (None, depths[kept]), (3, 4), strict=True):
        if kept.sum() >= least:
            numbers = resampling.rank_correlation(biases[kept], means[kept], given)
            found |= dict(zip(columns, numbers, strict=True))
    return found


def critical_layers(n_l: pd.DataFrame, reinitialisation: pd.DataFrame, critical: float) -> pd.DataFrame:
    """Return one row per layer of one experiment: whether it is biased, and whether it is critical.

    `biased` as in `onset_table`: at the last epoch, over the filters of all seeds, p_corrected < 0.05;
    `n_l` is their fraction of negative ones. `critical`: the mean over `seeds` of the relative drop when
    the layer is reset to epoch 0 lies above the threshold `critical`; `low`, `high` are its 95 % interval
    over seeds (Student's t), NaN for a single one. Seeds whose trained network predicts nothing do not count.
    """
    last = pool(n_l[n_l["epoch"] == epochs_in_order(n_l)[-1]]).set_index("layer")
    initial = reinitialisation[
        (reinitialisation["reset_to"] == "0") & reinitialisation["layer"].isin(last.index)
    ]
    drops = per_seed_and_layer(initial, "relative_drop").dropna()
    layers = last.loc[drops.columns]
    low, high = statistics.mean_interval(drops.to_numpy().T)
    return pd.DataFrame(
        {
            "experiment": n_l["experiment"].iloc[0],
            "layer": drops.columns,
            "name": layers["name"].to_numpy(),
            "n_l": (layers["pooled_negative"] / layers["pooled_filters"]).to_numpy(),
            "p_corrected": layers["p_corrected"].to_numpy(),
            "biased": (layers["p_corrected"] < SIGNIFICANCE).to_numpy(),
            "seeds": len(drops),
            "relative_drop": drops.mean().to_numpy(),
            "low": low,
            "high": high,
            "critical": (drops.mean() > critical).to_numpy(),
        }
    )


def biased_against_critical(layers: pd.DataFrame) -> dict[str, int]:
    """Count the layers of `critical_layers` that are biased and critical, one of the two, or neither."""
    biased, critical = layers["biased"], layers["critical"]
    return {
        "biased_critical": int((biased & critical).sum()),
        "biased_only": int((biased & ~critical).sum()),
        "critical_only": int((~biased & critical).sum()),
        "neither": int((~biased & ~critical).sum()),
    }


def criticality_tables(
    n_l: Iterable[pd.DataFrame], reinitialisation: Iterable[pd.DataFrame], critical: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return bias against criticality of every experiment that resets layers to epoch 0, and its layers.

    The first table has two rows each, over all layers and over those past the first, which the paper
    excepts: `criticality`, and the counts of `biased_against_critical` for the `threshold`. The second is
    `critical_layers`.
    """
    drops = {frame["experiment"].iloc[0]: frame for frame in reinitialisation}
    rows, layers = [], [pd.DataFrame(columns=LAYER_COLUMNS)]
    for frame in n_l:
        experiment = frame["experiment"].iloc[0]
        own = drops.get(experiment)
        if own is None or not (own["reset_to"] == "0").any():
            continue
        called = critical_layers(frame, own, critical)
        layers.append(called)
        for which, first in (("all", 1), ("past the first", 2)):
            counts = biased_against_critical(called[called["layer"] >= first])
            cell = {**criticality(frame, own, first), "threshold": critical, **counts}
            rows.append({"experiment": experiment, "layers": which, **cell})
    found = [table for table in layers if len(table)] or layers
    return pd.DataFrame(rows, columns=CRITICALITY_COLUMNS), pd.concat(found, ignore_index=True)


def layers_table(n_l: pd.DataFrame, reinitialisation: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return n_l and drops of one experiment in the columns of `LAYERS`.

    The value of a drop to random weights, which has no epoch, is the mean over its draws. Pretrained
    weights have no epoch either. Linear layers have the positions after the convolutions.
    """
    parts = [n_l.assign(quantity="n_l", value=n_l["n_l"], epoch=n_l["epoch"].replace(PRETRAINED, pd.NA))]
    if reinitialisation is not None:
        drops = mean_over_draws(reinitialisation)
        epoch = pd.to_numeric(drops["reset_to"].replace(RANDOM, pd.NA))
        parts.append(drops.assign(quantity="drop", value=drops["drop"], epoch=epoch))
    columns = {"layer": "position", "name": "layer"}
    tidy = [part.rename(columns=columns)[[*LAYERS]].astype({"epoch": "Int64"}) for part in parts]
    return pd.concat(tidy, ignore_index=True)


def cosine_table(projections: Iterable[Projections]) -> pd.DataFrame:
    """Return one row per filter of each measured snapshot; filters count from 0, as in the weight tensor.

    `cosine` is equation 1 as printed, `projection` the normalisation of the authors' code.
    """
    frames = []
    for own in projections:
        for layer, cosine, projection in zip(own.n_l["layer"], own.cosines, own.projections, strict=True):
            numbers = {"filter": range(len(cosine)), "cosine": cosine, "projection": projection}
            frames.append(pd.DataFrame({**own.origin, "layer": layer, **numbers}))
    return pd.concat(frames, ignore_index=True)
