"""Arrays as views of a file that is mapped into memory, and safetensors read so."""

import errno
import hashlib
import json
import math
import mmap
import os
import struct
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import xxhash

from anatomy.runtime.errors import InputError
from anatomy.runtime.files import MOST_REASON
from anatomy.runtime.json_text import parse
from anatomy.runtime.run_files import is_not_what_was_described, require_whole, xxh3_in_run

# numpy's names of the types of a safetensors file; bfloat16 it does not have.
TYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "BF16": "bfloat16"},
}
# Most sides of a tensor, as numpy has it.
MOST_SIDES = 64
# Most characters of a name that a message shows.
MOST_SHOWN = 80
_HEADER_LIMIT = 100_000_000
_METADATA = "__metadata__"


class Check:
    """Compares a mapped file of a finished run with its run.json while its numbers are read.

    Each part is taken just after it was used, while it is in the cache of the core: a pass of its own over
    the file would take about as long as the statistics of a snapshot.
    """

    def __init__(self, path: Path, memory: mmap.mmap, expected: str):
        self.path, self.expected, self.digest = path, expected, xxhash.xxh3_128()
        self.bytes, self.done = np.frombuffer(memory, np.uint8), 0

    def up_to(self, array: np.ndarray) -> None:
        """Take the file up to the end of an array, a contiguous view of it."""
        self._up_to(array.ctypes.data + array.nbytes - self.bytes.ctypes.data)

    def _up_to(self, end: int) -> None:
        if end > self.done:
            self.digest.update(self.bytes[self.done : end])
            self.done = end

    def finish(self) -> None:
        """Take what is left; `InputError` if the file is not what its run.json says."""
        self._up_to(len(self.bytes))
        if self.digest.hexdigest() != self.expected:
            raise is_not_what_was_described(self.path)


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return `read_with_check` of a file that has been checked."""
    tensors, metadata, check = read_with_check(path)
    if check is not None:
        check.finish()
    return tensors, metadata


def read_with_check(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str], Check | None]:
    """Return the tensors of a safetensors file as views of the mapped file, its metadata, and its check.

    The check of a file of a finished run is left to the caller, who finishes it; others have been checked.
    `InputError` if it is none, is damaged, a file of a finished run and not what its run.json says, or holds
    what the format does not allow: two tensors of one name, or of the same bytes, metadata that are no text.
    """
    size = path.stat().st_size
    try:
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(size - 8, _HEADER_LIMIT):
                raise ValueError(f"a header of {length} bytes in a file of {size}")
            content = file.read(length)
            memory = mapped(file)
        if (expected := xxh3_in_run(path)) is None:
            require_whole(path, memory)
        check = Check(path, memory, expected) if expected else None
        header = parse(content)
        metadata = header.pop(_METADATA, {})
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("its metadata are no text")
        tensors, ends = {}, []
        for name, entry in header.items():
            start, end = (8 + length + _natural(offset) for offset in entry["data_offsets"])
            if entry["dtype"] not in TYPES:
                kind = str(entry["dtype"])[:MOST_SHOWN]
                raise InputError(f"{path} has tensors of type {kind}; convert them to float32")
            dtype, shape = TYPES[entry["dtype"]], tuple(map(_natural, entry["shape"]))
            if len(shape) > MOST_SIDES or max(shape, default=0) >= 1 << 63:
                raise ValueError(f"a tensor has {len(shape)} sides, or one of more than 64 bits")
            if not start <= end <= size:
                raise ValueError(f"{name} lies outside the file")
            if end - start != math.prod(shape) * itemsize(dtype):
                raise ValueError(f"{name} of shape {list(shape)} has {end - start} bytes")
            tensors[name] = view(memory, dtype, start, shape)
            ends.append((start, end, name))
        _require_apart(ends)
    except InputError:
        raise
    except (struct.error, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error)[:MOST_REASON]
        raise InputError(f"{path} is not a safetensors file or is damaged ({reason})") from error
    return tensors, metadata, check


def mapped(file: BinaryIO) -> mmap.mmap:
    """Return an open file as memory."""
    # Private: arrays can be written to, the file cannot.
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)


def _natural(number: Any) -> int:
    """Return a number of bytes, or a side of a shape; `ValueError` if it is none."""
    if type(number) is not int or number < 0:
        raise ValueError(f"{number!r} is no whole number of at least 0")
    return number


def _require_apart(places: list[tuple[int, int, str]]) -> None:
    """Raise `ValueError` if two of the places (start, end, name) in the file have bytes in common."""
    places = sorted(place for place in places if place[0] < place[1])
    for before, after in pairwise(places):
        if after[0] < before[1]:
            raise ValueError(f"{before[2]} and {after[2]} have bytes in common")


def itemsize(dtype: str) -> int:
    """Return the bytes of a number of a numpy type, or of `bfloat16`."""
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def view(
    buffer: mmap.mmap, dtype: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...] | None = None
) -> np.ndarray:
    """Return an array of `shape` at `offset` bytes of a buffer; `ValueError` if it does not lie within.

    `strides` count bytes.
    """
    stored = np.dtype("<u2" if dtype == "bfloat16" else dtype)
    if not math.prod(shape):
        return np.empty(shape, np.float32 if dtype == "bfloat16" else stored)
    array = np.ndarray(shape, stored, buffer, offset, strides)
    if dtype == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array


_CODES = {np.dtype(dtype).str: code for code, dtype in TYPES.items() if dtype != "bfloat16"}
# Not every system has it.
_DIRECT = getattr(os, "O_DIRECT", 0)


def _memory(size: int) -> mmap.mmap:
    """Return whole pages of memory of this process, one at least, that hold `size` bytes."""
    pages = max(1, math.ceil(size / mmap.PAGESIZE))
    # Private, though a loader may fork while the disk reads them: nobody changes them before it is done.
    return mmap.mmap(-1, pages * mmap.PAGESIZE, access=mmap.ACCESS_COPY)


class ArraysInFileOrder(dict[str, np.ndarray]):
    """Arrays by name, one after the other from the beginning of a page."""

    def __init__(self, types: Mapping[str, tuple[np.typing.DTypeLike, tuple[int, ...]]]):
        """Allocate arrays of these types and shapes; the widest types come first, to lie aligned."""
        super().__init__()
        layout = sorted(types.items(), key=lambda item: -np.dtype(item[1][0]).itemsize)
        self.size = sum(np.dtype(dtype).itemsize * math.prod(shape) for _, (dtype, shape) in layout)
        self._memory = _memory(self.size)
        start = 0
        for name, (dtype, shape) in layout:
            self[name] = np.ndarray(shape, dtype, self._memory, start)
            start += self[name].nbytes

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "ArraysInFileOrder":
        """Return `arrays` if they lie in the order of a file, else a copy that does."""
        if isinstance(arrays, cls):
            return arrays
        copy = cls({name: (array.dtype, array.shape) for name, array in arrays.items()})
        for name, array in arrays.items():
            copy[name][...] = array
        return copy

    def _header(self, metadata: Mapping[str, str]) -> mmap.mmap:
        """Return what comes before the arrays in the file, filled up to whole pages with blanks."""
        header, start = {_METADATA: dict(metadata)}, 0
        for name, array in self.items():
            end = start + array.nbytes
            shape = list(array.shape)
            header[name] = {"dtype": _CODES[array.dtype.str], "shape": shape, "data_offsets": [start, end]}
            start = end
        text = json.dumps(header, separators=(",", ":")).encode()
        pages = _memory(8 + len(text))
        pages.write(struct.pack("<Q", len(pages) - 8) + text.ljust(len(pages) - 8))
        return pages

    def checksums(self, metadata: Mapping[str, str]) -> tuple[str, str]:
        """Return SHA-256 and XXH3-128 of the file that `write` makes, as hexadecimal digits."""
        header, content = self._header(metadata), memoryview(self._memory)[: self.size]
        digests = hashlib.sha256(header), xxhash.xxh3_128(header)
        for digest in digests:
            digest.update(content)
        sha256, xxh3 = (digest.hexdigest() for digest in digests)
        return sha256, xxh3

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
