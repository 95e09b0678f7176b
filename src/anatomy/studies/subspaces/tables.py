"""Tables of one experiment: evaluations of its runs, ensembles of them, and how far apart ends are."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice
from typing import Any

import numpy as np
import pandas as pd

from anatomy.reporting.tables import LAYERS
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
# How a run was trained.
SUBSPACE = ("kind", "corners", "layerwise", "beta")


def subspace_columns(subspace: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return how a run was trained, as columns: `kind` is `standard` of one that trains no subspace."""
    if subspace is None:
        return {"kind": STANDARD, "corners": 1, "layerwise": False, "beta": 0.0}
    corners = {"line": 2, "bezier": 3}.get(subspace["kind"], subspace.get("corners"))
    return {
        **{"kind": subspace["kind"], "corners": corners},
        **{"layerwise": subspace["layerwise"], "beta": subspace["beta"]},
    }


def evaluations(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the evaluations of all runs of an experiment under each other."""
    return pd.concat(frames, ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return `mean`, `std` and `n` over seeds of each quantity of each evaluation that has it."""
    common = ["experiment", *SUBSPACE, *KEYS]
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
