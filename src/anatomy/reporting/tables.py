"""Tidy tables: read, written, and averaged over seeds."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from anatomy.runtime.checksums import require_recorded
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import atomic

# Columns of a study's `layers.csv`, by which quantities of different studies are compared layer by layer.
# `layer` is the name of the module; `epoch` is empty if there is none, of a reset that which was reset to.
LAYERS = ("experiment", "seed", "epoch", "position", "layer", "quantity", "value")
# Columns of a study's `histograms.csv`: how values of many parts of a layer (filters, units) are distributed.
# The range from `low` to `high` is in equal bins, the last of which includes `high`; each has a column.
HISTOGRAMS = ("experiment", "seed", "epoch", "position", "layer", "quantity", "low", "high")
HISTOGRAM_BINS = tuple(f"bin_{index:02d}" for index in range(1, 21))


def mean_over_seeds(frame: pd.DataFrame, by: Sequence[str], value: str) -> pd.DataFrame:
    """Return `mean`, `std` and `n` of `value` over seeds, for each combination of `by`.

    `std` is the sample standard deviation (n - 1 in the denominator), empty for a single seed; seeds
    without a value are not counted in `n`.
    """
    groups = frame.groupby(list(by), sort=False, observed=True)[value]
    return groups.agg(mean="mean", std="std", n="count").reset_index()


def read_table(path: Path) -> pd.DataFrame:
    """Read a table; names stay text, whatever they look like. `InputError` if it is not what is recorded."""
    require_recorded(path)
    text = {"experiment": str, "reset_to": str}
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])


def read_grid(path: Path, by: Sequence[str], within: str | None = None) -> pd.DataFrame:
    """Read a table that has one row for each combination of what its columns `by` say; `InputError` if not.

    With `within`, one for each combination among the rows that say the same in that column.
    """
    frame = read_table(path)
    again = "delete it, and call snakemake again to make it anew"
    named = [*by, within] if within else by
    if missing := [column for column in named if column not in frame]:
        raise InputError(f"{path} has no column {missing[0]}; {again}")
    for _, part in frame.groupby(within) if within else [(None, frame)]:
        expected = math.prod(part[column].nunique() for column in by)
        if not len(part) == len(part.drop_duplicates([*by])) == expected:
            raise InputError(
                f"{path} has {len(part)} rows, expected {expected}, one for each {', '.join(by)}: it is cut "
                f"off or damaged; {again}"
            )
    if frame.empty:
        raise InputError(f"{path} has no rows; {again}")
    return frame


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, atomically; numbers keep six significant digits."""
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g")
