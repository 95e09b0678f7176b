"""Data sets as uint8 images, or float32 points, and integer labels, whatever their source."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from anatomy.data.description import (
    DESCRIPTION_FILE,
    REMEDY,
    Statistics,
    check_labels,
    check_statistics,
    read_description,
)
from anatomy.data.image_files import IndexedDataset, open_index
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import atomic, sha256_of, understood, write_json

DATA_FILE = "data.safetensors"
PARTS = ("train", "test")
# Array of mean and standard deviation in the data file, where they are given and not measured.
STATISTICS = "statistics"
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Dataset:
    """Images as uint8 (N, C, H, W) and labels as int64 (N,), of a training and a test part."""

    # What an input is; arrays are named after it.
    INPUTS: ClassVar[str] = "images"
    DTYPE: ClassVar[type] = np.uint8
    AXES: ClassVar[tuple[str, ...]] = ("images", "channels", "height", "width")

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: Sequence[str]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        return self.train_images.shape[1:]


@dataclass(frozen=True)
class PointDataset:
    """Points as float32 (N, d) and labels as int64 (N,), of a training and a test part."""

    INPUTS: ClassVar[str] = "points"
    DTYPE: ClassVar[type] = np.float32
    AXES: ClassVar[tuple[str, ...]] = ("points", "coordinates")

    train_points: np.ndarray
    train_labels: np.ndarray
    test_points: np.ndarray
    test_labels: np.ndarray
    classes: Sequence[str]

    @property
    def input_shape(self) -> tuple[int]:
        """The number of coordinates."""
        return self.train_points.shape[1:]


# Data sets that are held in memory.
InMemory = Dataset | PointDataset


def inputs_of(dataset: InMemory, part: str) -> np.ndarray:
    """Return images (N, C, H, W) or points (N, d) of a part, train or test."""
    return getattr(dataset, f"{part}_{dataset.INPUTS}")


def check_dataset(dataset: InMemory, name: str) -> None:
    """Raise `InputError` unless shapes, types and labels of `dataset` fit together."""
    noun, axes = dataset.INPUTS, dataset.AXES
    for part in PARTS:
        inputs = inputs_of(dataset, part)
        labels = getattr(dataset, f"{part}_labels")
        where = f"data set {name}: {part}"
        if inputs.ndim != len(axes) or inputs.dtype != dataset.DTYPE:
            raise InputError(
                f"{where} {noun} are {inputs.dtype} of shape {inputs.shape}; "
                f"expected {np.dtype(dataset.DTYPE)} of shape ({', '.join(axes)})"
            )
        if len(inputs) == 0:
            raise InputError(f"{where} part is empty; expected at least one {noun[:-1]}")
        if inputs.size == 0:
            raise InputError(
                f"{where} {noun} have no values, of shape {inputs.shape}; expected at least 1 of each of "
                f"{', '.join(axes)}"
            )
        if labels.dtype != np.int64:
            raise InputError(f"{where} labels are {labels.dtype}; expected int64")
        if labels.shape != inputs.shape[:1]:
            raise InputError(f"{where} has {len(inputs)} {noun} but labels of shape {labels.shape}")
        outside = np.flatnonzero((labels < 0) | (labels >= len(dataset.classes)))
        if outside.size:
            first = outside[0]
            raise InputError(
                f"{where} label {labels[first]} of {noun[:-1]} {first} is outside the classes; "
                f"expected 0 to {len(dataset.classes) - 1}"
            )
        if inputs.dtype == np.float32 and not np.isfinite(inputs).all():
            first = np.flatnonzero(~np.isfinite(inputs).all(1))[0]
            raise InputError(f"{where} point {first} is {inputs[first].tolist()}; expected finite numbers")
    if inputs_of(dataset, "test").shape[1:] != dataset.input_shape:
        raise InputError(
            f"data set {name}: train {noun} are {dataset.input_shape} but test {noun} are "
            f"{inputs_of(dataset, 'test').shape[1:]} ({', '.join(axes[1:])}); one shape is needed"
        )


def count_values(images: np.ndarray) -> np.ndarray:
    """Count the values of each channel of uint8 (N, C, H, W): int64 (C, 256)."""
    return np.array(
        [np.bincount(images[:, channel].ravel(), minlength=256) for channel in range(images.shape[1])]
    )


def statistics_of_counts(counts: np.ndarray) -> Statistics:
    """Return mean and standard deviation per channel from `count_values`, pixels in [0, 1]."""
    values = np.arange(256) / 255
    means = [float(np.average(values, weights=channel)) for channel in counts]
    variances = [
        np.average((values - mean) ** 2, weights=channel) for mean, channel in zip(means, counts, strict=True)
    ]
    return means, [float(np.sqrt(variance)) for variance in variances]


def channel_statistics(inputs: np.ndarray) -> Statistics:
    """Return mean and standard deviation per channel of uint8 (N, C, H, W), pixels in [0, 1].

    Of points (N, d) those of each coordinate.
    """
    if inputs.dtype == np.uint8:
        return statistics_of_counts(count_values(inputs))
    return inputs.mean(0, np.float64).tolist(), inputs.std(0, np.float64).tolist()


def write_dataset(
    dataset: InMemory,
    folder: Path,
    name: str,
    source: Mapping[str, Any],
    statistics: Statistics | None = None,
    further: Mapping[str, Any] = NOTHING,
) -> None:
    """Check `dataset` and write it to `folder` as one data file and its description.

    The description holds classes, counts, shape (the coordinates of points are channels), the mean and
    standard deviation of the training pixels in [0, 1] or of the points, the `source`, the SHA-256 of the
    data file, and what is `further` to be said. `statistics` take the place of those that are measured, and
    are in the data file as well.
    """
    check_dataset(dataset, name)
    arrays = {
        f"{part}_{array}": np.ascontiguousarray(getattr(dataset, f"{part}_{array}"))
        for part in PARTS
        for array in (dataset.INPUTS, "labels")
    }
    if statistics is not None:
        check_statistics(statistics, dataset.input_shape[0], f"data set {name}", given=True)
        arrays[STATISTICS] = np.float64(statistics)
    mean, std = statistics or channel_statistics(inputs_of(dataset, "train"))
    description = {
        "name": name,
        "source": dict(source),
        "classes": list(dataset.classes),
        **dict(zip(("channels", "height", "width"), dataset.input_shape, strict=False)),
        "mean": list(mean),
        "std": list(std),
        **further,
    }
    write_files(folder, arrays, description)


def write_files(folder: Path, arrays: Mapping[str, np.ndarray], description: Mapping[str, Any]) -> None:
    """Write the data file and the description, with its SHA-256 and the counts of the labels."""
    with atomic(folder / DATA_FILE) as temporary:
        save_file(dict(arrays), temporary)
        description = {**description, "sha256": sha256_of(temporary)}
        for part in PARTS:
            labels = arrays[f"{part}_labels"]
            counts = np.bincount(labels, minlength=len(description["classes"]))
            description[part] = {"images": len(labels), "images_per_class": counts.tolist()}
        # What is no JSON leaves no data file; the description comes last, and says that both are there.
        json.dumps(description, allow_nan=False)
    write_json(folder / DESCRIPTION_FILE, description)


def read_files(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the arrays of a prepared data set and its description, and check one against the other."""
    folder = Path(folder)
    for file in (DATA_FILE, DESCRIPTION_FILE):
        if not (folder / file).is_file():
            raise InputError(f"{folder / file} is missing; {REMEDY}")
    description = read_description(folder / DESCRIPTION_FILE)
    if sha256_of(folder / DATA_FILE) != description["sha256"]:
        raise InputError(f"{folder / DATA_FILE} is not the file its description names; {REMEDY}")
    try:
        arrays = load_file(folder / DATA_FILE)
    except SafetensorError as error:
        raise InputError(f"{folder / DATA_FILE} cannot be read ({error}); {REMEDY}") from error
    return arrays, description


def open_dataset(folder: Path) -> tuple[InMemory | IndexedDataset, dict[str, Any]]:
    """Read a prepared data set, or its index if its images stay in their files, and its description."""
    folder = Path(folder)
    path = folder / DESCRIPTION_FILE
    arrays, description = read_files(folder)
    with understood(folder / DATA_FILE, "data of prepare_dataset.py", False):
        check_labels(description, {part: arrays[f"{part}_labels"] for part in PARTS}, path)
        if "train_paths" in arrays:
            dataset = open_index(arrays, description)
        else:
            # The description has them, too; here they are part of what its checksum stands for.
            arrays.pop(STATISTICS, None)
            kind = PointDataset if "train_points" in arrays else Dataset
            dataset = kind(**arrays, classes=description["classes"])
            check_dataset(dataset, description["name"])
    check_statistics((description["mean"], description["std"]), dataset.input_shape[0], str(path))
    return dataset, description
