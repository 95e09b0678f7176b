"""What a directory, tar or zip holds, entry by entry, read in memory; nothing is ever extracted to disk."""

import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from anatomy.data.tree import require_image_file, walked
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import MOST_REASON

# Most bytes of one image file: what is larger is no image of a data set that fits in memory.
MOST_BYTES = 1 << 28
# Most bytes of the names and other texts that an archive of tar says of one file.
MOST_TEXT = 1 << 20
# Most bytes after the end of a tar, which fill up its last record: of 10 KiB as a rule, of a few MiB at most.
MOST_TAIL = 1 << 26
# Most bytes that a compressed tar unpacks to, for each of its own; a small one has 4 GiB. Images that were
# compressed already hardly shrink; without a bound a few kB of zeros are gone through for hours.
MOST_UNPACKED, MOST_OF_A_SMALL_TAR = 100, 1 << 32


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or directory: its path in the source, a directory or archive, that it is of."""

    source: Path
    path: PurePosixPath
    is_folder: bool
    _size: Callable[[], int]
    _content: Callable[[], bytes]

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"{self.source}: {self.path}"

    def read(self, most: int | None = None, expected: str = "an image, remove it") -> bytes:
        """Return the bytes of a file, before the source is closed.

        `InputError`, which says what is `expected`, for more than `most` of them (`MOST_BYTES`), and for what
        is damaged.
        """
        most = MOST_BYTES if most is None else most
        with _whole(self.source):
            if self._size() > most:
                raise InputError(f"{self.where} has more than {most >> 20} MiB; expected {expected}")
            return self._content()


def require_source(path: Path, name: str) -> None:
    """Raise `InputError`, which names the data set, unless there is a directory or file at `path`."""
    if not path.is_dir() and not path.is_file():
        found = "is a pipe or a device" if path.exists() else "does not exist"
        raise InputError(f"data set {name}: {path} {found}; expected a directory, tar or zip")


@contextmanager
def opened(path: Path) -> Iterator[Iterator[Entry]]:
    """Open a directory or archive, and give every entry of it; refuse paths that lead outside of it."""
    with ExitStack() as stack:
        if path.is_dir():
            entries = _of_directory(path)
        else:
            with _whole(path):
                if zipfile.is_zipfile(path):
                    entries = _of_zip(stack.enter_context(zipfile.ZipFile(path)), path)
                else:
                    archive = tarfile.open(path, "r:*", tarinfo=_Member)  # noqa: SIM115, closed by the stack
                    entries = _of_tar(stack.enter_context(archive), path)
        yield _inside(entries, path)


def _inside(entries: Iterator[Entry], path: Path) -> Iterator[Entry]:
    with _whole(path):
        for entry in entries:
            if entry.path.is_absolute() or ".." in entry.path.parts:
                raise InputError(
                    f"{path}: entry {entry.path} would be written outside its folder; do not use this archive"
                )
            yield entry


def _of_directory(root: Path) -> Iterator[Entry]:
    for name, file in walked(root):
        # A folder is neither measured nor read.
        size, content = (partial(each, file) for each in (_size_of_file, _content_of_file))
        yield Entry(root, PurePosixPath(name), file is None, size, content)


def _size_of_file(entry: os.DirEntry) -> int:
    require_image_file(entry)
    return entry.stat().st_size


def _content_of_file(entry: os.DirEntry) -> bytes:
    return Path(entry.path).read_bytes()


class _Member(tarfile.TarInfo):
    """An entry of a tar: neither it, nor its names and attributes, are of any size that it says."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        attributes = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE)
        texts = (*attributes, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
        if self.type in texts and self.size > MOST_TEXT:
            raise tarfile.ReadError(f"{self.size} bytes of names or attributes")
        if self.size >= 0:
            member = super()._proc_member(archive)
            # Attributes, of a sparse file or of pax, may say another one.
            if member.size >= 0 and archive.offset >= member.offset_data:
                return member
        # tarfile would go back to what it has read, and never come to the end.
        raise tarfile.ReadError("an entry of a negative size")


def _of_tar(archive: tarfile.TarFile, path: Path) -> Iterator[Entry]:
    most = max(MOST_UNPACKED * path.stat().st_size, MOST_OF_A_SMALL_TAR)
    for member in archive:
        # Before what is skipped is unpacked.
        if archive.offset > most:
            raise InputError(
                f"{path} has more than {most >> 20} MiB up to entry {member.name}; expected at most "
                f"{MOST_UNPACKED} times its size: get it again, or extract it, and give the folder"
            )
        if not (member.isfile() or member.isdir()):
            raise InputError(
                f"{path}: entry {member.name} is a link or a device; expected files and directories only"
            )
        size, content = partial(getattr, member, "size"), partial(_content_of_member, archive, member)
        yield Entry(path, PurePosixPath(member.name), member.isdir(), size, content)
    # tarfile takes a damaged or missing header for the end; a whole archive ends with a block of zeros.
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("the end of the archive is missing")
    end = archive.fileobj.tell() + MOST_TAIL
    while archive.fileobj.read(1 << 20):  # to the checksum of the compression
        if archive.fileobj.tell() > end:
            raise tarfile.ReadError(f"more than {MOST_TAIL} bytes after the end of the archive")


def _content_of_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    return archive.extractfile(member).read()


def _of_zip(archive: zipfile.ZipFile, path: Path) -> Iterator[Entry]:
    for member in archive.infolist():
        # zipfile gives no more than an entry says that it has.
        size, content = partial(getattr, member, "file_size"), partial(archive.read, member)
        yield Entry(path, PurePosixPath(member.filename), member.is_dir(), size, content)


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
        reason = " ".join(str(error).split())[:MOST_REASON] or type(error).__name__
        raise InputError(
            f"{path} is truncated, corrupt or no tar or zip archive ({reason}); get it again"
        ) from error
