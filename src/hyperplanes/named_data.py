"""Data sets by the names that the authors' programs know, from a directory of their official files."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hyperplanes.authors_data import IMAGENET_CROP, NAMED, UPSCALING, chosen_classes
from hyperplanes.datasets import DESCRIPTION_FILE, Dataset
from hyperplanes.errors import InputError
from hyperplanes.image_files import IndexedDataset, index_folder
from hyperplanes.loading import open_dataset
from hyperplanes.upscaling import UpscaledDataset

IMAGENET_LAYOUT = {"train_folder": "train", "test_folder": "val"}

AnyDataset = Dataset | IndexedDataset | UpscaledDataset


@dataclass(frozen=True)
class DataChoice:
    """Which data to open: a name of `NAMED` or the directory of a prepared data set, and what to make of it.

    `path` holds the official files of a name, or is a prepared data set. `subsample` classes are kept, 0 for
    all: the first ones, or the first after a shuffle with `class_seed`. `upscaling` is a key of `UPSCALING`,
    or None.
    """

    dataset: str
    path: Path = Path("data")
    subsample: int = 0
    class_seed: int | None = None
    upscaling: str | None = None

    @property
    def name(self) -> str:
        """Name of the data set, in paths and records."""
        return self.dataset if self.dataset in NAMED else Path(self.dataset).resolve().name


def open_named(choice: DataChoice) -> tuple[AnyDataset, dict[str, Any]]:
    """Return a data set and its description (name, classes, channels, height, width, mean, std, sha256).

    Mean and standard deviation are the authors' where they have some; otherwise those of the training
    images, after upscaling and before classes are left out.
    """
    dataset, prepared = _opened(choice)
    checksum = prepared.get("sha256") or _checksum(dataset)
    dataset = upscaled(dataset, choice.upscaling)
    if choice.dataset in NAMED:
        known = NAMED[choice.dataset]
        statistics = {None: known.plain, "plain": known.upscaled, "padded": known.padded}[choice.upscaling]
    else:
        statistics = None if choice.upscaling else (prepared["mean"], prepared["std"])
    mean, std = statistics or dataset.statistics()
    if choice.subsample:
        every = len(dataset.classes)
        dataset = of_classes(dataset, chosen_classes(choice.name, every, choice.subsample, choice.class_seed))
    channels, height, width = dataset.image_shape
    return dataset, {
        "name": choice.name,
        "classes": list(dataset.classes),
        "channels": channels,
        "height": height,
        "width": width,
        "mean": list(mean),
        "std": list(std),
        "sha256": checksum,
    }


def upscaled(dataset: Dataset | IndexedDataset, upscaling: str | None) -> AnyDataset:
    """Return `dataset`, its images enlarged if `upscaling` is not None; `InputError` for image files."""
    if upscaling is None:
        return dataset
    if isinstance(dataset, IndexedDataset):
        raise InputError(
            "--upscale and --upscale-padding are for small images; these have 224 pixels as it is"
        )
    return UpscaledDataset(dataset, *UPSCALING[upscaling])


def of_classes(dataset: AnyDataset, kept: np.ndarray) -> AnyDataset:
    """Return the images of the classes `kept` in both parts, with labels from 0 on."""
    if isinstance(dataset, UpscaledDataset):
        return replace(dataset, small=of_classes(dataset.small, kept))
    new_labels = np.full(len(dataset.classes), -1)
    new_labels[kept] = np.arange(len(kept))
    classes = [dataset.classes[number] for number in kept]
    arrays: dict[str, Any] = {}
    for part in ("train", "test"):
        labels = new_labels[getattr(dataset, f"{part}_labels")]
        chosen = np.flatnonzero(labels >= 0)
        if not len(chosen):
            raise InputError(f"--subsample-classes leaves no image in the {part} part; take more classes")
        if isinstance(dataset, IndexedDataset):
            arrays[part] = replace(getattr(dataset, part).subset(chosen), labels=labels[chosen])
        else:
            arrays[f"{part}_images"] = getattr(dataset, f"{part}_images")[chosen]
            arrays[f"{part}_labels"] = labels[chosen]
    return replace(dataset, **arrays, classes=classes)


def _opened(choice: DataChoice) -> tuple[Dataset | IndexedDataset, Mapping[str, Any]]:
    """Return the data as they are, and the description of a prepared data set, empty for others."""
    if (Path(choice.dataset) / DESCRIPTION_FILE).is_file():
        return open_dataset(Path(choice.dataset))
    if choice.dataset not in NAMED:
        raise InputError(
            f"--dataset {choice.dataset} is neither a name nor the directory of a prepared data set; "
            f"names: {', '.join(NAMED)}"
        )
    known = NAMED[choice.dataset]
    if (choice.path / DESCRIPTION_FILE).is_file():
        dataset, description = open_dataset(choice.path)
        found, expected = (len(dataset.classes), dataset.image_shape[0]), (known.classes, known.channels)
        if found != expected:
            raise InputError(
                f"{choice.path} has (classes, channels) {found}, {choice.dataset} has {expected}; give the "
                "directory as --dataset, or another --data-path"
            )
        return dataset, description
    if known.official is not None:
        from hyperplanes.official import read_official

        return read_official(known.official, choice.path), {}
    resize, crop = IMAGENET_CROP
    layout = {**IMAGENET_LAYOUT, "resize": resize, "crop": crop}
    return index_folder(choice.path, choice.dataset, layout), {}


def _checksum(dataset: Dataset | IndexedDataset) -> str:
    """Return a SHA-256 of all images and labels, or of the paths, sizes and labels of image files."""
    digest = hashlib.sha256()
    for part in ("train", "test"):
        if isinstance(dataset, IndexedDataset):
            files = getattr(dataset, part)
            arrays = [files.paths, files.sizes, files.labels]
        else:
            arrays = [getattr(dataset, f"{part}_images"), getattr(dataset, f"{part}_labels")]
        for array in arrays:
            digest.update(repr(array.shape).encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
