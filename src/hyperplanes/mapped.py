"""Arrays as views of a file that is mapped into memory, and safetensors read so."""

import json
import math
import mmap
import struct
from pathlib import Path

import numpy as np

from hyperplanes.errors import InputError

# numpy's names of the types of a safetensors file; bfloat16 it does not have.
TYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "BF16": "bfloat16"},
}
_HEADER_LIMIT = 100_000_000


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the tensors of a safetensors file as views of the mapped file, and its metadata."""
    size = path.stat().st_size
    try:
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(size - 8, _HEADER_LIMIT):
                raise ValueError(f"a header of {length} bytes in a file of {size}")
            header = json.loads(file.read(length))
            # Private: arrays can be written to, the file cannot.
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        metadata = header.pop("__metadata__", {})
        tensors = {}
        for name, entry in header.items():
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            if entry["dtype"] not in TYPES:
                raise InputError(f"{path} has tensors of type {entry['dtype']}; convert them to float32")
            kind, shape = TYPES[entry["dtype"]], tuple(entry["shape"])
            if not 8 + length <= start <= end <= size:
                raise ValueError(f"{name} lies outside the file")
            if end - start != math.prod(shape) * itemsize(kind):
                raise ValueError(f"{name} of shape {list(shape)} has {end - start} bytes")
            tensors[name] = view(mapped, kind, start, shape)
    except InputError:
        raise
    except (struct.error, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a safetensors file or is damaged ({error})") from error
    return tensors, metadata


def itemsize(kind: str) -> int:
    """Return the bytes of a number of a numpy type, or of `bfloat16`."""
    return 2 if kind == "bfloat16" else np.dtype(kind).itemsize


def view(
    buffer: mmap.mmap, kind: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...] | None = None
) -> np.ndarray:
    """Return an array of `shape` at `offset` bytes of a buffer; `ValueError` if it does not lie within.

    `strides` count bytes.
    """
    stored = np.dtype("<u2" if kind == "bfloat16" else kind)
    if not math.prod(shape):
        return np.empty(shape, np.float32 if kind == "bfloat16" else stored)
    array = np.ndarray(shape, stored, buffer, offset, strides)
    if kind == "bfloat16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array
