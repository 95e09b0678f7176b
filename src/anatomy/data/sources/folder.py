"""Data sets from a directory, tar or zip that holds `train/<class>/*` and `test/<class>/*`.

Archives are read in memory, entry by entry, images alone; nothing is ever extracted to disk.
"""

import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from anatomy.data.dataset import Dataset, write_dataset
from anatomy.data.decoding import IGNORED, decode, pixels
from anatomy.data.polarity import with_polarity
from anatomy.data.search_path import locate
from anatomy.data.sources import described
from anatomy.data.subset import given_statistics, limited, selected
from anatomy.data.tree import require_file, walked
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import sha256_of
from anatomy.runtime.settings import Settings

MODES = {1: "L", 3: "RGB"}

# Most bytes of one image file: what is larger is no image of a data set that fits in memory.
MOST_BYTES = 1 << 28
# Most bytes of the names and other texts that an archive of tar says of one file.
MOST_TEXT = 1 << 20

# One entry: its path in the source, and what reads its bytes (None for a directory).
Entry = tuple[PurePosixPath, Callable[[], bytes] | None]


def _directory_entries(root: Path) -> Iterator[Entry]:
    for name, file in walked(root):
        yield PurePosixPath(name), None if file is None else partial(_read_file, file)


def _read_file(entry: os.DirEntry) -> bytes:
    require_file(entry)
    _require_size(entry.stat().st_size, entry.path)
    return Path(entry.path).read_bytes()


def _require_size(size: int, name: str) -> None:
    """Raise `InputError` for a file of so many bytes that it is no image."""
    if size > MOST_BYTES:
        raise InputError(f"{name} has more than {MOST_BYTES >> 20} MiB; expected an image, remove it")


class _Member(tarfile.TarInfo):
    """An entry of a tar, whose names and attributes are not of any size that it says."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        texts = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
        if self.type in texts and self.size > MOST_TEXT:
            raise tarfile.ReadError(f"{self.size} bytes of names or attributes")
        return super()._proc_member(archive)


def _tar_entries(path: Path) -> Iterator[Entry]:
    with tarfile.open(path, "r:*", tarinfo=_Member) as archive:
        for member in archive:
            if not (member.isfile() or member.isdir()):
                raise InputError(
                    f"{path}: entry {member.name} is a link or a device; expected files and directories only"
                )
            read = partial(_read_member, archive, member, path)
            yield PurePosixPath(member.name), None if member.isdir() else read
        # tarfile takes a damaged or missing header for the end; a whole archive ends with a block of zeros.
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("the end of the archive is missing")
        while archive.fileobj.read(1 << 20):  # to the checksum of the compression
            pass


def _read_member(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> bytes:
    _require_size(member.size, f"{path}: entry {member.name}")
    return archive.extractfile(member).read()


def _zip_entries(path: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            read = partial(_read_zipped, archive, member, path)
            yield PurePosixPath(member.filename), None if member.is_dir() else read


def _read_zipped(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> bytes:
    # zipfile gives no more than an entry says that it has.
    _require_size(member.file_size, f"{path}: entry {member.filename}")
    return archive.read(member)


def _entries(path: Path) -> Iterator[Entry]:
    """Yield every entry of a directory or archive; refuse paths that lead outside of it."""
    if path.is_dir():
        entries = _directory_entries(path)
    elif zipfile.is_zipfile(path):
        entries = _zip_entries(path)
    else:
        entries = _tar_entries(path)
    with _whole(path):
        for entry in entries:
            if entry[0].is_absolute() or ".." in entry[0].parts:
                raise InputError(
                    f"{path}: entry {entry[0]} would be written outside its folder; do not use this archive"
                )
            yield entry


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Raise `InputError` for whatever reading a damaged archive leads to."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        # One of the system, which names a file, and not one of compression.
        if isinstance(error, OSError) and error.filename is not None:
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
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
    if not path.is_dir() and not path.is_file():
        found = "is a pipe or a device" if path.exists() else "does not exist"
        raise InputError(f"data set {name}: {path} {found}; expected a directory, tar or zip")
    if sha256 is not None and path.is_dir():
        raise InputError(f"data set {name}: {path} is a directory, which has no sha256; remove the key")
    if sha256 is not None and (found := sha256_of(path)) != sha256:
        raise InputError(f"{path} has SHA-256 {found}; data set {name} expects {sha256}")

    class_folders: dict[str, set[str]] = {"train": set(), "test": set()}
    images: dict[str, dict[str, dict[str, np.ndarray]]] = {"train": {}, "test": {}}
    roots = set()
    for entry, read in _entries(path):
        if (location := _location(entry)) is None:
            continue
        root, part, inside = location
        roots.add(root)
        if len(roots) > 1:
            raise InputError(f"{path} holds several data sets, under {' and '.join(sorted(roots))}")
        if read is None:
            class_folders[part].update(inside[:1])
        elif len(inside) == 2:
            class_folders[part].add(inside[0])
            own = images[part].setdefault(inside[0], {})
            if str(entry) in own:
                raise InputError(f"{path}: {entry} is there twice; remove one of them")
            with _whole(path):
                content = read()
            own[str(entry)] = pixels(decode(content, MODES[channels], f"{path}: {entry}"))
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
