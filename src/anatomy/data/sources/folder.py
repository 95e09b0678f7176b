"""Data sets from a directory, tar or zip that holds `train/<class>/*` and `test/<class>/*`."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from anatomy.data.archives import opened, require_source
from anatomy.data.dataset import Dataset, write_dataset
from anatomy.data.decoding import IGNORED
from anatomy.data.polarity import with_polarity
from anatomy.data.small_images import SmallImages
from anatomy.data.sources import described, located
from anatomy.data.subset import given_statistics, limited, selected
from anatomy.data.tree import check_class_names
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import sha256_of
from anatomy.runtime.settings import Settings


def read_folder(path: Path, name: str, channels: int = 3, sha256: str | None = None) -> Dataset:
    """Read a data set from a directory, tar or zip at `path`.

    Classes are the sorted names of the class folders of `train`; images are sorted by path, so that
    the order of an archive does not matter. `channels` is 3 (RGB) or 1 (grey); images are converted.
    An archive is compared with `sha256`, where given, before it is opened.
    """
    require_source(path, name)
    if sha256 is not None and path.is_dir():
        raise InputError(f"data set {name}: {path} is a directory, which has no sha256; remove the key")
    if sha256 is not None and (found := sha256_of(path)) != sha256:
        raise InputError(f"{path} has SHA-256 {found}; data set {name} expects {sha256}")

    where = f"data set {name}: {path}"
    class_folders: dict[str, set[str]] = {"train": set(), "test": set()}
    files: dict[str, dict[str, set[str]]] = {"train": {}, "test": {}}
    images = SmallImages(channels)
    roots = set()
    with opened(path) as entries:
        for entry in entries:
            if not entry.is_folder and _has_backslashes_for_slashes(entry.path):
                raise InputError(
                    f"{entry.where} has backslashes between folders; pack them anew, with slashes"
                )
            if (location := _location(entry.path)) is None:
                continue
            root, part, inside = location
            roots.add(root)
            if len(roots) > 1:
                raise InputError(f"{path} holds several data sets, under {' and '.join(sorted(roots))}")
            if entry.is_folder:
                class_folders[part].update(inside[:1])
            elif len(inside) == 2:
                class_folders[part].add(inside[0])
                own = files[part].setdefault(inside[0], set())
                if str(entry.path) in own:
                    raise InputError(f"{entry.where} is there twice; remove one of them")
                images.add(entry)
                own.add(str(entry.path))
            elif len(inside) > 2:
                raise InputError(f"{entry.where} is misplaced; expected {part}/<class>/<image>")
        _check_classes(class_folders, files, where)
        inputs = images.decoded(
            {part: [file for own in sorted(of) for file in sorted(of[own])] for part, of in files.items()}
        )

    classes = sorted(class_folders["train"])
    arrays = {}
    for part, of_class in files.items():
        labels = [label for label, class_name in enumerate(classes) for _ in of_class.get(class_name, ())]
        arrays[f"{part}_images"] = inputs[part]
        arrays[f"{part}_labels"] = np.array(labels, dtype=np.int64)
    return Dataset(**arrays, classes=classes)


def prepare(name: str, settings: Settings, folder: Path) -> None:
    """Read the directory or archive `path` of its settings, found in the search path."""
    path = located(name, settings, folder)
    dataset = read_folder(path, name, settings.channels, settings.sha256)
    dataset = limited(selected(dataset, name, settings), name, settings.train, settings.test)
    dataset = with_polarity(dataset, settings.polarity)
    checksum = {"sha256": sha256_of(path)} if path.is_file() else {}
    source = {**described(settings), **checksum}
    write_dataset(dataset, folder, name, source, given_statistics(settings))


def _location(entry: PurePosixPath) -> tuple[str, str, tuple[str, ...]] | None:
    """Return (folder above, train or test, path inside) of an entry; None if it is of neither."""
    parts = entry.parts
    if entry.name in IGNORED or any(part.startswith((".", "__MACOSX")) for part in parts):
        return None
    at = next((index for index, part in enumerate(parts) if part in ("train", "test")), None)
    return None if at is None else ("/".join(parts[:at]) or ".", parts[at], parts[at + 1 :])


def _has_backslashes_for_slashes(path: PurePosixPath) -> bool:
    """Tell whether a file that would be left out is an image of a class by its backslashes, as of Windows."""
    if "\\" not in str(path) or ((found := _location(path)) is not None and len(found[2]) > 1):
        return False
    meant = _location(PurePosixPath(str(path).replace("\\", "/")))
    return meant is not None and len(meant[2]) > 1


def _check_classes(
    class_folders: Mapping[str, set[str]],
    files: Mapping[str, Mapping[str, Collection[str]]],
    where: str,
) -> None:
    """Raise `InputError` for a missing part, an empty class folder, or a test class unknown to train."""
    for part, names in class_folders.items():
        check_class_names(sorted(names), f"{where}: class folder")
        if not names:
            raise InputError(f"{where} has no {part}/<class>/ folder; expected train/ and test/")
        empty: Sequence[str] = sorted(names - set(files[part]))
        if empty:
            raise InputError(f"{where}: class folder {part}/{empty[0]} holds no images")
    unknown = sorted(class_folders["test"] - class_folders["train"])
    if unknown:
        raise InputError(
            f"{where}: test/{unknown[0]} is outside the classes of train/: "
            + ", ".join(sorted(class_folders["train"]))
        )
