"""Data sets that a function of the user's own returns, as arrays."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from anatomy.data.dataset import Dataset, write_dataset
from anatomy.data.sources import described
from anatomy.runtime.errors import InputError
from anatomy.runtime.own_code import call_own
from anatomy.runtime.settings import Settings

PARTS = ("train", "test")


def read_own(reference: str, options: Mapping[str, Any]) -> Dataset:
    """Call `package.module:function` with `options`; it returns `{"train": (images, labels), "test": ...}`.

    Images are uint8 (N, C, H, W), labels (N,) are numbers or names; their sorted values in the training part
    are the classes. `InputError` if it returns anything else, or if a test label is not of these classes.
    """
    found = call_own(reference, {}, options)
    if not isinstance(found, Mapping) or found.keys() != set(PARTS):
        raise InputError(f"{reference} has to return a dictionary with train and test, (images, labels) each")
    arrays: dict[str, np.ndarray] = {}
    for part in PARTS:
        if not isinstance(found[part], tuple | list) or len(found[part]) != 2:
            raise InputError(
                f"{reference} returns {type(found[part]).__name__} for {part}; expected (images, labels)"
            )
        arrays[f"{part}_images"], arrays[f"{part}_labels"] = map(np.asarray, found[part])
    classes = np.unique(arrays["train_labels"])
    unknown = np.setdiff1d(arrays["test_labels"], classes)
    if unknown.size:
        raise InputError(
            f"{reference}: test label {unknown[0]} is not one of train: {', '.join(map(str, classes))}"
        )
    for part in PARTS:
        arrays[f"{part}_labels"] = np.searchsorted(classes, arrays[f"{part}_labels"]).astype(np.int64)
    return Dataset(**arrays, classes=[str(name) for name in classes])


def prepare(name: str, settings: Settings, folder: Path) -> None:
    """Write the data set that the function of its settings returns."""
    write_dataset(read_own(settings.source, settings.options or {}), folder, name, described(settings))
