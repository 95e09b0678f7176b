"""Arrays in the order of a file are written as the safetensors library reads them, on every file system."""

import errno
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors import safe_open
from safetensors.numpy import load_file

from anatomy.checkpoints import safetensors_files
from anatomy.checkpoints.safetensors_files import ArraysInFileOrder, read_safetensors
from anatomy.runtime.checksums import xxh3_of
from anatomy.runtime.files import sha256_of

METADATA = {"anatomy": '{"epoch": 3}'}
TYPES = [np.float32, np.float64, np.int64, np.uint8, np.bool_]
ARRAYS = st.sampled_from(TYPES).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9))
)


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text("abc.", min_size=1, max_size=3), ARRAYS, max_size=5))
def test_safetensors_reads_what_is_written(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "written.safetensors"
    together = ArraysInFileOrder.of(content)
    same(together, content)
    together.write(path, METADATA)
    same(load_file(path), content)
    with safe_open(path, "np") as file:
        assert file.metadata() == METADATA
    same(read_safetensors(path)[0], content)
    assert together.checksums(METADATA) == (sha256_of(path), xxh3_of(path))


def test_arrays_are_written_as_they_are_at_the_time(tmp_path):
    together = ArraysInFileOrder({"a": (np.float32, (3, 2)), "b": (np.int64, ())})
    assert ArraysInFileOrder.of(together) is together
    for value in (1, 2):
        together["a"][...] = value
        together["b"][...] = value
        together.write(tmp_path / "file", METADATA)
        same(load_file(tmp_path / "file"), {"a": np.full((3, 2), value, np.float32), "b": np.array(value)})


def test_a_longer_file_of_the_same_name_is_replaced(tmp_path):
    ArraysInFileOrder.of({"a": np.ones(100_000)}).write(tmp_path / "file", METADATA)
    ArraysInFileOrder.of({"a": np.ones(3)}).write(tmp_path / "file", METADATA)
    same(load_file(tmp_path / "file"), {"a": np.ones(3)})


@pytest.mark.parametrize("refused", ["open", "write"])
def test_a_file_system_that_caches_everything_gets_the_same_bytes(tmp_path, monkeypatch, refused):
    try:
        os.close(os.open(tmp_path / "probe", os.O_WRONLY | os.O_CREAT | os.O_DIRECT))
    except (AttributeError, OSError):
        pytest.skip("this system or file system caches everything that is written")
    together = ArraysInFileOrder.of({"a": np.arange(5000.0)})
    together.write(tmp_path / "direct", METADATA)
    action, flags = getattr(os, refused), {}

    def refuse(what, *arguments):
        # Of os.open the flags come next, of os.write the file was opened with some.
        if refused == "open":
            flag = arguments[0]
        else:
            flag = int(Path(f"/proc/self/fdinfo/{what}").read_text().split("flags:")[1].split()[0], 8)
        flags[flag & safetensors_files._DIRECT] = True
        if flag & safetensors_files._DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return action(what, *arguments)

    monkeypatch.setattr(os, refused, refuse)
    together.write(tmp_path / "cached", METADATA)
    assert flags == {safetensors_files._DIRECT: True, 0: True}
    assert (tmp_path / "cached").read_bytes() == (tmp_path / "direct").read_bytes()


def test_a_full_disk_is_an_error(monkeypatch, tmp_path):
    def full(file, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        ArraysInFileOrder.of({"a": np.ones(3)}).write(tmp_path / "file", METADATA)


def test_the_tensors_begin_at_a_page(tmp_path):
    """What is not cached is written from whole pages to whole pages."""
    for names in (1, 200):
        ArraysInFileOrder.of({f"layer.{n}.weight": np.ones(3) for n in range(names)}).write(
            tmp_path / "file", {}
        )
        (length,) = struct.unpack("<Q", (tmp_path / "file").read_bytes()[:8])
        assert (8 + length) % 4096 == 0
