"""The data that the authors' programs are told to take: a name with its official files, or a directory."""

import hashlib
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anatomy.data.dataset import Dataset, open_dataset
from anatomy.data.description import DESCRIPTION_FILE, check_name, read_description
from anatomy.data.image_files import IndexedDataset
from anatomy.data.sources.images import index_folder, index_part
from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.hp_arrangements.names import DATASETS, Statistics

IMAGENET_LAYOUT = {"train_folder": "train", "test_folder": "val"}
IMAGENET_CROP = (256, 224)


@dataclass(frozen=True)
class DataChoice:
    """Which data to open: a name of `DATASETS` or a prepared data set's directory.

    `path` holds the official files of a name, or is a prepared data set.
    """

    dataset: str
    path: Path = Path("data")

    @property
    def name(self) -> str:
        """Name of the data set, in paths and records; a prepared one says its own.

        `InputError` if that would lead out of a folder.
        """
        if self.dataset in DATASETS:
            return self.dataset
        path = Path(self.dataset) / DESCRIPTION_FILE
        if not path.is_file():
            return Path(self.dataset).resolve().name
        name = read_description(path)["name"]
        check_name(name, f"{path}: name")
        return name

    def statistics(self, upscaling: str | None) -> Statistics | None:
        """Return what the authors standardise images with, so enlarged; None for those of the images."""
        known = DATASETS.get(self.dataset)
        return known and {None: known.plain, "plain": known.upscaled, "padded": known.padded}[upscaling]


def seen_as(options: Namespace, class_seed: int | None) -> dict[str, Any]:
    """Return the settings of a run that say how the network sees the data; classes are drawn by a seed."""
    seen: dict[str, Any] = {"pixels": "unit" if options.unnormalize else "standardised"}
    if options.upscale or options.upscale_padding:
        seen["upscaling"] = "plain" if options.upscale else "padded"
    if options.subsample_classes:
        seed = {} if class_seed is None else {"seed": class_seed}
        seen["class_subset"] = {"count": options.subsample_classes, **seed}
    return seen


def open_named(
    choice: DataChoice, test_only: bool = False
) -> tuple[Dataset | IndexedDataset, dict[str, Any]]:
    """Return a data set and its description; of data that are not prepared it has name and sha256.

    With `test_only` the training images of imagenet are not looked for.
    """
    dataset, prepared = _opened(choice, test_only)
    checksum = prepared["sha256"] if prepared else _checksum(dataset)
    return dataset, {**prepared, "name": choice.name, "sha256": checksum}


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
        found = len(dataset.classes), dataset.input_shape[0]
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
    return index_folder(choice.path, choice.dataset, **IMAGENET_LAYOUT, resize=resize, crop=crop), {}


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
