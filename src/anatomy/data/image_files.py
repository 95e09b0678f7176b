"""Data sets whose images stay in their files, e.g. ImageNet: an index, and reading by it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from anatomy.data.decoding import decode
from anatomy.data.search_path import locate
from anatomy.runtime.errors import InputError
from anatomy.runtime.regular import open_file

CHANNELS = 3
END_OF_PATH = b"\0"
# Arrays of a part in the index.
ARRAYS = ("paths", "sizes", "labels")


@dataclass(frozen=True)
class ImageFiles:
    """N image files of one part of a data set.

    `paths` holds all paths below `root` as bytes (uint8), one after the other; path i ends before
    `ends[i]`. These are arrays and not lists, because processes that fork share the memory of arrays.
    `sizes` are in bytes, `labels` are class indices, (N,) each.
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

    def subset(self, indices: np.ndarray) -> "ImageFiles":
        """Return the images of `indices` (M,) only."""
        paths = [self.name(index) for index in indices]
        return ImageFiles.of(self.root, paths, self.sizes[indices], self.labels[indices])

    def name(self, index: int) -> str:
        """Path of image `index` below the root."""
        start = self.ends[index - 1] + 1 if index else 0
        return os.fsdecode(self.paths[start : self.ends[index]].tobytes())

    def read(self, index: int) -> Image.Image:
        """Return image `index` decoded, as RGB; `InputError` names a file that cannot be read."""
        path, size = self.root / self.name(index), int(self.sizes[index])
        try:
            with open_file(path) as file:
                content = file.read(size + 1)
                found = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise InputError(f"{path} cannot be read ({error.strerror}); put it back") from error
        if len(content) != size:
            raise InputError(
                f"{path} has {found} bytes but {size} when it was indexed; "
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
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of every image, once cropped."""
        return CHANNELS, self.crop, self.crop

    @property
    def train_labels(self) -> np.ndarray:
        """Class indices of the training images, int64 (N,)."""
        return self.train.labels

    @property
    def test_labels(self) -> np.ndarray:
        """Class indices of the test images, int64 (N,)."""
        return self.test.labels


def open_index(arrays: Mapping[str, np.ndarray], description: Mapping[str, Any]) -> IndexedDataset:
    """Return the data set of an index; `InputError` says where its images were looked for."""
    source = description["source"]
    root = locate(source["path"], description["name"])
    parts = {
        part: ImageFiles(root, *(arrays[f"{part}_{array}"] for array in ARRAYS)) for part in ("train", "test")
    }
    resize, crop = arrays["crop"].tolist()
    return IndexedDataset(**parts, classes=description["classes"], resize=resize, crop=crop)
