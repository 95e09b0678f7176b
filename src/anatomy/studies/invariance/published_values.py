"""The authors' numbers, and ours of the same networks beside them.

`published_values.csv` has the 64 values of their table, the mean of M over all units of a network, and the
test accuracies read off their bars, two for each of 16 networks: of plain images and of rotated ones.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from anatomy.reporting.statistics import mean_interval
from anatomy.reporting.tables import read_table

VALUES = Path(__file__).with_suffix(".csv")
NETWORK = ["network", "data", "training"]
QUANTITY = ["quantity", "aggregation", "kind"]
COLUMNS = [*NETWORK, *QUANTITY, "published", "experiment", "mean", "std", "n", "low", "high", "difference"]


def published_values() -> pd.DataFrame:
    """Return the authors' numbers by network, data and training, each in the column `published`."""
    return read_table(VALUES)


def beside_published(
    experiments: Mapping[str, Sequence[str]], networks: Sequence[pd.DataFrame], scores: Sequence[pd.DataFrame]
) -> pd.DataFrame:
    """Return the authors' numbers with ours: `mean`, `std`, `n` over seeds, Student's interval, `difference`.

    `experiments` says by name which network, data and training an experiment repeats; `networks` and `scores`
    are the tables of the same names of each. What was not run is empty.
    """
    found = []
    for table in (*map(_of_network, networks), *map(_of_scores, scores)):
        name = table["experiment"].iloc[0]
        if name in experiments:
            values = table.assign(**dict(zip(NETWORK, experiments[name], strict=True)))
            found.append(values)
    rows = []
    if found:
        by = [*NETWORK, *QUANTITY, "experiment"]
        for key, group in pd.concat(found).groupby(by, sort=False):
            values = group["value"].to_numpy(float)
            low, high = mean_interval(values)
            std = values.std(ddof=1) if len(values) > 1 else np.nan
            numbers = {"mean": values.mean(), "std": std, "n": len(values), "low": low, "high": high}
            rows.append(dict(zip(by, key, strict=True)) | numbers)
    published = published_values().fillna({"aggregation": "", "kind": ""})
    numbers = ["experiment", "mean", "std", "n", "low", "high"]
    ours = pd.DataFrame(rows, columns=[*NETWORK, *QUANTITY, *numbers])
    table = published.merge(ours, how="left", on=[*NETWORK, *QUANTITY])
    return table.assign(difference=table["mean"].astype(float) - table["published"])[COLUMNS]


def _of_network(table: pd.DataFrame) -> pd.DataFrame:
    columns = ["experiment", "seed", "aggregation", "kind"]
    return table[columns].assign(quantity="invariance", value=table["invariance"])


def _of_scores(table: pd.DataFrame) -> pd.DataFrame:
    test = table[table["part"] == "test"]
    words = np.where(test["rotated"], "accuracy_rotated", "accuracy_plain")
    return test[["experiment", "seed"]].assign(
        quantity=words, aggregation="", kind="", value=test["accuracy"]
    )
