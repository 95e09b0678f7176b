"""Checksums of results: recorded in `.checksums` beside them, and compared by whoever reads one.

A line is `<XXH3-128 in hexadecimal>  <name>`, as of `xxh128sum`. Lines are only added, each before its file
has its name: of a file there are those of every content it was given, and it is whole if it has one of them.
"""

import mmap
import os
import re
from functools import lru_cache
from pathlib import Path

import xxhash

from anatomy.runtime.errors import InputError
from anatomy.runtime.signals import SNAKEMAKE

# What bytes come as.
Buffer = bytes | mmap.mmap

RECORD = ".checksums"
_LINE = re.compile(r"([0-9a-f]{32})  (.+)")


def xxh3_of(path: Path) -> str:
    """Return the XXH3-128 of a file as hexadecimal digits."""
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return xxh3_of_bytes(b"")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return xxh3_of_bytes(content)


def xxh3_of_bytes(content: Buffer) -> str:
    """Return the XXH3-128 of some bytes as hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest(content)


def is_recorded(folder: Path) -> bool:
    """Tell whether what is written to a folder is recorded: by jobs of Snakemake, and where some is."""
    return SNAKEMAKE in os.environ or (folder / RECORD).exists()


def record(path: Path, checksum: str) -> None:
    """Add the checksum of what `path` is about to be, so that it is on disk when this ends."""
    file = os.open(path.parent / RECORD, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        # One write, so that lines of several processes do not mix; a power cut may have left half of one.
        size = os.fstat(file).st_size
        begin = b"\n" if size and os.pread(file, 1, size - 1) != b"\n" else b""
        os.write(file, begin + f"{checksum}  {path.name}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)


def recorded_in(folder: Path) -> dict[str, set[str]]:
    """Return the checksums of every file that is recorded in a folder, by its name."""
    try:
        state = (folder / RECORD).stat()
    except OSError:
        return {}
    return _read(folder / RECORD, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _read(file: Path, *_: int) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := _LINE.fullmatch(line):
            found.setdefault(match[2], set()).add(match[1])
    return found


def require_recorded(path: Path, content: Buffer | None = None) -> None:
    """Raise `InputError` if a file is recorded with another content; others pass.

    `content` are its bytes, if they have been read.
    """
    path = Path(path)
    known = recorded_in(path.parent).get(path.name)
    if known and (xxh3_of(path) if content is None else xxh3_of_bytes(content)) not in known:
        raise InputError(
            f"{path} is not what was written there: it is damaged, or was changed; delete it, and call "
            "snakemake again to make it anew"
        )
