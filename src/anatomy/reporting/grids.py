"""What tables must hold: which rows there are, each once, and which values are possible.

A module `grids.py` of a study says so of its tables in GRIDS, by name; other tables are read as they are.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from math import inf, prod
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from anatomy.reporting.tables import read_table
from anatomy.runtime.errors import InputError

T = TypeVar("T")
AGAIN = "delete it, and call snakemake again to make it anew"
RUN = ("experiment", "seed")
# Tables have six significant digits.
ROUNDING = 1e-5


@dataclass(frozen=True)
class Range:
    """The numbers that a column may have, from `low` to `high`; infinity is none."""

    low: float = -inf
    high: float = inf
    whole: bool = False
    empty: bool = False

    def broken_by(self, column: pd.Series) -> np.ndarray:
        """Return which values of a column are not possible."""
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(float)
        right = np.isfinite(numbers) & (self.low - ROUNDING <= numbers) & (numbers <= self.high + ROUNDING)
        if self.whole:
            right &= np.floor(numbers) == numbers
        return ~(right | column.isna().to_numpy()) if self.empty else ~right

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        bounds = [f"from {self.low:g}"] * (self.low > -inf) + [f"to {self.high:g}"] * (self.high < inf)
        return " ".join([kind, *bounds]) + (", or nothing" if self.empty else "")


FRACTION = Range(0, 1)
COUNT = Range(0, whole=True)
POSITION = Range(1, whole=True)
SEED = Range(0, 2**32 - 1, whole=True)


@dataclass(frozen=True)
class Grid:
    """Which rows a table of one experiment has, and which values.

    For each one of `within` there is a row for each combination of `by`, as they are there; an axis of
    several columns is a tuple of them. If it is not `complete`, combinations may be missing. All seeds have
    the same combinations of `alike`. `limits` are those of columns that are there. `relations` are functions
    of the columns that their arguments name, which return the rows that break what the text says; where a
    column is missing, none does.
    """

    by: tuple[str | tuple[str, ...], ...]
    within: tuple[str, ...] = RUN
    complete: bool = True
    alike: tuple[str, ...] = ()
    may_be_empty: bool = False
    limits: Mapping[str, Range] = field(default_factory=dict)
    relations: Mapping[str, Callable[..., pd.Series]] = field(default_factory=dict)

    @property
    def axes(self) -> list[list[str]]:
        """The columns of each axis of `by`."""
        return [[axis] if isinstance(axis, str) else [*axis] for axis in self.by]

    @property
    def columns(self) -> list[str]:
        """The columns that tell rows apart."""
        return [*self.within, *(column for axis in self.axes for column in axis)]


def read_grid(path: Path, grid: Grid) -> pd.DataFrame:
    """Read a table; `InputError` if rows are missing or there twice, or values are not possible."""
    frame = read_table(path)
    require_grid(frame, grid, path)
    return frame


def read_known(path: Path, study: str) -> pd.DataFrame:
    """Read a table of a study, as `read_grid` if it is known which rows it has."""
    grid = grids_of(study).get(path.stem)
    return read_table(path) if grid is None else read_grid(path, grid)


def grids_of(study: str) -> Mapping[str, Grid]:
    """Return which rows the tables of a study have, by their names, and those of the trainings."""
    module = f"anatomy.studies.{study}.grids"
    own = import_module(module).GRIDS if find_spec(module) else {}
    return {"training": TRAINING, **own}


def require_grid(frame: pd.DataFrame, grid: Grid, source: Path | str) -> None:
    """Raise `InputError` if a table lacks rows, has some twice, or has values that are not possible."""
    if missing := [column for column in grid.columns if column not in frame]:
        raise InputError(f"{source} has no column {missing[0]}; {AGAIN}")
    if frame.empty:
        if grid.may_be_empty:
            return
        raise InputError(f"{source} has no rows; {AGAIN}")
    require_values(frame, grid, source)
    if "experiment" in grid.within and frame["experiment"].nunique() > 1:
        names = ", ".join(map(str, frame["experiment"].unique()))
        raise InputError(f"{source} has rows of several experiments ({names}), expected one; {AGAIN}")
    keys = [column for axis in grid.axes for column in axis]
    parts = dict(list(frame.groupby([*grid.within], dropna=False, sort=False)))
    for which, part in parts.items():
        distinct = len(part.drop_duplicates(keys))
        expected = prod(len(part.drop_duplicates(axis)) for axis in grid.axes) if grid.complete else distinct
        if not len(part) == distinct == expected:
            raise InputError(
                f"{source} has {len(part)} rows of {_named(grid.within, which)}, expected {expected}, one "
                f"for each {' and '.join(keys)}: it is cut off or damaged; {AGAIN}"
            )
    if grid.alike:
        _require_alike(frame, grid, source)


def _require_alike(frame: pd.DataFrame, grid: Grid, source: Path | str) -> None:
    """Raise `InputError` if one seed has what another has not."""
    every = frame.drop_duplicates([*grid.alike])
    for seed, part in frame.groupby("seed"):
        own = part.drop_duplicates([*grid.alike])
        if len(own) < len(every):
            raise InputError(
                f"{source} has {len(own)} of {len(every)} combinations of {' and '.join(grid.alike)} of seed "
                f"{seed}, expected those of the other seeds: it is cut off or damaged; {AGAIN}"
            )


def require_values(frame: pd.DataFrame, grid: Grid, source: Path | str) -> None:
    """Raise `InputError` if a table has values that are not possible; the first of them is named."""
    for column, limits in grid.limits.items():
        if column in frame and (broken := np.flatnonzero(limits.broken_by(frame[column]))).size:
            row = frame.iloc[broken[0]]
            value = "empty" if pd.isna(row[column]) else row[column]
            raise InputError(
                f"{source}: {column} is {value} in the row of {_row(row, grid)}, expected {limits}; {AGAIN}"
            )
    for words, broken_by in grid.relations.items():
        named = inspect.signature(broken_by).parameters
        columns = {column: frame[column] for column in named if column in frame}
        if columns.keys() == named.keys() and (broken := np.flatnonzero(broken_by(**columns))).size:
            row = _row(frame.iloc[broken[0]], grid)
            raise InputError(f"{source}: expected {words}, which is not so in the row of {row}; {AGAIN}")


def _row(row: pd.Series, grid: Grid) -> str:
    """Say which row it is by what tells rows apart."""
    columns = [column for column in grid.columns if column in row.index and not pd.isna(row[column])]
    return _named(columns, [row[column] for column in columns])


def _named(columns: Iterable[str], values: Iterable[Any]) -> str:
    return ", ".join(f"{column} {value}" for column, value in zip(columns, values, strict=True))


def read_distinct(
    paths: Iterable[Path], read: Callable[[Path], T], origin_of: Callable[[T], Mapping[str, Any]]
) -> Iterator[T]:
    """Yield what `read` returns of each file; `InputError` if two are of the same measurement.

    `origin_of` it are `experiment`, of which there may be one only, `seed` and what else tells them apart.
    """
    known: dict[tuple, Path] = {}
    for path in paths:
        content = read(path)
        origin = origin_of(content)
        key = tuple(origin.values())
        if key in known:
            raise InputError(
                f"{known[key]} and {path} are both of {_named(origin, key)}; give each measurement once"
            )
        if known and (experiment := next(iter(known))[0]) != key[0]:
            raise InputError(
                f"{path} is of experiment {key[0]}, {next(iter(known.values()))} of {experiment}; give files "
                "of one experiment"
            )
        known[key] = path
        yield content


def read_experiments(paths: Iterable[Path], grid: Grid) -> list[pd.DataFrame]:
    """Read a table of each of several experiments; `InputError` if two are of one."""
    known: dict[str, Path] = {}
    frames = []
    for path in paths:
        frames.append(read_grid(path, grid))
        experiment = frames[-1]["experiment"].iloc[0]
        if experiment in known:
            raise InputError(f"{known[experiment]} and {path} are both of {experiment}; give each once")
        known[experiment] = path
    return frames


def run_of(frame: pd.DataFrame) -> dict[str, Any]:
    """Return experiment and seed of a table of one run."""
    return {column: frame[column].iloc[0] for column in RUN}


# A run may have stopped before others did.
TRAINING = Grid(
    ("epoch",),
    complete=False,
    limits={
        **{"seed": SEED, "epoch": COUNT},
        **{"learning_rate": Range(0, empty=True), "train_accuracy": Range(0, 1, empty=True)},
        **{"validation_accuracy": FRACTION, "seconds": Range(0)},
    },
)
