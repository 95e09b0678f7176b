"""Parts of a data set: some classes, so many inputs of each, or so many in all."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from anatomy.data.dataset import PARTS, InMemory, inputs_of
from anatomy.data.description import Statistics
from anatomy.data.image_files import IndexedDataset
from anatomy.runtime.errors import InputError
from anatomy.runtime.settings import Settings

AnyDataset = InMemory | IndexedDataset


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


def class_indices(named: Sequence[str | int], classes: Sequence[str], where: str) -> np.ndarray:
    """Return the indices of classes that are given by name or index, in the order given.

    `InputError`, which begins with `where`, for one that there is not, or that is given twice.
    """
    indices: list[int] = []
    for one in named:
        found = one if isinstance(one, int) else classes.index(one) if one in classes else -1
        if not 0 <= found < len(classes):
            raise InputError(
                f"{where}: {one!r} is not a class; allowed: 0 to {len(classes) - 1}, or {', '.join(classes)}"
            )
        if found in indices:
            raise InputError(f"{where}: class {classes[found]} is listed twice; expected distinct classes")
        indices.append(found)
    return np.array(indices, np.int64)


def taken(dataset: AnyDataset, indices: Mapping[str, np.ndarray]) -> AnyDataset:
    """Return the inputs of these `indices` (M,) of each part, with their labels."""
    arrays: dict[str, Any] = {}
    for part, chosen in indices.items():
        if isinstance(dataset, IndexedDataset):
            arrays[part] = getattr(dataset, part).subset(chosen)
        else:
            arrays[f"{part}_{dataset.INPUTS}"] = inputs_of(dataset, part)[chosen]
            arrays[f"{part}_labels"] = getattr(dataset, f"{part}_labels")[chosen]
    return replace(dataset, **arrays)


def of_classes(dataset: AnyDataset, kept: np.ndarray, key: str = "class_subset.count") -> AnyDataset:
    """Return the inputs of the classes `kept` in both parts, with labels from 0 on.

    `InputError`, which begins with `key`, if that leaves nothing of a part.
    """
    new_labels = np.full(len(dataset.classes), -1)
    new_labels[kept] = np.arange(len(kept))
    labels = {part: new_labels[getattr(dataset, f"{part}_labels")] for part in PARTS}
    indices = {part: np.flatnonzero(labels[part] >= 0) for part in PARTS}
    for part, chosen in indices.items():
        if len(labels[part]) and not len(chosen):
            raise InputError(
                f"{key}: a subset of {len(kept)} classes leaves no image in the {part} part; "
                "take more classes"
            )
    return relabelled(
        taken(dataset, indices),
        {part: labels[part][chosen] for part, chosen in indices.items()},
        [dataset.classes[index] for index in kept],
    )


def relabelled(dataset: AnyDataset, labels: Mapping[str, np.ndarray], classes: Sequence[str]) -> AnyDataset:
    """Return a data set with other labels (N,) of each part, indices of `classes`."""
    if isinstance(dataset, IndexedDataset):
        parts = {part: replace(getattr(dataset, part), labels=own) for part, own in labels.items()}
    else:
        parts = {f"{part}_labels": own for part, own in labels.items()}
    return replace(dataset, **parts, classes=classes)


def first_of_each_class(dataset: AnyDataset, counts: Mapping[str, int | None], where: str) -> AnyDataset:
    """Return the first so many inputs of every class of each part, in their order; None keeps all.

    `InputError`, which begins with `where`, for a class that has fewer.
    """
    indices = {}
    for part, count in counts.items():
        labels = getattr(dataset, f"{part}_labels")
        if count is None:
            continue
        members = [np.flatnonzero(labels == label)[:count] for label in range(len(dataset.classes))]
        for label, own in enumerate(members):
            if len(own) < count:
                raise InputError(
                    f"{where}.{part}: {count} of each class are asked for, but class "
                    f"{dataset.classes[label]} has {len(own)}"
                )
        indices[part] = np.sort(np.concatenate(members))
    return taken(dataset, indices)


def chosen_images(images: int, count: int | None, name: str, part: str) -> np.ndarray:
    """Return the indices of `count` of `images` images, drawn at random and sorted; None keeps all."""
    if count is not None and count > images:
        raise InputError(f"data set {name}: {part} is {count}, but there are {images} {part} images")
    return np.sort(np.random.default_rng(0).permutation(images)[:count])


def limited(dataset: AnyDataset, name: str, train: int | None, test: int | None) -> AnyDataset:
    """Return `dataset` with at most `train` and `test` images; None keeps all.

    Images are drawn at random, the same for equal numbers, and stay in their order.
    """
    counts = {"train": train, "test": test}
    sizes = {part: len(getattr(dataset, f"{part}_labels")) for part in PARTS}
    return taken(
        dataset, {part: chosen_images(sizes[part], count, name, part) for part, count in counts.items()}
    )


def selected(dataset: AnyDataset, name: str, settings: Settings) -> AnyDataset:
    """Return what the keys `classes` and `per_class` of the settings of data set `name` leave of it."""
    where = f"data set {name}"
    if settings.classes is not None:
        key = f"{where}: classes"
        dataset = of_classes(dataset, class_indices(settings.classes, dataset.classes, key), key)
    if settings.per_class is not None:
        counts = {part: getattr(settings.per_class, part) for part in PARTS}
        dataset = first_of_each_class(dataset, counts, f"{where}: per_class")
    return dataset


def given_statistics(settings: Settings) -> Statistics | None:
    """Return the keys `mean` and `std` of a data set, None if it is measured."""
    if settings.mean is None:
        return None
    return list(settings.mean), list(settings.std)
