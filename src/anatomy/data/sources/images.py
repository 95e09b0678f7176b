"""Listing directories of images of any size, e.g. ImageNet, `<part>/<class>/<image>`, as an index."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anatomy.data.dataset import STATISTICS, count_values, statistics_of_counts, write_files
from anatomy.data.decoding import centre_crop, check_header, pixels
from anatomy.data.description import Statistics, check_statistics
from anatomy.data.image_files import ARRAYS, CHANNELS, ImageFiles, IndexedDataset
from anatomy.data.sources import described, located
from anatomy.data.subset import given_statistics, limited, selected
from anatomy.data.tree import check_class_names, is_folder, require_image_file, visible
from anatomy.runtime.errors import InputError
from anatomy.runtime.progress import progress
from anatomy.runtime.settings import Settings

# Images that mean and standard deviation are measured on; their error is then below 0.005.
SAMPLE = 5000


def _class_folders(root: Path, part: str, where: str) -> list[str]:
    """Return the sorted class names of a part."""
    folder = root / part
    if not folder.is_dir():
        raise InputError(f"{where} has no folder {part}; expected {part}/<class>/<image>")
    classes = [entry.name for entry in visible(folder) if is_folder(entry)]
    check_class_names(classes, f"{where}: class folder")
    if not classes:
        raise InputError(f"{where}: {part} has no class folders; expected {part}/<class>/<image>")
    return classes


def _index_part(root: Path, part: str, classes: Sequence[str], where: str) -> ImageFiles:
    """List the images of a part by class and name, and look at the header of each."""
    names, sizes, labels = [], [], []
    for label, class_name in enumerate(progress(classes, f"classes of {part}")):
        before = len(names)
        for entry in visible(root / part / class_name):
            name = f"{part}/{class_name}/{entry.name}"
            if is_folder(entry):
                raise InputError(f"{where}: {name} is a folder; expected {part}/<class>/<image>")
            require_image_file(entry)
            check_header(entry.path, f"{where}: {name}")
            names.append(name)
            sizes.append(entry.stat().st_size)
            labels.append(label)
        if len(names) == before:
            raise InputError(f"{where}: class folder {part}/{class_name} holds no images")
    return ImageFiles.of(root, names, sizes, labels)


def index_part(root: Path, part: str, name: str) -> tuple[ImageFiles, list[str]]:
    """List the images of one part of data set `name` below `root`; return them and the class names."""
    where = f"data set {name}: {root}"
    classes = _class_folders(root, part, where)
    return _index_part(root, part, classes, where), classes


def index_folder(
    root: Path,
    name: str,
    train_folder: str,
    test_folder: str,
    resize: int,
    crop: int,
) -> IndexedDataset:
    """List the images below `root` of data set `name`, and how they are scaled and cropped.

    Classes are the sorted names of the class folders, the same in both parts.
    """
    where = f"data set {name}: {root}"
    if not root.is_dir():
        raise InputError(f"{where} is a file; expected a directory, as the images are read in place")
    parts = {"train": train_folder, "test": test_folder}
    classes, of_test = (_class_folders(root, folder, where) for folder in parts.values())
    if classes != of_test:
        odd = min(set(classes) ^ set(of_test))
        has, lacks = ("train", "test") if odd in classes else ("test", "train")
        raise InputError(
            f"{where}: {parts[has]}/{odd} has no counterpart in {parts[lacks]}/; "
            "the same class folders are needed in both"
        )
    files = {part: _index_part(root, folder, classes, where) for part, folder in parts.items()}
    return IndexedDataset(**files, classes=classes, resize=resize, crop=crop)


def sample_statistics(dataset: IndexedDataset) -> Statistics:
    """Return mean and standard deviation per channel of cropped training images, pixels in [0, 1].

    Measured on a random sample of `SAMPLE` images, always the same, or on all if there are fewer.
    """
    files = dataset.train
    indices = np.random.default_rng(0).permutation(len(files))[:SAMPLE]
    counts = np.zeros((CHANNELS, 256), np.int64)
    for index in progress(indices.tolist(), "images measured"):
        image = centre_crop(files.read(index), dataset.resize, dataset.crop)
        counts += count_values(pixels(image)[None])
    return statistics_of_counts(counts)


def write_index(
    dataset: IndexedDataset,
    folder: Path,
    name: str,
    source: Mapping[str, Any],
    statistics: Statistics | None = None,
) -> None:
    """Write the index to `folder`, in place of the data file, and its description.

    The index holds whatever decides the pixels that a network sees: paths, sizes in bytes, labels,
    the crop, and mean and standard deviation, which are measured if `statistics` has none.
    """
    if statistics is not None:
        check_statistics(statistics, CHANNELS, f"data set {name}", given=True)
    mean, std = statistics or sample_statistics(dataset)
    arrays = {
        f"{part}_{array}": getattr(getattr(dataset, part), array)
        for part in ("train", "test")
        for array in ARRAYS
    }
    arrays["crop"] = np.int64([dataset.resize, dataset.crop])
    arrays[STATISTICS] = np.float64([mean, std])
    description = {
        "name": name,
        "source": dict(source),
        "classes": list(dataset.classes),
        "channels": CHANNELS,
        "height": dataset.crop,
        "width": dataset.crop,
        "mean": list(mean),
        "std": list(std),
    }
    write_files(folder, arrays, description)


def prepare(name: str, settings: Settings, folder: Path) -> None:
    """List the images below `path` of its settings, found in the search path."""
    root = located(name, settings, folder)
    parts = settings.train_folder, settings.test_folder
    dataset = selected(index_folder(root, name, *parts, settings.resize, settings.crop), name, settings)
    dataset = limited(dataset, name, settings.train, settings.test)
    write_index(dataset, folder, name, described(settings), given_statistics(settings))
