"""Files of projections, as `projections.to_json` makes them, read for tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anatomy.reporting.grids import AGAIN, ROUNDING, read_distinct
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json, understood

EXPECTED = "a file of measure_projections.py"
# What n_l.csv has of each layer.
KEPT = ("layer", "name", "filters", "undefined", "not_finite", "n_l", "mean_cosine")


@dataclass(frozen=True, eq=False)
class Projections:
    """What was measured of one snapshot, and the file that says so.

    `origin` is its experiment, seed and epoch; `n_l` has the rows of n_l.csv; `cosines` (equation 1) and
    `projections` are those of the filters of each layer, (filters,), NaN of one that has none.
    """

    path: Path
    origin: Mapping[str, Any]
    n_l: pd.DataFrame
    cosines: Sequence[np.ndarray]
    projections: Sequence[np.ndarray]


def read_all(paths: Iterable[Path]) -> Iterator[Projections]:
    """Read files of one experiment; `InputError` if two of them have the same seed and epoch."""
    return read_distinct(paths, read_projections, lambda own: own.origin)


def read_projections(path: Path) -> Projections:
    """Read one file; `InputError` names a value that is not possible."""
    with understood(path, EXPECTED):
        content = read_json(path)
        origin = {"experiment": str(content["experiment"])}
        # They are texts; of 1.5 or true an integer could be made as well.
        origin |= {key: int(str(content[key])) for key in ("seed", "epoch")}
        layers = content["layers"]
        stages = sorted((key for key in content if key.isdecimal()), key=int)
        blocks = [content[stage][block] for stage in stages for block in sorted(content[stage], key=int)]
        cosines, projections = [], []
        for layer, block in zip(layers, blocks, strict=True):
            where = f"{path}: layer {layer['layer']}"
            cosines.append(_of_filters(layer["cosines"], layer["filters"], f"{where}: cosines"))
            _require_fraction(layer["n_l"], cosines[-1], where)
            projections.append(_of_filters(block["projections"], layer["filters"], f"{where}: projections"))
        n_l = pd.DataFrame([{**origin, **{key: layer[key] for key in KEPT}} for layer in layers])
    return Projections(path, origin, n_l, cosines, projections)


def _require_fraction(n_l: Any, cosines: np.ndarray, where: str) -> None:
    """Raise `InputError` if n_l (equation 2) is not that of the cosines; what is printed as 0 may be less."""
    defined = cosines[np.isfinite(cosines)]
    least, most = (defined < 0).sum(), (defined <= 0).sum()
    if not defined.size:
        right, expected = n_l is None, "null"
    else:
        right = type(n_l) in (int, float) and least - ROUNDING <= n_l * defined.size <= most + ROUNDING
        expected = f"{least} of {defined.size}, as many cosines are negative"
    if not right:
        raise InputError(f"{where}: n_l is {n_l!r}, expected {expected}; {AGAIN}")


def _of_filters(listed: Any, filters: int, where: str) -> np.ndarray:
    """Return a number between -1 and 1 for each filter of a layer, NaN for null."""
    if not isinstance(listed, list) or len(listed) != filters:
        count = f"{len(listed)} numbers" if isinstance(listed, list) else repr(listed)
        raise InputError(f"{where} are {count}, expected a list of {filters}, one for each filter; {AGAIN}")
    values = np.array(listed, float)
    if (outside := np.flatnonzero(np.abs(values) > 1 + ROUNDING)).size:
        index = outside[0]
        raise InputError(
            f"{where}: that of filter {index} is {listed[index]}, expected a number from -1 to 1, or null; "
            f"{AGAIN}"
        )
    return values
