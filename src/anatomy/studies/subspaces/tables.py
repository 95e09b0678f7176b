"""Tables of one experiment: evaluations of its runs, ensembles of them, and how far apart ends are."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice
from typing import Any

import numpy as np
import pandas as pd

from anatomy.reporting.tables import LAYERS
from anatomy.runtime.settings import Settings
from anatomy.studies.subspaces.evaluation import COMBINED, MEASURES, Predictions, ensemble_row, single_row
from anatomy.studies.subspaces.geometry import COLUMNS as ENDS
from anatomy.studies.subspaces.geometry import QUANTITIES

# What tells evaluations of one run apart.
KEYS = ("evaluation", "alpha", "index", "members", "combined")
# Alpha of the pair that stands for points near the ends, or the nearest one there is.
NEAR_THE_ENDS = 0.2
# At most so many ensembles of a size are measured, of the seeds in their order.
MOST_SUBSETS = 10
# The kind of one that trains no subspace.
STANDARD = "standard"
# How a run was trained: its subspace, and what else the paper compares.
SUBSPACE = ("kind", "corners", "layerwise", "beta")
TRAINED = (*SUBSPACE, "label_noise", "dropout", "smoothing")
# Where in the plane of three corners a point is.
COORDINATES = ("x", "y")
OF_PLANE = ("experiment", "seed", "index", *COORDINATES, "accuracy", "loss", "ece")


def training_columns(settings: Settings) -> dict[str, Any]:
    """Return how a run was trained, as columns: `kind` is `standard` of one that trains no subspace.

    `label_noise` is the fraction of labels that are replaced, `smoothing` that of label smoothing.
    """
    own = settings.subspace
    found = {"kind": STANDARD, "corners": 1, "layerwise": False, "beta": 0.0}
    if own is not None:
        corners = {"line": 2, "bezier": 3}.get(own.kind, own.corners)
        found = {"kind": own.kind, "corners": corners, "layerwise": own.layerwise, "beta": own.beta}
    noise = settings.label_noise
    return {
        **found,
        "label_noise": 1.0 if noise.kind == "permuted" else noise.fraction,
        "dropout": settings.dropout,
        "smoothing": settings.loss.smoothing,
    }


def evaluations(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the evaluations of all runs of an experiment under each other, but those of planes."""
    table = pd.concat(frames, ignore_index=True)
    return table[table["evaluation"] != "plane"].drop(columns=list(COORDINATES)).reset_index(drop=True)


def plane(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the columns `OF_PLANE` of all points of planes; the first three of each seed are the corners."""
    table = pd.concat(frames, ignore_index=True)
    return table.loc[table["evaluation"] == "plane", list(OF_PLANE)].reset_index(drop=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return `mean`, `std` and `n` over seeds of each quantity of each evaluation that has it."""
    common = ["experiment", *TRAINED, *KEYS]
    quantities = [name for name in MEASURES if not name.endswith(("_low", "_high"))]
    long = table.melt(common, quantities, "quantity", "value").dropna(subset="value")
    groups = long.groupby([*common, "quantity"], sort=False, dropna=False)["value"]
    return groups.agg(mean="mean", std="std", n="count").reset_index()


def ensembles(
    common: Mapping[str, Any],
    found: Mapping[int, Predictions],
    labels: np.ndarray,
) -> pd.DataFrame:
    """Return a row for each ensemble of networks of different seeds, and for each network alone.

    `found` has what the network of each seed says of the same images; `common` are columns of all rows.
    Sizes go up to all seeds; of each at most `MOST_SUBSETS`, in the order of the seeds.
    """
    rows = list(_ensemble_rows(found, labels))
    return pd.DataFrame([{**common, **row} for row in rows])


def _ensemble_rows(found: Mapping[int, Predictions], labels: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield the rows of `ensembles` without what is common to all."""
    for size in range(1, len(found) + 1):
        for seeds in islice(combinations(found, size), MOST_SUBSETS):
            named, together = {"seeds": " ".join(map(str, seeds))}, [found[seed] for seed in seeds]
            if size == 1:
                yield {**named, **single_row(together[0], labels)}
            else:
                yield from ({**named, **ensemble_row(together, labels, each)} for each in COMBINED)


def geometry(ends: pd.DataFrame) -> pd.DataFrame:
    """Return distance and cosine of the ends over all convolutions, a row for each seed and epoch."""
    whole = ends[ends["layer"].isna()]
    return whole[[name for name in ENDS if name not in ("position", "layer")]].reset_index(drop=True)


def layers(ends: pd.DataFrame) -> pd.DataFrame:
    """Return distance and cosine of the ends layer by layer, in the columns that studies share."""
    own = ends[ends["layer"].notna()].astype({"position": int})
    long = own.melt(["experiment", "seed", "epoch", "position", "layer"], QUANTITIES, "quantity", "value")
    return long[list(LAYERS)].reset_index(drop=True)
