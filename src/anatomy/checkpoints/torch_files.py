"""Weights from files of others: safetensors and what torch.save writes, mapped into memory, without torch.

Nothing but tensors, numbers, text and containers of these is read from a pickle; whatever else it asks for
is refused before it can run.
"""

import collections
import io
import math
import mmap
import pickle
import pickletools
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from anatomy.checkpoints.safetensors_files import (
    MOST_SHOWN,
    MOST_SIDES,
    itemsize,
    mapped,
    read_safetensors,
    view,
)
from anatomy.checkpoints.snapshots import CORNER
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import understood
from anatomy.runtime.regular import require_file

# Keys under which checkpoints keep the state dict; the authors' is the first.
WRAPPERS = ("model_state_dict", "state_dict", "model", "net")
# What wrappers of a network put before the names of its tensors.
PREFIXES = ("module.", "_orig_mod.")
# Names of torchvision's classifiers that help only in training.
AUXILIARY = re.compile(r"(aux[12]\.(conv|fc1|fc2)|AuxLogits\.(conv0|conv1|fc))\.")
_STORAGE_TYPES = {
    **{"DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "BFloat16Storage": "bfloat16"},
    **{"LongStorage": "<i8", "IntStorage": "<i4", "ShortStorage": "<i2", "CharStorage": "i1"},
    **{"ByteStorage": "u1", "BoolStorage": "?"},
}
# What a file of torch.save before torch 1.6 begins with.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
# Most numbers, in a small file, of all tensors that have more of them than their storage, as after `expand`.
MOST_REPEATED = 1 << 24
# Most bits of a whole number: the state of a generator of random numbers has 128.
MOST_BITS = 512
# Most characters of the name of a tensor, from which prefixes are taken one by one.
MOST_NAME = 1000
# Most keys of a dictionary that a message shows.
MOST_KEYS = 12
# What keys of dictionaries are, or the parts of a short tuple of them: a nested one may take ages to hash.
_PLAIN = (str, bytes, int, float, type(None))
_MOST_PARTS = 8
# What of the stack becomes keys of a dictionary, or members of a set.
_OPCODES_WITH_KEYS = (
    *((pickle.SETITEM, slice(-2, None, 2)), (pickle.SETITEMS, slice(0, None, 2))),
    *((pickle.DICT, slice(0, None, 2)), (pickle.ADDITEMS, slice(None)), (pickle.FROZENSET, slice(None))),
)


@dataclass(frozen=True)
class Checkpoint:
    """Tensors of a network by name, and what else the file holds beside them (`entries`)."""

    tensors: Mapping[str, np.ndarray]
    entries: Mapping[str, Any]


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a safetensors file or a state dict of torch.save; `InputError` names what is wrong.

    Tensors are views of the file; bfloat16, which numpy does not have, becomes float32. A state dict may be
    wrapped in a dictionary (`WRAPPERS`) and its names in prefixes of nn.DataParallel and torch.compile.
    Auxiliary classifiers (`AUXILIARY`) are left out, and of a subspace its corners: its network is the
    mid-point. All of a file of torch.save is read once, for its checksums.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"checkpoint {path} does not exist; give the path of a file with weights")
    require_file(path)
    with understood(path, "a checkpoint of safetensors or torch.save", False):
        return _read(path)


def _read(path: Path) -> Checkpoint:
    with open(path, "rb") as file:
        beginning = file.read(16)
    if path.suffix == ".safetensors" or beginning[8:9] == b"{":
        tensors, metadata = read_safetensors(path)
        tensors = {name: array for name, array in tensors.items() if not name.startswith(CORNER)}
        # The format does not keep the order of layers; that of the numbers in their names is the best guess.
        tensors = dict(sorted(tensors.items(), key=lambda item: _natural(item[0])))
        return Checkpoint(_of_network(path, tensors), metadata)
    return unwrapped(path, _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path))


# torch.save


@dataclass(frozen=True)
class _Storage:
    """Where the numbers of tensors lie in the mapped file: dtype, offset in bytes, and how many."""

    dtype: str
    offset: int
    count: int


def _checked(opcode: int, keys: slice) -> Callable[["_Unpickler"], None]:
    """Return what executes an opcode of a pickle after a look at the keys that it takes from the stack."""
    load = pickle._Unpickler.dispatch[opcode]

    def checked(unpickler: "_Unpickler") -> None:
        unpickler.require_keys(unpickler.stack[keys])
        load(unpickler)

    return checked


class _Unpickler(pickle._Unpickler):
    """Unpickles tensors as arrays of a mapped file, and refuses everything that is not listed here.

    `positions` has (offset, size) in bytes of every storage in `memory`; without it tensors are None. Python
    has one in C as well, which would hash what a pickle calls a key before it can be looked at.
    """

    dispatch: ClassVar = {
        **pickle._Unpickler.dispatch,
        **{opcode[0]: _checked(opcode[0], keys) for opcode, keys in _OPCODES_WITH_KEYS},
    }

    def __init__(
        self,
        path: Path,
        file: io.IOBase,
        positions: Mapping[str, tuple[int, int]] | None = None,
        memory: mmap.mmap | None = None,
    ):
        super().__init__(file, encoding="utf-8")
        self.path, self.file, self.positions, self.memory = path, file, positions, memory
        self.dtypes: dict[str, str] = {}
        self.length = self.keys = self.copied = 0

    def load(self) -> Any:
        """Return the next object of the file; `ValueError` for a number of any size."""
        start = self.file.tell()
        for _, number, _ in pickletools.genops(self.file):
            if isinstance(number, int) and number.bit_length() > MOST_BITS:
                raise ValueError(f"a whole number of {number.bit_length()} bits")
        self.length = self.file.tell() - start
        self.file.seek(start)
        return super().load()

    def require_keys(self, keys: Collection[Any]) -> None:
        """Raise `ValueError` for what is no key in a checkpoint, and for more keys than a pickle can name."""
        self.keys += len(keys)
        if self.keys > self.length:
            raise ValueError(f"{self.keys} keys within {self.length} bytes")
        for key in keys:
            parts = key if type(key) is tuple and len(key) <= _MOST_PARTS else (key,)
            if not all(isinstance(part, _PLAIN) for part in parts):
                raise ValueError(f"a key is {_shown(key)}; expected text or a number")

    def _ordered(self, pairs: Collection[tuple[Any, Any]] = ()) -> collections.OrderedDict:
        self.require_keys([key for key, _ in pairs])
        return collections.OrderedDict(pairs)

    def _counter(self, counts: Collection[Any] = ()) -> collections.Counter:
        self.require_keys(counts)
        return collections.Counter(counts)

    def _set(self, members: Collection[Any] = ()) -> set:
        self.require_keys(members)
        return set(members)

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle may call; `InputError` names anything else."""
        known: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): self._ordered,
            ("collections", "Counter"): self._counter,
            ("collections", "defaultdict"): lambda factory=None: collections.defaultdict(factory),
            ("builtins", "dict"): lambda: {},
            ("builtins", "set"): self._set,
            ("torch", "Size"): _sides,
            ("torch._utils", "_rebuild_tensor_v2"): self._tensor,
            ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
        }
        if module == "__builtin__":  # as torch.save calls it, for Python 2
            module = "builtins"
        if (module, name) in known:
            return known[module, name]
        if module == "torch" and name in _STORAGE_TYPES:
            return _STORAGE_TYPES[name]
        if module == "torch" and name.startswith(("float", "bfloat", "int", "uint", "bool")):
            # Types of numbers among the settings of an optimiser.
            return name
        raise InputError(
            f"{self.path} asks for {_shown(module)}.{_shown(name)}, which may run code; a checkpoint is "
            "read as tensors, numbers and text alone: save model.state_dict(), or convert the file where you "
            "trust it"
        )

    def persistent_load(self, identifier: tuple) -> _Storage | None:
        """Return the storage that a tensor refers to."""
        _, dtype, key, _, count, *_ = identifier
        # Nothing else may become the type of an array: of `O` its bytes would be taken for pointers.
        if dtype not in _STORAGE_TYPES.values() or type(count) is not int or count < 0:
            raise ValueError(f"a storage has {_shown(count)} numbers of type {_shown(dtype)}")
        key = _key_of_storage(key)
        self.dtypes[key] = dtype
        if self.positions is None:
            return None
        offset, size = self.positions[key]
        if size < count * itemsize(dtype):
            raise ValueError(f"storage {key} has {size} bytes, fewer than {count} numbers")
        return _Storage(dtype, offset, count)

    def _tensor(
        self, storage: _Storage | None, first: int, shape: tuple, strides: tuple, *_: Any
    ) -> np.ndarray | None:
        if storage is None:
            return None
        shape, strides = _sides(shape), _sides(strides)
        if not all(type(number) is int and abs(number) < 1 << 63 for number in (first, *shape, *strides)):
            raise ValueError("a tensor has sides or strides that are no whole numbers of 64 bits")
        last = first + sum((side - 1) * step for side, step in zip(shape, strides, strict=True))
        negative = first < 0 or min((*shape, *strides), default=0) < 0
        count = math.prod(shape)
        if count and (negative or last >= storage.count):
            raise ValueError(f"a tensor of shape {shape} does not lie within its storage")
        # Those of bfloat16 become copies, and what comes after takes time for each number.
        if count > storage.count or storage.dtype == "bfloat16":
            self.copied += count
            if self.copied > max(MOST_REPEATED, 2 * len(self.memory)):
                raise ValueError(
                    f"a tensor of shape {shape} repeats {storage.count} numbers, and all that do have "
                    f"{self.copied}"
                )
        size = itemsize(storage.dtype)
        offset = storage.offset + first * size
        steps = tuple(step * size for step in strides)
        return view(self.memory, storage.dtype, offset, shape, steps)


def _shown(value: Any) -> str:
    """Return what a message says of a value: not all of a long text, and the type of a container."""
    return str(value)[:MOST_SHOWN] if isinstance(value, _PLAIN) else f"a {type(value).__name__}"


def _key_of_storage(key: Any) -> str:
    if not isinstance(key, str | int) or len(str(key)) > MOST_SHOWN:
        raise ValueError(f"a storage is called {_shown(key)}; expected a number")
    return str(key)


def _sides(numbers: Collection[int]) -> tuple[int, ...]:
    if len(numbers) > MOST_SIDES:
        raise ValueError(f"a tensor has {len(numbers)} sides")
    return tuple(numbers)


def _read_zip(path: Path) -> Any:
    """Return the content of a file of torch.save since torch 1.6, with arrays for tensors."""
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        entries = {entry.filename.partition("/")[2]: entry for entry in archive.infolist()}
        if len(entries) < len(archive.infolist()):
            raise ValueError("it has two entries of one name")
        if "data.pkl" not in entries:
            raise ValueError("it has no data.pkl")
        positions = {
            # Refused before it is read if it is compressed, as what it may grow to has no bound.
            name: (_start_of(file, entry), entry.file_size)
            for name, entry in entries.items()
            if name in ("data.pkl", "byteorder") or name.startswith("data/")
        }
        memory = mapped(file)
    if sum(size for _, size in positions.values()) > len(memory):
        raise ValueError("its entries have more bytes than the file")
    with memoryview(memory) as content:
        parts = {name: content[start : start + size] for name, (start, size) in positions.items()}
        # After set_crc32_options(False) torch.save writes zeros; of an empty storage it is zero anyway.
        if any(entry.CRC for entry in entries.values()):
            for name, part in parts.items():
                if zlib.crc32(part) != entries[name].CRC:
                    raise ValueError(f"{_shown(name)} has another checksum than was written")
        if "byteorder" in parts and parts["byteorder"] != b"little":
            raise ValueError("its numbers are big-endian")
        file = io.BytesIO(parts["data.pkl"])
    storages = {
        name.removeprefix("data/"): own for name, own in positions.items() if name.startswith("data/")
    }
    return _Unpickler(path, file, storages, memory).load()


def _start_of(file: io.BufferedReader, entry: zipfile.ZipInfo) -> int:
    """Return where the bytes of an archive's entry begin; `ValueError` if they are compressed."""
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{_shown(entry.filename)} is compressed")
    file.seek(entry.header_offset + 26)
    name, extra = struct.unpack("<HH", file.read(4))
    return entry.header_offset + 30 + name + extra


def _read_legacy(path: Path) -> Any:
    """Return the content of a file of torch.save before torch 1.6: pickles, then storages one by one."""
    with open(path, "rb") as file:
        if _Unpickler(path, file).load() != LEGACY_MAGIC:
            raise ValueError("it does not begin as those of torch.save do")
        _Unpickler(path, file).load()
        if not _Unpickler(path, file).load().get("little_endian", True):
            raise ValueError("its numbers are big-endian")
        start = file.tell()
        # Once for what types of storages follow, and again when it is known where they lie.
        first = _Unpickler(path, file)
        first.load()
        positions = {}
        for key in map(_key_of_storage, _Unpickler(path, file).load()):
            (count,) = struct.unpack("<q", file.read(8))
            size = count * itemsize(first.dtypes[key])
            positions[key] = file.tell(), size
            file.seek(size, io.SEEK_CUR)
        file.seek(start)
        return _Unpickler(path, file, positions, mapped(file)).load()


# State dicts


def _tensors_of(path: Path | str, content: Any) -> dict[str, np.ndarray]:
    if not isinstance(content, Mapping):
        return {}
    found = {name: value for name, value in content.items() if isinstance(value, np.ndarray)}
    if odd := [name for name in found if not isinstance(name, str)]:
        raise InputError(f"{path}: a tensor is called {_shown(odd[0])}; expected text, as in a state dict")
    return found


def _natural(name: str) -> list[tuple[bool, int | str]]:
    """Return a key that sorts features.2 before features.10."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else part) for part in re.split(r"(\d+)", name)]


def unwrapped(path: Path | str, content: Any) -> Checkpoint:
    """Return the state dict in the content of a file, arrays by name, and what is beside it.

    `InputError` if there is none; it names `path`.
    """
    if isinstance(content, Mapping):
        for key in WRAPPERS:
            if tensors := _tensors_of(path, content.get(key)):
                return Checkpoint(_of_network(path, tensors), {k: v for k, v in content.items() if k != key})
        if tensors := _tensors_of(path, content):
            return Checkpoint(_of_network(path, tensors), {})
    keys = ""
    if isinstance(content, Mapping):
        named = [*map(_shown, islice(content, MOST_KEYS)), *(["..."] if len(content) > MOST_KEYS else [])]
        keys = f" with the keys {', '.join(named)}"
    raise InputError(
        f"{path} holds a {type(content).__name__}{keys} and no tensors; expected a state dict, or one under "
        f"{', '.join(WRAPPERS)}"
    )


def _of_network(path: Path | str, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Drop the prefixes of wrapped networks and features from all names, and auxiliary classifiers.

    `InputError` for a name that a table or terminal cannot show as it is, or of thousands of characters.
    """
    if odd := [name for name in tensors if len(name) > MOST_NAME or not name.isprintable()]:
        raise InputError(
            f"{path}: a tensor is called {odd[0][:MOST_SHOWN]!r}; expected a name without control "
            f"characters, of at most {MOST_NAME} characters"
        )
    prefixes = [("", prefix) for prefix in PREFIXES] + [("features.", f"features.{p}") for p in PREFIXES]
    named, before = dict(tensors), {}
    while named.keys() != before.keys():
        before = named
        for start, prefix in prefixes:
            if all(name.startswith(prefix) for name in named if name.startswith(start)):
                named = {re.sub(f"^{re.escape(prefix)}", start, name): value for name, value in named.items()}
    return {name: value for name, value in named.items() if not AUXILIARY.match(name)}
