"""TinyImageNet as its zip holds it: classes in `train`, and `val` with a list of labels, the test part here.

    tiny-imagenet-200/train/<class>/images/<image>
    tiny-imagenet-200/val/images/<image>
    tiny-imagenet-200/val/val_annotations.txt      <image> TAB <class> TAB ...

Its `test` has no labels and is left out. The zip is read in place; nothing is extracted.
"""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from anatomy.data.dataset import Dataset, write_dataset
from anatomy.data.decoding import IGNORED, decode, pixels
from anatomy.data.search_path import locate
from anatomy.data.sources import described
from anatomy.data.subset import given_statistics, limited, selected
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import sha256_of
from anatomy.runtime.progress import progress
from anatomy.runtime.settings import Settings

FOLDER, ANNOTATIONS = "tiny-imagenet-200", "val_annotations.txt"
AnyPath = Path | zipfile.Path


def read_tiny_imagenet(path: Path, name: str) -> Dataset:
    """Read the data set from its zip, or from the folder that it was extracted to.

    Images are uint8 (N, 3, 64, 64), converted to RGB; classes are the sorted names of the folders of
    `train`. `InputError` names a part, folder or image that is missing.
    """
    try:
        root: AnyPath = path if path.is_dir() else zipfile.Path(path)
        inside = root / FOLDER
        root = inside if inside.is_dir() else root
        where = f"data set {name}: {path}"
        if not ((root / "train").is_dir() and (root / "val" / ANNOTATIONS).is_file()):
            raise InputError(
                f"{where} has no train/ and val/{ANNOTATIONS}; expected {FOLDER}.zip, or its folder"
            )
        classes = sorted(entry.name for entry in (root / "train").iterdir() if entry.is_dir())
        listed = _listed(root / "val" / ANNOTATIONS, classes, where)
        train: list[np.ndarray] = []
        labels: list[int] = []
        for label, own in enumerate(progress(classes, "classes of train")):
            files = sorted(_images(root / "train" / own / "images", where), key=lambda each: each.name)
            train += [_pixels(file, where) for file in files]
            labels += [label] * len(files)
        test = [
            _pixels(root / "val" / "images" / file, where) for file, _ in progress(listed, "images of val")
        ]
    except zipfile.BadZipFile as error:
        raise InputError(f"{path} is truncated, corrupt or no zip ({error}); get it again") from error
    return Dataset(
        train_images=np.stack(train),
        train_labels=np.array(labels, np.int64),
        test_images=np.stack(test),
        test_labels=np.array([label for _, label in listed], np.int64),
        classes=classes,
    )


def prepare(name: str, settings: Settings, folder: Path) -> None:
    """Read the zip or folder `path` of its settings, found in the search path."""
    path = locate(settings.path, name, settings.homepage)
    dataset = limited(
        selected(read_tiny_imagenet(path, name), name, settings), name, settings.train, settings.test
    )
    checksum = {"sha256": sha256_of(path)} if path.is_file() else {}
    write_dataset(dataset, folder, name, {**described(settings), **checksum}, given_statistics(settings))


def _listed(path: AnyPath, classes: Sequence[str], where: str) -> list[tuple[str, int]]:
    """Return file and label of each image of `val`, sorted by file."""
    labels = {name: label for label, name in enumerate(classes)}
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        file, own = (*line.split("\t"), "", "")[:2]
        if own not in labels:
            raise InputError(f"{where}: {ANNOTATIONS} has {line!r}; expected an image and a class of train/")
        found.append((file, labels[own]))
    if not found:
        raise InputError(f"{where}: {ANNOTATIONS} lists no images")
    return sorted(found)


def _images(folder: AnyPath, where: str) -> Iterator[AnyPath]:
    """Yield the images of a class."""
    files = [entry for entry in folder.iterdir() if entry.name not in IGNORED] if folder.is_dir() else []
    if not files:
        raise InputError(f"{where}: {folder.parent.name} has no images/ with images in train/")
    yield from files


def _pixels(file: AnyPath, where: str) -> np.ndarray:
    """Return an image as uint8 (3, H, W)."""
    if not file.is_file():
        raise InputError(f"{where}: {file.name}, which {ANNOTATIONS} lists, is missing in val/images/")
    return pixels(decode(file.read_bytes(), "RGB", f"{where}: {file.name}"))
