"""Test sets under the names of the authors' programs, with the constants and options of these."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hyperplanes.datasets import DESCRIPTION_FILE, Dataset
from hyperplanes.errors import InputError
from hyperplanes.image_files import CHANNELS, ImageFiles, IndexedDataset, index_part
from hyperplanes.loading import Images, ResidentImages, StreamedImages, open_dataset
from hyperplanes.upscaling import UpscaledImages

# Mean and standard deviation per channel, of pixels in [0, 1].
Statistics = tuple[Sequence[float], Sequence[float]]

IMAGENET_CROP = (256, 224)
# Side of an upscaled image, and of the test images that can be upscaled.
UPSCALED, SMALL = 224, 32
# Size in pixels and black border of each kind of upscaling.
UPSCALING = {"plain": (UPSCALED, 0), "padded": (112, 56)}


@dataclass(frozen=True)
class NamedDataset:
    """A data set that the authors' programs know: size, torchvision's name, and constants to normalise with.

    `upscaled` are the constants after `--upscale`, `padded` those after `--upscale-padding`.
    """

    classes: int
    channels: int
    official: str | None
    plain: Statistics
    upscaled: Statistics | None = None
    padded: Statistics | None = None


_CIFAR10_MEAN, _CIFAR100_MEAN = (0.4914, 0.4822, 0.4465), (0.5071, 0.4865, 0.4409)
NAMED = {
    "cifar10": NamedDataset(
        10,
        3,
        "CIFAR10",
        (_CIFAR10_MEAN, (0.2023, 0.1994, 0.2010)),
        (_CIFAR10_MEAN, (0.1953, 0.1925, 0.1942)),
        ((0.1229, 0.1206, 0.1117), (0.2367, 0.2323, 0.2190)),
    ),
    "cifar100": NamedDataset(
        100,
        3,
        "CIFAR100",
        (_CIFAR100_MEAN, (0.2009, 0.1984, 0.2023)),
        (_CIFAR100_MEAN, (0.1942, 0.1918, 0.1958)),
        ((0.1268, 0.1217, 0.1103), (0.2435, 0.2343, 0.2177)),
    ),
    "imagenet": NamedDataset(1000, 3, None, ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))),
    "mnist": NamedDataset(10, 1, "MNIST", ((0.1307,), (0.3015,))),
}


@dataclass(frozen=True)
class TestSet:
    """N labelled test images; `open_images` gives those of given numbers, as batches on the device.

    `description` has what `reset_weights.new_network` needs; `facts` is what decides the images.
    """

    __test__ = False

    name: str
    labels: np.ndarray
    description: Mapping[str, Any]
    statistics: Statistics
    open_images: Callable[[torch.Tensor], Images]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image."""
        return tuple(self.description[key] for key in ("channels", "height", "width"))


@dataclass(frozen=True)
class _Source:
    """Where a test set comes from: images in memory, or in files with (resize, crop)."""

    name: str
    images: np.ndarray | ImageFiles
    labels: np.ndarray
    classes: int
    statistics: Statistics
    crop: tuple[int, int] | None = None

    @property
    def image_shape(self) -> tuple[int, ...]:
        return (CHANNELS, self.crop[1], self.crop[1]) if self.crop else self.images.shape[1:]


def open_test_set(
    dataset: str,
    data_path: Path,
    device: torch.device,
    workers: int,
    upscale: str | None = None,
    classes: int = 0,
    class_seed: int | None = None,
) -> TestSet:
    """Return the test set of `dataset`: a name of `NAMED`, or the directory of a prepared data set.

    The images of a name are those below `data_path`: a prepared data set, the official files, which are
    downloaded there if they are absent, or, for imagenet, a folder `val` with one folder per class. They are
    normalised with the constants of the name; those of a prepared data set given itself with its own.
    `upscale` is None, "plain" or "padded". If `classes` is not 0, only images of so many classes are kept:
    the first ones, or the first after a shuffle with `class_seed`.
    """
    source = _source(dataset, data_path, upscale)
    numbers, labels = np.arange(len(source.labels)), source.labels
    if classes:
        chosen = chosen_classes(source.name, source.classes, classes, class_seed)
        place = np.full(source.classes, -1)
        place[chosen] = np.arange(classes)
        numbers = np.flatnonzero(place[labels] >= 0)
        labels = place[labels[numbers]]
    shape = (source.image_shape[0], UPSCALED, UPSCALED) if upscale else source.image_shape
    if upscale and (source.crop or source.image_shape != (CHANNELS, SMALL, SMALL)):
        raise InputError(
            f"{source.name}: only RGB images of {SMALL} x {SMALL} px, those of CIFAR, are upscaled"
        )

    def open_images(wanted: torch.Tensor) -> Images:
        chosen = numbers[wanted.numpy()]
        if source.crop:
            return StreamedImages(source.images, torch.from_numpy(chosen), source.crop, device, workers)
        if upscale:
            return UpscaledImages(torch.from_numpy(source.images[chosen]).to(device), *UPSCALING[upscale])
        return ResidentImages(torch.from_numpy(source.images[chosen]).to(device))

    keys = ("channels", "height", "width")
    description = {"classes": range(classes or source.classes), **dict(zip(keys, shape, strict=True))}
    facts = {"data": _fingerprint(source), "upscale": upscale, "classes": [classes, class_seed]}
    return TestSet(source.name, labels, description, source.statistics, open_images, facts)


def _source(dataset: str, data_path: Path, upscale: str | None) -> _Source:
    if (Path(dataset) / DESCRIPTION_FILE).is_file():
        return _prepared(Path(dataset))
    if dataset not in NAMED:
        raise InputError(
            f"--dataset {dataset} is neither a name nor the directory of a prepared data set; "
            f"names: {', '.join(NAMED)}"
        )
    known = NAMED[dataset]
    statistics = {None: known.plain, "plain": known.upscaled, "padded": known.padded}[upscale]
    if statistics is None:
        raise InputError(f"--dataset {dataset}: only cifar10 and cifar100 are upscaled")
    if (data_path / DESCRIPTION_FILE).is_file():
        own = _prepared(data_path)
        if own.classes != known.classes:
            raise InputError(
                f"{data_path} has {own.classes} classes, {dataset} has {known.classes}; give the directory "
                "as --dataset, or another --data-path"
            )
        if own.image_shape[0] != known.channels:
            raise InputError(
                f"{data_path} has images of {own.image_shape[0]} channels, {dataset} has {known.channels}; "
                "give another --data-path"
            )
        return _Source(dataset, own.images, own.labels, own.classes, statistics, own.crop)
    if known.official is None:
        files, names = index_part(data_path, "val", dataset)
        return _Source(dataset, files, files.labels, len(names), statistics, IMAGENET_CROP)
    from hyperplanes.official import read_official

    data: Dataset = read_official(known.official, data_path)
    return _Source(dataset, data.test_images, data.test_labels, known.classes, statistics)


def _prepared(folder: Path) -> _Source:
    data, description = open_dataset(folder)
    statistics, classes = (description["mean"], description["std"]), len(data.classes)
    if isinstance(data, IndexedDataset):
        crop = data.resize, data.crop
        return _Source(description["name"], data.test, data.test_labels, classes, statistics, crop)
    return _Source(description["name"], data.test_images, data.test_labels, classes, statistics)


def _fingerprint(source: _Source) -> str:
    """Return a hash of pixels, or of the names and sizes of the files, and of the labels."""
    files = isinstance(source.images, ImageFiles)
    arrays = [source.images.paths, source.images.sizes] if files else [source.images]
    digest = hashlib.sha256()
    for array in (*arrays, source.labels):
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def chosen_classes(name: str, every: int, classes: int, seed: int | None) -> np.ndarray:
    """Return the numbers of `classes` classes of data set `name`: the first, or shuffled with `seed`."""
    if not 0 < classes <= every:
        raise InputError(f"--subsample-classes {classes}: {name} has {every} classes")
    numbers = np.arange(every)
    if seed is not None:
        np.random.RandomState(seed).shuffle(numbers)
    return numbers[:classes]
