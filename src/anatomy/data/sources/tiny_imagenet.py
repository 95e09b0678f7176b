"""TinyImageNet as its zip holds it: classes in `train`, and `val` with a list of labels, the test part here.

    tiny-imagenet-200/train/<class>/images/<image>
    tiny-imagenet-200/val/images/<image>
    tiny-imagenet-200/val/val_annotations.txt      <image> TAB <class> TAB ...

Its `test` has no labels and is left out. The zip is read in place; nothing is extracted.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from anatomy.data.archives import Entry, opened, require_source
from anatomy.data.dataset import Dataset, write_dataset
from anatomy.data.decoding import IGNORED
from anatomy.data.small_images import SmallImages
from anatomy.data.sources import described, located
from anatomy.data.subset import given_statistics, limited, selected
from anatomy.data.tree import check_class_names
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import sha256_of
from anatomy.runtime.settings import Settings

FOLDER, ANNOTATIONS = "tiny-imagenet-200", "val_annotations.txt"
# Most bytes of the annotations, which have 0.5 MiB.
MOST_BYTES = 16 << 20


def read_tiny_imagenet(path: Path, name: str) -> Dataset:
    """Read the data set from its zip, or from the folder that it was extracted to.

    Images are uint8 (N, 3, 64, 64), converted to RGB; classes are the sorted names of the folders of
    `train`. `InputError` names a part, folder or image that is missing.
    """
    require_source(path, name)
    where = f"data set {name}: {path}"
    inside = path / FOLDER
    images = SmallImages(channels=3)
    with opened(inside if inside.is_dir() else path) as found:
        entries = _by_path(found)
        annotations = entries.get(("val", ANNOTATIONS))
        if annotations is None or annotations.is_folder or not any(parts[0] == "train" for parts in entries):
            raise InputError(
                f"{where} has no train/ and val/{ANNOTATIONS}; expected {FOLDER}.zip, or its folder"
            )
        train = _images_of_classes(entries, where)
        listed = _listed(annotations, list(train), where)
        for file, _ in listed:
            if (entry := entries.get(("val", "images", file))) is None or entry.is_folder:
                raise InputError(f"{where}: {file}, which {ANNOTATIONS} lists, is missing in val/images/")
        files = {
            "train": [str(entry.path) for own in train.values() for entry in own],
            "test": [str(entries["val", "images", file].path) for file, _ in listed],
        }
        wanted = {file for own in files.values() for file in own}
        for entry in entries.values():
            if str(entry.path) in wanted:
                images.add(entry)
        inputs = images.decoded(files)
    return Dataset(
        train_images=inputs["train"],
        train_labels=np.array([label for label, own in enumerate(train.values()) for _ in own], np.int64),
        test_images=inputs["test"],
        test_labels=np.array([label for _, label in listed], np.int64),
        classes=list(train),
    )


def prepare(name: str, settings: Settings, folder: Path) -> None:
    """Read the zip or folder `path` of its settings, found in the search path."""
    path = located(name, settings, folder)
    dataset = limited(
        selected(read_tiny_imagenet(path, name), name, settings), name, settings.train, settings.test
    )
    checksum = {"sha256": sha256_of(path)} if path.is_file() else {}
    write_dataset(dataset, folder, name, {**described(settings), **checksum}, given_statistics(settings))


def _by_path(found: Iterable[Entry]) -> dict[tuple[str, ...], Entry]:
    """Return files and folders of `train` and `val` by the parts of their paths below the data set's folder.

    `InputError` for a file that is there twice.
    """
    found = list(found)
    above = (FOLDER,) if any(entry.path.parts[:1] == (FOLDER,) for entry in found) else ()
    entries: dict[tuple[str, ...], Entry] = {}
    for entry in found:
        inside = entry.path.parts[len(above) :]
        if entry.path.parts[: len(above)] != above or inside[:1] not in (("train",), ("val",)):
            continue
        if entry.path.name in IGNORED or any(part.startswith(".") for part in inside):
            continue
        if inside in entries and not entry.is_folder:
            raise InputError(f"{entry.where} is there twice; remove one of them")
        entries[inside] = entry
    return entries


def _images_of_classes(entries: Mapping[tuple[str, ...], Entry], where: str) -> dict[str, list[Entry]]:
    """Return the images of each class of `train`, both sorted by name."""
    train = {inside: entry for inside, entry in entries.items() if inside[0] == "train"}
    found: dict[str, list[Entry]] = {
        own: [] for own in sorted({inside[1] for inside, entry in train.items() if _in_class(inside, entry)})
    }
    check_class_names(found, f"{where}: class folder")
    for inside, entry in train.items():
        if inside[2:3] != ("images",) or len(inside) == 3:
            continue
        if len(inside) > 4 or entry.is_folder:
            raise InputError(f"{entry.where} is misplaced; expected train/<class>/images/<image>")
        found[inside[1]].append(entry)
    for own, files in found.items():
        if not files:
            raise InputError(f"{where}: {own} has no images/ with images in train/")
        files.sort(key=lambda entry: entry.path.name)
    return found


def _in_class(inside: Sequence[str], entry: Entry) -> bool:
    """Tell whether an entry of `train` is the folder of a class, or lies in one."""
    return len(inside) > 2 or (len(inside) == 2 and entry.is_folder)


def _listed(annotations: Entry, classes: Sequence[str], where: str) -> list[tuple[str, int]]:
    """Return file and label of each image of `val`, sorted by file."""
    labels = {name: label for label, name in enumerate(classes)}
    expected = "a list of images and their classes; get the data again"
    try:
        text = annotations.read(MOST_BYTES, expected).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{annotations.where} is no UTF-8 ({error}); expected {expected}") from error
    found: dict[str, int] = {}
    for line in text.splitlines():
        file, own = (*line.split("\t"), "", "")[:2]
        if own not in labels:
            raise InputError(
                f"{where}: {ANNOTATIONS} has {line[:80]!r}; expected an image and a class of train/"
            )
        if file in found:
            raise InputError(f"{where}: {ANNOTATIONS} lists {file!r} twice; expected each image once")
        found[file] = labels[own]
    if not found:
        raise InputError(f"{where}: {ANNOTATIONS} lists no images")
    return sorted(found.items())
