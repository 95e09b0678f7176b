"""Tidy tables: read, written, and averaged over seeds."""

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from anatomy.runtime import readings
from anatomy.runtime.checksums import require_recorded
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import atomic, understood
from anatomy.runtime.regular import open_file

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


def read_table(path: Path, empty: Sequence[str] = ("",)) -> pd.DataFrame:
    """Read a table; names stay text, whatever they look like.

    What is `empty` stands for no value. `InputError` if it is none, is cut off, or is not what is recorded.
    """
    text = {"experiment": str, "reset_to": str}
    with understood(path, "a table of CSV"):
        with open_file(path) as file:
            content = file.read()
        require_recorded(path, content)
        if content and not content.endswith(b"\n"):
            raise InputError(f"{path} ends within a line; it is cut off: remove it, and make it again")
        frame = pd.read_csv(io.BytesIO(content), dtype=text, keep_default_na=False, na_values=[*empty])
    readings.note(path, frame.columns)
    return frame


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV, atomically; numbers keep six significant digits."""
    with atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g")
