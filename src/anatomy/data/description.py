"""Descriptions of prepared data sets (dataset.json): what their keys have to be, whoever wrote them."""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json, understood
from anatomy.runtime.values import NO_TEXT, is_number

DESCRIPTION_FILE = "dataset.json"
REMEDY = "prepare the data set again (prepare_dataset)"

# Mean and standard deviation of each channel of images in [0, 1], or of each coordinate of points.
Statistics = tuple[Sequence[float], Sequence[float]]

_KINDS = {"name": str, "source": Mapping, "classes": list, "mean": list, "std": list, "sha256": str}
# Of float32, in which networks see them.
_LARGEST = float(np.finfo(np.float32).max)
# Less is 0 but for rounding; one pixel of a million images that is not black has a larger standard deviation.
LEAST_STD = 1e-8


def read_description(path: Path) -> dict[str, Any]:
    """Read a description; `InputError` names the file and a key that is missing, or of another kind."""
    with understood(path, "a dataset.json of prepare_dataset.py", False):
        description = read_json(path)
        for key, kind in _KINDS.items():
            if not isinstance(description[key], kind):
                raise ValueError(f"{key} is {description[key]!r:.60}")
    classes = description["classes"]
    if not all(isinstance(name, str) for name in classes) or len(set(classes)) < len(classes):
        raise InputError(f"{path}: classes are {classes!r:.80}; expected texts, each once; {REMEDY}")
    return description


def check_name(name: Any, what: str) -> None:
    """Raise `InputError`, which begins with `what`, unless the name of a data set is one part of a path."""
    is_part = isinstance(name, str) and name not in ("", ".", "..") and "/" not in name
    if not is_part or any(unicodedata.category(character) in NO_TEXT for character in name):
        raise InputError(
            f"{what} {name!r:.80} names no data set; expected a name that is one part of a path, without "
            "slashes and control characters"
        )


def check_statistics(statistics: Statistics, channels: int, what: str, given: bool = False) -> None:
    """Raise `InputError`, which begins with `what`, unless there are numbers for so many channels.

    Of standard deviations that are measured 0 is one; those that are `given` can be divided by.
    """
    for key, values in zip(("mean", "std"), statistics, strict=True):
        if len(values) != channels:
            raise InputError(
                f"{what}: {key} has {len(values)} numbers; expected {channels}, one for each "
                "channel of its images or coordinate of its points"
            )
        for value in values:
            if not is_number(value) or abs(value) > _LARGEST:
                raise InputError(
                    f"{what}: {key} has {value!r:.60}; expected finite numbers, at most {_LARGEST:.1e}"
                )
            if key == "std" and (value < 0 or (given and value <= LEAST_STD)):
                least = f"numbers above {LEAST_STD}" if given else "numbers of at least 0"
                raise InputError(f"{what}: std has {value!r}; expected {least}")


def check_labels(description: Mapping[str, Any], labels: Mapping[str, np.ndarray], path: Path) -> None:
    """Raise `InputError` unless labels (N,) of each part are those that the description at `path` counts."""
    classes = len(description["classes"])
    for part, own in labels.items():
        if own.size and not 0 <= own.min() <= own.max() < classes:
            raise InputError(
                f"{path}: {classes} classes are listed, but {part} labels are {own.min()} to {own.max()}; "
                f"{REMEDY}"
            )
        counts = np.bincount(own, minlength=classes).tolist()
        stated = description.get(part, {"images_per_class": counts})
        if not isinstance(stated, Mapping) or stated.get("images_per_class") != counts:
            raise InputError(
                f"{path}: {part} is {stated!r:.80}, but {classes} classes are listed, of which there are "
                f"{counts!r:.60} {part} labels; {REMEDY}"
            )
