"""Data sets that a function of the user's own returns, images or points, as arrays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from anatomy.data.dataset import PARTS, Dataset, InMemory, PointDataset, write_dataset
from anatomy.data.sources import described
from anatomy.data.subset import given_statistics, selected
from anatomy.data.tree import check_class_names
from anatomy.runtime.errors import InputError
from anatomy.runtime.own_calls import call_own
from anatomy.runtime.settings import Settings

INPUTS = "uint8 (N, C, H, W), or points (N, d)"
LABELS = "whole numbers or names (N,)"
# Up to this, whole numbers are float32 without rounding.
EXACT = 1 << 24


def read_own(reference: str, options: Mapping[str, Any]) -> InMemory:
    """Call `package.module:function` with `options`; it returns `{"train": (images, labels), "test": ...}`.

    Images are uint8 (N, C, H, W); numbers (N, d) are points, which become float32. Labels (N,) are whole
    numbers or names; their sorted values in the training part are the classes. `InputError` for other
    containers and labels, images of several sizes, and test labels that are not of these classes.
    """
    found = call_own(reference, {}, options)
    if not isinstance(found, Mapping) or found.keys() != set(PARTS):
        raise InputError(f"{reference} has to return a dictionary with train and test, (images, labels) each")
    inputs: dict[str, np.ndarray] = {}
    arrays: dict[str, np.ndarray] = {}
    for part in PARTS:
        if not isinstance(found[part], tuple | list) or len(found[part]) != 2:
            kind = type(found[part]).__name__
            size = f" of {len(found[part])}" if isinstance(found[part], tuple | list) else ""
            raise InputError(f"{reference} returns {kind}{size} for {part}; expected (images, labels)")
        images, labels = found[part]
        inputs[part] = _array(f"{reference}: {part} images", images, INPUTS)
        arrays[f"{part}_labels"] = _labels(f"{reference}: {part} labels", labels)
    classes = np.unique(arrays["train_labels"])
    check_class_names(map(str, classes), f"{reference}: train label")
    for part in PARTS:
        arrays[f"{part}_labels"] = _indices(reference, part, arrays[f"{part}_labels"], classes)
    points = all(own.ndim == 2 and own.dtype.kind in "iuf" for own in inputs.values())
    kind = PointDataset if points else Dataset
    for part, own in inputs.items():
        arrays[f"{part}_{kind.INPUTS}"] = _points(f"{reference}: {part} point", own) if points else own
    return kind(**arrays, classes=[str(name) for name in classes])


def _indices(reference: str, part: str, labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the indices (N,) of labels among the classes; `InputError` for one that is none of them."""
    # Nothing has a type of its own; an empty part is refused as such.
    if labels.size and classes.size and (labels.dtype.kind == "U") != (classes.dtype.kind == "U"):
        raise InputError(
            f"{reference}: {part} labels are {labels.dtype} but train labels are {classes.dtype}; expected "
            "numbers in both, or names in both"
        )
    # Python compares whole numbers of any size exactly; numpy rounds where one type does not hold both.
    known = {value: index for index, value in enumerate(classes.tolist())}
    values, places = np.unique(labels, return_inverse=True)
    if unknown := [value for value in values.tolist() if value not in known]:
        raise InputError(
            f"{reference}: {part} label {unknown[0]} is not one of train: {', '.join(map(str, classes))}"
        )
    return np.array([known[value] for value in values.tolist()], np.int64)[places]


def _array(what: str, values: Any, expected: str) -> np.ndarray:
    """Return values as one array; `InputError` for what numpy cannot read, or would read without its mask."""
    rows = values if isinstance(values, tuple | list) else ()
    if np.ma.is_masked(values) or any(map(np.ma.is_masked, rows)):
        raise InputError(f"{what} have masked values; expected {expected}, leave out what is masked")
    try:
        return np.asarray(values)
    except MemoryError:
        raise
    except ValueError as error:
        raise InputError(f"{what} do not have one shape; expected {expected}") from error
    except Exception as error:
        # Tensors of torch say in errors of several kinds why they are no arrays.
        reason = " ".join(str(error).split())
        raise InputError(f"{what} cannot be read as an array ({reason}); expected {expected}") from error


def _labels(what: str, given: Any) -> np.ndarray:
    """Return labels (N,), whole numbers or names; names that are bytes are taken as UTF-8."""
    labels = _array(what, given, LABELS)
    if labels.ndim != 1 or labels.dtype.kind not in "biufUS":
        raise InputError(f"{what} are {labels.dtype} of shape {labels.shape}; expected {LABELS}")
    if labels.dtype.kind == "f" and (unknown := np.flatnonzero(~np.isfinite(labels))).size:
        raise InputError(
            f"{what} have {labels[unknown[0]]} at {unknown[0]}; expected finite numbers, or names"
        )
    if labels.dtype.kind == "f":
        # Of numbers this large several may have become one.
        values = labels.astype(np.float64)
        wrong = np.flatnonzero((values != np.rint(values)) | (np.abs(values) >= 1 << 53))
        if wrong.size:
            raise InputError(
                f"{what} have {labels[wrong[0]]} at {wrong[0]}; expected whole numbers, which beyond "
                "2^53 are integers by their type, or names"
            )
    if labels.dtype.kind == "S":
        try:
            labels = np.char.decode(labels, "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{what} are bytes that are no UTF-8 ({error}); expected {LABELS}") from error
    return labels


def _points(what: str, values: np.ndarray) -> np.ndarray:
    """Return numbers (N, d) as float32; `InputError` for one that is too large, and whole ones it rounds."""
    with np.errstate(over="ignore"):
        points = values.astype(np.float32)
    if values.dtype.kind == "f":
        wrong = np.isfinite(values) & ~np.isfinite(points)
        reason = f"float32 takes numbers up to {np.finfo(np.float32).max:.1e}"
    else:
        wrong = (values > EXACT) | (values < -EXACT)
        # Python compares whole numbers of any size with floats exactly.
        wrong[wrong] = points[wrong].astype(object) != values[wrong].astype(object)
        reason = f"float32 rounds whole numbers beyond {EXACT}"
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InputError(f"{what} {row} has {values[row, column]}; {reason}, scale the points")
    return points


def prepare(name: str, settings: Settings, folder: Path) -> None:
    """Write the data set that the function of its settings returns."""
    dataset = selected(read_own(settings.source, settings.copy_of("options")), name, settings)
    write_dataset(dataset, folder, name, described(settings), given_statistics(settings))
