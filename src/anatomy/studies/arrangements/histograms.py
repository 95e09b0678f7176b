"""How the cosines of a layer's filters are distributed in every snapshot."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from anatomy.reporting.tables import HISTOGRAM_BINS, HISTOGRAMS
from anatomy.studies.arrangements.projections_files import Projections

QUANTITY = "cosine"


def histogram_table(projections: Iterable[Projections]) -> pd.DataFrame:
    """Return the histogram of the cosines (equation 1) of every layer, a row per seed, epoch and layer.

    Columns: those of `HISTOGRAMS`, and the number of filters in each of `HISTOGRAM_BINS`. The bins of a layer
    are the same in all rows: from -m to m, m being the largest |cosine| of the layer in any of the snapshots.
    Filters without a cosine are not counted.
    """
    rows, values = [], []
    for own in projections:
        layers = zip(own.n_l["layer"], own.n_l["name"], own.cosines, strict=True)
        for position, name, cosines in layers:
            rows.append((*own.origin.values(), position, name))
            values.append(cosines[~np.isnan(cosines)])
    largest: dict[str, float] = {}
    for (*_, name), cosines in zip(rows, values, strict=True):
        largest[name] = max(largest.get(name, 0.0), np.abs(cosines).max(initial=0.0))
    counts, limits = [], []
    for (*_, name), cosines in zip(rows, values, strict=True):
        # A layer whose cosines are all zero has bins too.
        limit = largest[name] or 1.0
        limits.append(limit)
        counts.append(np.histogram(cosines, len(HISTOGRAM_BINS), (-limit, limit))[0])
    frame = pd.DataFrame(rows, columns=["experiment", "seed", "epoch", "position", "layer"])
    frame = frame.assign(quantity=QUANTITY, high=limits)
    frame["low"] = -frame["high"]
    bins = pd.DataFrame(np.reshape(counts, (-1, len(HISTOGRAM_BINS))), columns=HISTOGRAM_BINS)
    table = pd.concat([frame[list(HISTOGRAMS)], bins], axis=1)
    return table.sort_values(["seed", "epoch", "position"], ignore_index=True)
