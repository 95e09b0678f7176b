"""Arrays that lie in memory as they lie in a safetensors file, and are written past the page cache.

The system keeps a copy of what is written the ordinary way. Making that copy takes most of the CPU time of
writing, and nobody reads a snapshot again before the run is over.
"""

import errno
import hashlib
import json
import math
import mmap
import os
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hyperplanes.mapped import TYPES

_CODES = {np.dtype(kind).str: code for code, kind in TYPES.items() if kind != "bfloat16"}
# Not every system has it.
_DIRECT = getattr(os, "O_DIRECT", 0)


def _memory(size: int) -> mmap.mmap:
    """Return whole pages of memory of this process, one at least, that hold `size` bytes."""
    pages = max(1, math.ceil(size / mmap.PAGESIZE))
    # Private, though a loader may fork while the disk reads them: nobody changes them before it is done.
    return mmap.mmap(-1, pages * mmap.PAGESIZE, access=mmap.ACCESS_COPY)


class PackedArrays(dict[str, np.ndarray]):
    """Arrays by name, one after the other from the beginning of a page."""

    def __init__(self, kinds: Mapping[str, tuple[np.typing.DTypeLike, tuple[int, ...]]]):
        """Make room for arrays of these types and shapes; the widest types come first, to lie aligned."""
        super().__init__()
        layout = sorted(kinds.items(), key=lambda item: -np.dtype(item[1][0]).itemsize)
        self.size = sum(np.dtype(kind).itemsize * math.prod(shape) for _, (kind, shape) in layout)
        self._memory = _memory(self.size)
        start = 0
        for name, (kind, shape) in layout:
            self[name] = np.ndarray(shape, kind, self._memory, start)
            start += self[name].nbytes

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "PackedArrays":
        """Return `arrays` if they are packed, else a packed copy."""
        if isinstance(arrays, cls):
            return arrays
        packed = cls({name: (array.dtype, array.shape) for name, array in arrays.items()})
        for name, array in arrays.items():
            packed[name][...] = array
        return packed

    def _header(self, metadata: Mapping[str, str]) -> mmap.mmap:
        """Return what comes before the arrays in the file, filled up to whole pages with blanks."""
        header, start = {"__metadata__": dict(metadata)}, 0
        for name, array in self.items():
            end = start + array.nbytes
            shape = list(array.shape)
            header[name] = {"dtype": _CODES[array.dtype.str], "shape": shape, "data_offsets": [start, end]}
            start = end
        text = json.dumps(header, separators=(",", ":")).encode()
        pages = _memory(8 + len(text))
        pages.write(struct.pack("<Q", len(pages) - 8) + text.ljust(len(pages) - 8))
        return pages

    def sha256(self, metadata: Mapping[str, str]) -> str:
        """Return the SHA-256 of the file that `write` makes, as hexadecimal digits."""
        digest = hashlib.sha256(self._header(metadata))
        digest.update(memoryview(self._memory)[: self.size])
        return digest.hexdigest()

    def write(self, path: Path, metadata: Mapping[str, str]) -> None:
        """Write these arrays and `metadata` as a safetensors file; the same ones always give the same bytes.

        Its pages are not cached, unless the file system cannot do without.
        """
        header = self._header(metadata)
        try:
            self._write(path, header, _DIRECT)
        except OSError as error:
            if not _DIRECT or error.errno != errno.EINVAL:
                raise
            self._write(path, header, 0)

    def _write(self, path: Path, header: mmap.mmap, flag: int) -> None:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | flag, 0o666)
        try:
            for part in (header, self._memory):
                rest = memoryview(part)
                while rest:
                    rest = rest[os.write(file, rest) :]
            os.ftruncate(file, len(header) + self.size)
        finally:
            os.close(file)
