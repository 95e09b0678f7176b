"""Data sets as uint8 images and integer labels, whatever their source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from anatomy.data.image_files import IndexedDataset, open_index
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import atomic, read_json, sha256_of, write_json

DATA_FILE = "data.safetensors"
DESCRIPTION_FILE = "dataset.json"


@dataclass(frozen=True)
class Dataset:
    """Images as uint8 (N, C, H, W) and labels as int64 (N,), of a training and a test part."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: Sequence[str]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        return self.train_images.shape[1:]


def check_dataset(dataset: Dataset, name: str) -> None:
    """Raise `InputError` unless shapes, types and labels of `dataset` fit together."""
    for part in ("train", "test"):
        images = getattr(dataset, f"{part}_images")
        labels = getattr(dataset, f"{part}_labels")
        where = f"data set {name}: {part}"
        if images.ndim != 4 or images.dtype != np.uint8:
            raise InputError(
                f"{where} images are {images.dtype} of shape {images.shape}; "
                "expected uint8 of shape (images, channels, height, width)"
            )
        if len(images) == 0:
            raise InputError(f"{where} part is empty; expected at least one image")
        if labels.dtype != np.int64:
            raise InputError(f"{where} labels are {labels.dtype}; expected int64")
        if labels.shape != images.shape[:1]:
            raise InputError(f"{where} has {len(images)} images but labels of shape {labels.shape}")
        outside = np.flatnonzero((labels < 0) | (labels >= len(dataset.classes)))
        if outside.size:
            first = outside[0]
            raise InputError(
                f"{where} label {labels[first]} of image {first} is outside the classes; "
                f"expected 0 to {len(dataset.classes) - 1}"
            )
    if dataset.test_images.shape[1:] != dataset.image_shape:
        raise InputError(
            f"data set {name}: train images are {dataset.image_shape} but test images are "
            f"{dataset.test_images.shape[1:]} (channels, height, width); one shape is needed"
        )


def chosen_images(images: int, count: int | None, name: str, part: str) -> np.ndarray:
    """Return the indices of `count` of `images` images, drawn at random and sorted; None keeps all."""
    if count is not None and count > images:
        raise InputError(f"data set {name}: {part} is {count}, but there are {images} {part} images")
    return np.sort(np.random.default_rng(0).permutation(images)[:count])


def limited(dataset: Dataset, name: str, train: int | None, test: int | None) -> Dataset:
    """Return `dataset` with at most `train` and `test` images; None keeps all.

    Images are drawn at random, the same for equal numbers, and stay in their order.
    """
    arrays = {}
    for part, count in (("train", train), ("test", test)):
        labels = getattr(dataset, f"{part}_labels")
        chosen = chosen_images(len(labels), count, name, part)
        arrays[f"{part}_images"] = getattr(dataset, f"{part}_images")[chosen]
        arrays[f"{part}_labels"] = labels[chosen]
    return Dataset(**arrays, classes=dataset.classes)


def count_values(images: np.ndarray) -> np.ndarray:
    """Count the values of each channel of uint8 (N, C, H, W): int64 (C, 256)."""
    return np.array(
        [np.bincount(images[:, channel].ravel(), minlength=256) for channel in range(images.shape[1])]
    )


def statistics_of_counts(counts: np.ndarray) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation per channel from `count_values`, pixels in [0, 1]."""
    values = np.arange(256) / 255
    means = [float(np.average(values, weights=channel)) for channel in counts]
    variances = [
        np.average((values - mean) ** 2, weights=channel) for mean, channel in zip(means, counts, strict=True)
    ]
    return means, [float(np.sqrt(variance)) for variance in variances]


def channel_statistics(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation per channel of uint8 (N, C, H, W), pixels in [0, 1]."""
    return statistics_of_counts(count_values(images))


def write_dataset(dataset: Dataset, folder: Path, name: str, source: dict[str, Any]) -> None:
    """Check `dataset` and write it to `folder` as one data file and its description.

    The description holds classes, counts, image shape, the mean and standard deviation of the
    training pixels in [0, 1], the `source`, and the SHA-256 of the data file.
    """
    check_dataset(dataset, name)
    arrays = {
        f"{part}_{array}": np.ascontiguousarray(getattr(dataset, f"{part}_{array}"))
        for part in ("train", "test")
        for array in ("images", "labels")
    }
    mean, std = channel_statistics(dataset.train_images)
    channels, height, width = dataset.image_shape
    description = {
        "name": name,
        "source": source,
        "classes": list(dataset.classes),
        "channels": channels,
        "height": height,
        "width": width,
        "mean": mean,
        "std": std,
    }
    write_files(folder, arrays, description)


def write_files(folder: Path, arrays: Mapping[str, np.ndarray], description: Mapping[str, Any]) -> None:
    """Write the data file, then the description with its SHA-256 and the counts of the labels."""
    with atomic(folder / DATA_FILE) as temporary:
        save_file(dict(arrays), temporary)
        description = {**description, "sha256": sha256_of(temporary)}
    for part in ("train", "test"):
        labels = arrays[f"{part}_labels"]
        counts = np.bincount(labels, minlength=len(description["classes"]))
        description[part] = {"images": len(labels), "images_per_class": counts.tolist()}
    write_json(folder / DESCRIPTION_FILE, description)


def read_files(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the arrays of a prepared data set and its description, and check one against the other."""
    folder = Path(folder)
    remedy = "prepare the data set again (prepare_dataset)"
    for file in (DATA_FILE, DESCRIPTION_FILE):
        if not (folder / file).is_file():
            raise InputError(f"{folder / file} is missing; {remedy}")
    try:
        description = read_json(folder / DESCRIPTION_FILE)
    except ValueError as error:
        raise InputError(f"{folder / DESCRIPTION_FILE} cannot be read ({error}); {remedy}") from error
    if sha256_of(folder / DATA_FILE) != description["sha256"]:
        raise InputError(f"{folder / DATA_FILE} is not the file its description names; {remedy}")
    try:
        arrays = load_file(folder / DATA_FILE)
    except SafetensorError as error:
        raise InputError(f"{folder / DATA_FILE} cannot be read ({error}); {remedy}") from error
    return arrays, description


def open_dataset(folder: Path) -> tuple[Dataset | IndexedDataset, dict[str, Any]]:
    """Read a prepared data set, or its index if its images stay in their files, and its description."""
    arrays, description = read_files(folder)
    if "train_paths" in arrays:
        return open_index(arrays, description), description
    dataset = Dataset(**arrays, classes=description["classes"])
    check_dataset(dataset, description["name"])
    return dataset, description
