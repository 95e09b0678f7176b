"""The data that the authors' programs are told to take: a name with its official files, or a directory."""

import hashlib
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from anatomy.data.dataset import DESCRIPTION_FILE, Dataset, open_dataset
from anatomy.data.image_files import IndexedDataset
from anatomy.data.sources.images import index_folder, index_part
from anatomy.data.upscaling import UpscaledDataset
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json
from anatomy.studies.arrangements.hp_arrangements.names import DATASETS

AnyDataset = Dataset | IndexedDataset | UpscaledDataset

IMAGENET_LAYOUT = {"train_folder": "train", "test_folder": "val"}
IMAGENET_CROP = (256, 224)
# Size in pixels and black border of each way of upscaling.
UPSCALING = {"plain": (224, 0), "padded": (112, 56)}


@dataclass(frozen=True)
class DataChoice:
    """Which data to open: a name of `DATASETS` or a prepared data set's directory, and what to make of it.

    `path` holds the official files of a name, or is a prepared data set. `subsample` classes are kept, 0 for
    all: the first ones, or the first after a shuffle with `class_seed`. `upscaling` is a key of `UPSCALING`,
    or None.
    """

    dataset: str
    path: Path = Path("data")
    subsample: int = 0
    class_seed: int | None = None
    upscaling: str | None = None

    @classmethod
    def of(cls, options: Namespace, class_seed: int | None) -> "DataChoice":
        """Return what `options` of a program say; classes are shuffled with `class_seed`."""
        classes = options.subsample_classes
        upscaling = "plain" if options.upscale else "padded" if options.upscale_padding else None
        return cls(options.dataset, options.data_path, classes, class_seed if classes else None, upscaling)

    @property
    def name(self) -> str:
        """Name of the data set, in paths and records; a prepared one says its own."""
        if self.dataset in DATASETS:
            return self.dataset
        path = Path(self.dataset) / DESCRIPTION_FILE
        if not path.is_file():
            return Path(self.dataset).resolve().name
        try:
            return read_json(path)["name"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} is damaged or not of a prepared data set ({error!r}); prepare the data set again"
            ) from error


def open_named(choice: DataChoice, test_only: bool = False) -> tuple[AnyDataset, dict[str, Any]]:
    """Return a data set and its description (name, classes, channels, height, width, mean, std, sha256).

    Mean and standard deviation are the authors' where they have some; otherwise those of the training
    images, after upscaling and before classes are left out. With `test_only` the training images of imagenet
    are not looked for.
    """
    dataset, prepared = _opened(choice, test_only)
    checksum = prepared.get("sha256") or _checksum(dataset)
    dataset = upscaled(dataset, choice.upscaling)
    if choice.dataset in DATASETS:
        known = DATASETS[choice.dataset]
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


def chosen_classes(name: str, every: int, classes: int, seed: int | None) -> np.ndarray:
    """Return the indices of `classes` classes of data set `name`: the first, or shuffled with `seed`."""
    if not 0 < classes <= every:
        raise InputError(f"--subsample-classes {classes}: {name} has {every} classes")
    indices = np.arange(every)
    if seed is not None:
        np.random.RandomState(seed).shuffle(indices)
    return indices[:classes]


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
    classes = [dataset.classes[index] for index in kept]
    arrays: dict[str, Any] = {}
    for part in ("train", "test"):
        labels = new_labels[getattr(dataset, f"{part}_labels")]
        chosen = np.flatnonzero(labels >= 0)
        if len(labels) and not len(chosen):
            raise InputError(f"--subsample-classes leaves no image in the {part} part; take more classes")
        if isinstance(dataset, IndexedDataset):
            arrays[part] = replace(getattr(dataset, part).subset(chosen), labels=labels[chosen])
        else:
            arrays[f"{part}_images"] = getattr(dataset, f"{part}_images")[chosen]
            arrays[f"{part}_labels"] = labels[chosen]
    return replace(dataset, **arrays, classes=classes)


def _opened(choice: DataChoice, test_only: bool) -> tuple[Dataset | IndexedDataset, Mapping[str, Any]]:
    """Return the data as they are, and the description of a prepared data set, empty for others."""
    if (Path(choice.dataset) / DESCRIPTION_FILE).is_file():
        return open_dataset(Path(choice.dataset))
    if choice.dataset not in DATASETS:
        raise InputError(
            f"--dataset {choice.dataset} is neither a name nor the directory of a prepared data set; "
            f"names: {', '.join(DATASETS)}"
        )
    known = DATASETS[choice.dataset]
    if (choice.path / DESCRIPTION_FILE).is_file():
        dataset, description = open_dataset(choice.path)
        found = len(dataset.classes), dataset.image_shape[0]
        expected = known.classes, known.image_shape[0]
        if found != expected:
            raise InputError(
                f"{choice.path} has (classes, channels) {found}, {choice.dataset} has {expected}; give the "
                "directory as --dataset, or another --data-path"
            )
        return dataset, description
    if known.official is not None:
        from anatomy.data.sources.torchvision import read_official

        return read_official(known.official, choice.path), {}
    resize, crop = IMAGENET_CROP
    if test_only:
        test, classes = index_part(choice.path, IMAGENET_LAYOUT["test_folder"], choice.dataset)
        return IndexedDataset(test.subset(np.arange(0)), test, classes, resize, crop), {}
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
