"""Checksums of results: recorded in `.checksums` beside them, and compared by whoever reads one.

A line is `<XXH3-128 in hexadecimal>  <name>`, as of `xxh128sum`. Lines are only added, each before its file
has its name: of a file there are those of every content it was given, and it is whole if it has one of them.
So files that are written or read meanwhile are never taken for damaged. Without `.checksums` all files pass.
"""

import fcntl
import hashlib
import mmap
import os
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from anatomy.runtime.errors import InputError
from anatomy.runtime.regular import open_file
from anatomy.runtime.signals import SNAKEMAKE

# What bytes come as.
Buffer = bytes | mmap.mmap

RECORD = ".checksums"
_LINE = re.compile(rb"([0-9a-f]{32})  (.+)")


def xxh3_of(path: Path) -> str:
    """Return the XXH3-128 of a file as hexadecimal digits."""
    # Here, as what Snakemake itself is installed with may lack it under `--sdm conda`.
    import xxhash

    with open_file(path) as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()


def xxh3_of_bytes(content: Buffer) -> str:
    """Return the XXH3-128 of some bytes as hexadecimal digits."""
    import xxhash

    return xxhash.xxh3_128_hexdigest(content)


def is_recorded(folder: Path) -> bool:
    """Tell whether what is written to a folder is recorded: by jobs of Snakemake, and where some is."""
    return SNAKEMAKE in os.environ or (folder / RECORD).exists()


def record(path: Path, checksum: str) -> None:
    """Add the checksum of what `path` is about to be, so that it is on disk when this ends."""
    file = os.open(path.parent / RECORD, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        # File systems of a network add two lines at the same place, unless one waits; some have no locks.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        content = os.pread(file, os.fstat(file).st_size, 0)
        line = os.fsencode(f"{checksum}  {path.name}")
        if line not in content.split(b"\n")[:-1]:
            # A power cut or a full disk may have left half of a line.
            begin = b"\n" if content and not content.endswith(b"\n") else b""
            left = memoryview(begin + line + b"\n")
            while left:
                left = left[os.write(file, left) :]
        os.fsync(file)
    finally:
        os.close(file)


def recorded_in(folder: Path) -> dict[str, set[str]]:
    """Return the checksums of every file that is recorded in a folder, by its name."""
    try:
        # Opened first: what a file system of a network says before may be of a while ago.
        with open_file(folder / RECORD) as file:
            state = os.fstat(file.fileno())
            return _read(folder / RECORD, state.st_mtime_ns, state.st_size)
    except OSError:
        return {}


@lru_cache(maxsize=64)
def _read(file: Path, *_: int) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in file.read_bytes().split(b"\n"):
        if match := _LINE.fullmatch(line):
            found.setdefault(os.fsdecode(match[2]), set()).add(match[1].decode())
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
            f"snakemake again to make it anew (or delete {path.parent / RECORD}, if it is meant to be so)"
        )
