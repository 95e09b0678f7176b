"""Data sets whose images stay in their files, e.g. ImageNet: an index of `<part>/<class>/<image>`."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hyperplanes.datasets import chosen_images, count_values, statistics_of_counts, write_files
from hyperplanes.decoding import IGNORED, centre_crop, check_header, decode, pixels
from hyperplanes.errors import InputError
from hyperplanes.places import locate
from hyperplanes.progress import progress

CHANNELS = 3
# Images that mean and standard deviation are measured on; their error is then below 0.005.
SAMPLE = 5000
END_OF_PATH = b"\0"
# Arrays of a part in the index.
KINDS = ("paths", "sizes", "labels")


@dataclass(frozen=True)
class ImageFiles:
    """N image files of one part of a data set.

    `paths` holds all paths below `root` as bytes (uint8), one after the other; path i ends before
    `ends[i]`. These are arrays and not lists, because processes that fork share the memory of arrays.
    `sizes` are in bytes, `labels` are class numbers, (N,) each.
    """

    root: Path
    paths: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray
    ends: np.ndarray = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "ends", np.flatnonzero(self.paths == END_OF_PATH[0]))

    @classmethod
    def of(
        cls, root: Path, names: Sequence[str], sizes: Sequence[int], labels: Sequence[int]
    ) -> "ImageFiles":
        """Take paths below `root`, their sizes in bytes and their labels."""
        paths = b"".join(os.fsencode(name) + END_OF_PATH for name in names)
        return cls(root, np.frombuffer(paths, np.uint8), np.int64(sizes), np.int64(labels))

    def __len__(self) -> int:
        return len(self.ends)

    def subset(self, numbers: np.ndarray) -> "ImageFiles":
        """Return the images of `numbers` (M,) only."""
        paths = [self.name(number) for number in numbers]
        return ImageFiles.of(self.root, paths, self.sizes[numbers], self.labels[numbers])

    def name(self, number: int) -> str:
        """Path of image `number` below the root."""
        start = self.ends[number - 1] + 1 if number else 0
        return os.fsdecode(self.paths[start : self.ends[number]].tobytes())

    def read(self, number: int) -> Image.Image:
        """Return image `number` decoded, as RGB; `InputError` names a file that cannot be read."""
        path = self.root / self.name(number)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); put it back") from error
        if len(content) != self.sizes[number]:
            raise InputError(
                f"{path} has {len(content)} bytes but {self.sizes[number]} when it was indexed; "
                "prepare the data set again (prepare_dataset)"
            )
        return decode(content, "RGB", str(path))


@dataclass(frozen=True)
class IndexedDataset:
    """A training and a test part of image files, and the square of `crop` pixels seen of each.

    The shorter side of an image is scaled to `resize` pixels before its centre is cut out.
    """

    train: ImageFiles
    test: ImageFiles
    classes: Sequence[str]
    resize: int
    crop: int

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image, once cropped."""
        return CHANNELS, self.crop, self.crop

    @property
    def train_labels(self) -> np.ndarray:
        """Class numbers of the training images, int64 (N,)."""
        return self.train.labels

    @property
    def test_labels(self) -> np.ndarray:
        """Class numbers of the test images, int64 (N,)."""
        return self.test.labels


def _visible(folder: Path) -> Iterator[os.DirEntry]:
    """Yield what a folder holds, sorted by name, without what file managers leave behind."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if not entry.name.startswith(".") and entry.name not in IGNORED:
                yield entry


def _class_folders(root: Path, part: str, where: str) -> list[str]:
    """Return the sorted class names of a part."""
    folder = root / part
    if not folder.is_dir():
        raise InputError(f"{where} has no folder {part}; expected {part}/<class>/<image>")
    classes = [entry.name for entry in _visible(folder) if entry.is_dir()]
    if not classes:
        raise InputError(f"{where}: {part} has no class folders; expected {part}/<class>/<image>")
    return classes


def _index_part(root: Path, part: str, classes: Sequence[str], where: str) -> ImageFiles:
    """List the images of a part by class and name, and look at the header of each."""
    names, sizes, labels = [], [], []
    for label, class_name in enumerate(progress(classes, f"classes of {part}")):
        before = len(names)
        for entry in _visible(root / part / class_name):
            name = f"{part}/{class_name}/{entry.name}"
            if entry.is_dir():
                raise InputError(f"{where}: {name} is a folder; expected {part}/<class>/<image>")
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


def index_folder(root: Path, name: str, settings: Mapping[str, Any]) -> IndexedDataset:
    """List the images below `root` of data set `name`; `settings` is its entry of the configuration.

    Classes are the sorted names of the class folders, the same in both parts. Of the images of a part
    at most as many as `settings` say are kept, drawn at random.
    """
    where = f"data set {name}: {root}"
    if not root.is_dir():
        raise InputError(f"{where} is a file; expected a directory, as the images are read in place")
    parts = {part: settings[f"{part}_folder"] for part in ("train", "test")}
    classes, of_test = (_class_folders(root, folder, where) for folder in parts.values())
    if classes != of_test:
        odd = min(set(classes) ^ set(of_test))
        has, lacks = ("train", "test") if odd in classes else ("test", "train")
        raise InputError(
            f"{where}: {parts[has]}/{odd} has no counterpart in {parts[lacks]}/; "
            "the same class folders are needed in both"
        )
    files = {}
    for part, folder in parts.items():
        every = _index_part(root, folder, classes, where)
        files[part] = every.subset(chosen_images(len(every), settings.get(part), name, part))
    return IndexedDataset(**files, classes=classes, resize=settings["resize"], crop=settings["crop"])


def sample_statistics(dataset: IndexedDataset) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation per channel of cropped training images, pixels in [0, 1].

    Measured on a random sample of `SAMPLE` images, always the same, or on all if there are fewer.
    """
    files = dataset.train
    numbers = np.random.default_rng(0).permutation(len(files))[:SAMPLE]
    counts = np.zeros((CHANNELS, 256), np.int64)
    for number in progress(numbers.tolist(), "images measured"):
        image = centre_crop(files.read(number), dataset.resize, dataset.crop)
        counts += count_values(pixels(image)[None])
    return statistics_of_counts(counts)


def write_index(dataset: IndexedDataset, folder: Path, name: str, source: Mapping[str, Any]) -> None:
    """Write the index to `folder`, in place of the data file, and its description.

    The index holds whatever decides the pixels that a network sees: paths, sizes in bytes, labels,
    the crop, and mean and standard deviation, from `source` if given there and measured if not.
    """
    if "mean" in source:
        mean, std = source["mean"], source["std"]
    else:
        mean, std = sample_statistics(dataset)
    arrays = {
        f"{part}_{kind}": getattr(getattr(dataset, part), kind)
        for part in ("train", "test")
        for kind in KINDS
    }
    arrays["crop"] = np.int64([dataset.resize, dataset.crop])
    arrays["statistics"] = np.float64([mean, std])
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


def open_index(arrays: Mapping[str, np.ndarray], description: Mapping[str, Any]) -> IndexedDataset:
    """Return the data set of an index; `InputError` says where its images were looked for."""
    source = description["source"]
    root = locate(source["path"], description["name"], source.get("homepage"))
    parts = {
        part: ImageFiles(root, *(arrays[f"{part}_{kind}"] for kind in KINDS)) for part in ("train", "test")
    }
    resize, crop = arrays["crop"].tolist()
    return IndexedDataset(**parts, classes=description["classes"], resize=resize, crop=crop)
