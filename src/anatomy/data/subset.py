"""Some classes of a data set, and the images of these alone."""

from dataclasses import replace
from typing import Any

import numpy as np

from anatomy.data.dataset import Dataset
from anatomy.data.image_files import IndexedDataset
from anatomy.data.upscaling import UpscaledDataset
from anatomy.runtime.errors import InputError

AnyDataset = Dataset | IndexedDataset | UpscaledDataset


def chosen_classes(name: str, every: int, count: int, seed: int | None) -> np.ndarray:
    """Return the indices of `count` of the `every` classes of a data set, shuffled if there is a `seed`."""
    if not 0 < count <= every:
        raise InputError(
            f"class_subset.count: {count} classes are asked for, but data set {name} has {every}; "
            f"allowed: 1 to {every}"
        )
    indices = np.arange(every)
    if seed is not None:
        np.random.RandomState(seed).shuffle(indices)
    return indices[:count]


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
            raise InputError(
                f"class_subset.count: a subset of {len(kept)} classes leaves no image in the {part} part; "
                "take more classes"
            )
        if isinstance(dataset, IndexedDataset):
            arrays[part] = replace(getattr(dataset, part).subset(chosen), labels=labels[chosen])
        else:
            arrays[f"{part}_images"] = getattr(dataset, f"{part}_images")[chosen]
            arrays[f"{part}_labels"] = labels[chosen]
    return replace(dataset, **arrays, classes=classes)
