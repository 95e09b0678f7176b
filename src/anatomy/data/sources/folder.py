"""Data sets from a directory, tar or zip that holds `train/<class>/*` and `test/<class>/*`.

Archives are read in memory, entry by entry; nothing is ever extracted to disk.
"""

import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from lzma import LZMAError
from pathlib import Path, PurePosixPath

import numpy as np

from anatomy.data.dataset import Dataset, write_dataset
from anatomy.data.decoding import IGNORED, decode, pixels
from anatomy.data.polarity import with_polarity
from anatomy.data.search_path import locate
from anatomy.data.sources import described
from anatomy.data.subset import given_statistics, limited, selected
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import sha256_of
from anatomy.runtime.settings import Settings

MODES = {1: "L", 3: "RGB"}

# One entry: its path in the source, and its bytes (None for a directory).
Entry = tuple[PurePosixPath, bytes | None]


def _directory_entries(root: Path) -> Iterator[Entry]:
    for path in sorted(root.rglob("*")):
        yield PurePosixPath(path.relative_to(root)), None if path.is_dir() else path.read_bytes()


def _tar_entries(path: Path) -> Iterator[Entry]:
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            if not (member.isfile() or member.isdir()):
                raise InputError(
                    f"{path}: entry {member.name} is a link or a device; expected files and directories only"
                )
            content = archive.extractfile(member)
            yield PurePosixPath(member.name), None if content is None else content.read()
        # tarfile takes a damaged or missing header for the end; a whole archive ends with a block of zeros.
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("the end of the archive is missing")
        while archive.fileobj.read(1 << 20):  # to the checksum of the compression
            pass


def _zip_entries(path: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            yield PurePosixPath(member.filename), None if member.is_dir() else archive.read(member)


def _entries(path: Path) -> Iterator[Entry]:
    """Yield every entry of a directory or archive; refuse paths that lead outside of it."""
    if path.is_dir():
        entries = _directory_entries(path)
    elif zipfile.is_zipfile(path):
        entries = _zip_entries(path)
    else:
        entries = _tar_entries(path)
    try:
        for entry in entries:
            if entry[0].is_absolute() or ".." in entry[0].parts:
                raise InputError(
                    f"{path}: entry {entry[0]} would be written outside its folder; do not use this archive"
                )
            yield entry
    # zipfile raises RuntimeError, or a subclass of it, for encryption and for compression it does not know.
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        EOFError,
        zlib.error,
        LZMAError,
        OSError,
        RuntimeError,
    ) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} is truncated, corrupt or no tar or zip archive ({reason}); get it again"
        ) from error


def _stack(images: Mapping[str, np.ndarray], where: str) -> np.ndarray:
    """Stack images of one shape into (N, C, H, W), naming the first that differs."""
    first_name, first = next(iter(images.items()))
    for name, image in images.items():
        if image.shape != first.shape:
            raise InputError(
                f"{where}: {name} is {image.shape[2]}x{image.shape[1]} px but {first_name} is "
                f"{first.shape[2]}x{first.shape[1]} px; images of one size are needed"
            )
    return np.stack(list(images.values()))


def read_folder(path: Path, name: str, channels: int = 3, sha256: str | None = None) -> Dataset:
    """Read a data set from a directory, tar or zip at `path`.

    Classes are the sorted names of the class folders of `train`; images are sorted by path, so that
    the order of an archive does not matter. `channels` is 3 (RGB) or 1 (grey); images are converted.
    An archive is compared with `sha256`, where given, before it is opened.
    """
    if sha256 is not None and path.is_file() and (found := sha256_of(path)) != sha256:
        raise InputError(f"{path} has SHA-256 {found}; data set {name} expects {sha256}")

    class_folders: dict[str, set[str]] = {"train": set(), "test": set()}
    images: dict[str, dict[str, dict[str, np.ndarray]]] = {"train": {}, "test": {}}
    roots = set()
    for entry, content in _entries(path):
        if (location := _location(entry)) is None:
            continue
        root, part, inside = location
        roots.add(root)
        if len(roots) > 1:
            raise InputError(f"{path} holds several data sets, under {' and '.join(sorted(roots))}")
        if content is None:
            class_folders[part].update(inside[:1])
        elif len(inside) == 2:
            class_folders[part].add(inside[0])
            image = decode(content, MODES[channels], f"{path}: {entry}")
            images[part].setdefault(inside[0], {})[str(entry)] = pixels(image)
        elif len(inside) > 2:
            raise InputError(f"{path}: {entry} is misplaced; expected {part}/<class>/<image>")
    _check_classes(class_folders, images, f"data set {name}: {path}")

    classes = sorted(class_folders["train"])
    arrays = {}
    for part, of_class in images.items():
        ordered = {
            file: of_class[class_name][file]
            for class_name in sorted(of_class)
            for file in sorted(of_class[class_name])
        }
        labels = [label for label, class_name in enumerate(classes) for _ in of_class.get(class_name, ())]
        arrays[f"{part}_images"] = _stack(ordered, str(path))
        arrays[f"{part}_labels"] = np.array(labels, dtype=np.int64)
    return Dataset(**arrays, classes=classes)


def prepare(name: str, settings: Settings, folder: Path) -> None:
    """Read the directory or archive `path` of its settings, found in the search path."""
    path = locate(settings.path, name, settings.homepage)
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


def _check_classes(
    class_folders: Mapping[str, set[str]],
    images: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]],
    where: str,
) -> None:
    """Raise `InputError` for a missing part, an empty class folder, or a test class unknown to train."""
    for part, names in class_folders.items():
        if not names:
            raise InputError(f"{where} has no {part}/<class>/ folder; expected train/ and test/")
        empty: Sequence[str] = sorted(names - set(images[part]))
        if empty:
            raise InputError(f"{where}: class folder {part}/{empty[0]} holds no images")
    unknown = sorted(class_folders["test"] - class_folders["train"])
    if unknown:
        raise InputError(
            f"{where}: test/{unknown[0]} is outside the classes of train/: "
            + ", ".join(sorted(class_folders["train"]))
        )
