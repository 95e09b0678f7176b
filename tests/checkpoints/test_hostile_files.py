"""Files made to do harm, or of no sense: headers, metadata, pickles; each is refused and names its path."""

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from anatomy.checkpoints.safetensors_files import read_safetensors
from anatomy.checkpoints.snapshots import METADATA_KEY, load_snapshot
from anatomy.checkpoints.torch_files import read_checkpoint
from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.any_network import projections

WEIGHT = np.ones((2, 1, 3, 3), np.float32)
LAYER = {"layer": 1, "name": "conv", "stage": 0, "block": 0, "input_shape": [1, 8, 8]}
ORIGIN = {"architecture": "x", "dataset": "x", "experiment": "x", "seed": 0, "epoch": 1}


def refusal(function, path):
    with pytest.raises(InputError) as caught:
        function(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def raw(path, header, data=bytes(72)):
    """Write a safetensors file with this header, as text or as JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def tensor(shape=(2, 1, 3, 3), first=0, last=72, **changes):
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [first, last], **changes}


# --- safetensors ---


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"__metadata__": "text", "w": tensor()}, "is damaged"),
        ({"__metadata__": None, "w": tensor()}, "is damaged"),
        ({"__metadata__": 5, "w": tensor()}, "is damaged"),
        ({"__metadata__": {"a": 5}, "w": tensor()}, "its metadata are no text"),
        ({"__metadata__": [["a", "b"]], "w": tensor()}, "is damaged"),
        ([1, 2], "is damaged"),
        (b'{"w": ' + json.dumps(tensor()).encode() + b', "w": 1}', "'w' is there twice"),
        (b"[" * 100_000 + b"]" * 100_000, "is damaged"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "is damaged"),
        ({"v": tensor(), "w": tensor((1, 9), 36, 72)}, "v and w have bytes in common"),
        ({"w": tensor([2.0, 9])}, "no whole number"),
        ({"w": tensor([-2, -9])}, "no whole number"),
        ({"w": tensor([True, 18])}, "no whole number"),
        ({"w": tensor((2, 9), -8, 64)}, "no whole number"),
        ({"w": tensor([0, 10**30], 0, 0)}, "is damaged"),
        ({"w": tensor([1] * 200 + [18])}, "is damaged"),
        ({"w": tensor(dtype=["F32"])}, "is damaged"),
        ({"w": 3}, "is damaged"),
    ],
)
def test_headers_that_the_format_does_not_allow_are_refused(header, said, tmp_path):
    path = raw(tmp_path / "x.safetensors", header)
    assert said in refusal(read_safetensors, path)
    assert said in refusal(read_checkpoint, path)


def test_what_the_format_allows_is_read(tmp_path):
    header = {"__metadata__": {"a": "b"}, "w": tensor((1, 9), 36, 72), "v": tensor((1, 9), 0, 36)}
    tensors, metadata = read_safetensors(raw(tmp_path / "x.safetensors", header))
    assert metadata == {"a": "b"} and [*tensors] == ["w", "v"]


CONTENT = {"layers": [LAYER], "origin": ORIGIN}


@pytest.mark.parametrize(
    "content",
    [
        5,
        None,
        "text",
        [],
        {},
        {"layers": [LAYER]},
        {**CONTENT, "origin": []},
        {**CONTENT, "origin": {"seed": 1}},
        {**CONTENT, "origin": {**ORIGIN, "epoch": "1"}},
        {**CONTENT, "layers": 3},
        {**CONTENT, "layers": [3]},
        {**CONTENT, "layers": [{**LAYER, "name": 3}]},
        {**CONTENT, "layers": [{**LAYER, "name": "other"}]},
        {**CONTENT, "layers": [{**LAYER, "input_shape": None}]},
        {**CONTENT, "layers": [{**LAYER, "input_shape": [1, "8", 8]}]},
        {**CONTENT, "layers": [{**LAYER, "further": 1}]},
        {**CONTENT, "layers": [{**LAYER, "layer": -1}]},
    ],
)
def test_metadata_of_a_snapshot_are_not_trusted(content, tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"conv.weight": WEIGHT}, path, {METADATA_KEY: json.dumps(content)})
    assert "a snapshot of train_network.py" in refusal(load_snapshot, path)
    refusal(projections, path)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "NaN"])
def test_metadata_that_are_no_json_are_refused(text, tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"conv.weight": WEIGHT}, path, {METADATA_KEY: text})
    refusal(load_snapshot, path)


@pytest.mark.parametrize("weight", [np.ones((0, 1, 3, 3), np.float32), np.ones((2, 1, 3, 3), np.int64)])
def test_a_layer_of_a_snapshot_has_filters(weight, tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"conv.weight": weight}, path, {METADATA_KEY: json.dumps(CONTENT)})
    assert "conv.weight is " in refusal(load_snapshot, path)


def test_a_layer_without_filters_is_not_measured(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"conv.weight": WEIGHT[:0]}, path)
    assert "conv.weight has shape (0, 1, 3, 3), and no numbers" in refusal(projections, path)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["F32", "BF16"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.fixed_dictionaries({"dtype": VALUES, "shape": VALUES, "data_offsets": VALUES})


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(["w", "v", "__metadata__"]), VALUES | ENTRIES))
def test_a_header_is_read_or_refused_whatever_it_holds(tmp_path_factory, header):
    path = raw(tmp_path_factory.mktemp("x") / "x.safetensors", header)
    try:
        tensors, metadata = read_safetensors(path)
    except InputError as error:
        assert str(path) in str(error)
    else:
        assert all(isinstance(value, str) for value in metadata.values())
        assert sum(array.nbytes for array in tensors.values()) <= 2 * 72


# --- torch.save ---


class Call:
    """Pickled as a call."""

    def __init__(self, called, *arguments):
        self.reduced = called, arguments

    def __reduce__(self):
        return self.reduced


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.identifier if isinstance(value, Storage) else None


class Storage:
    def __init__(self, dtype, count):
        self.identifier = ("storage", dtype, "0", "cpu", count)


def archive(path, content, compression=zipfile.ZIP_STORED, names=("x/data.pkl", "x/data/0")):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name in names:
            file.writestr(name, bytes(64) if "/data/" in name else content)
    return path


def pickled(storage, shape=(2, 2), strides=(2, 1)):
    buffer = io.BytesIO()
    call = Call(torch._utils._rebuild_tensor_v2, storage, 0, shape, strides, False, {})
    Pickler(buffer, 2).dump({"conv.weight": call})
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", ["O", "U4", "S8", "V8", "M8[s]", 3, None, ("f4",)])
def test_a_storage_has_a_type_of_numbers(dtype, tmp_path):
    # Of objects the bytes of a file would be taken for pointers.
    path = archive(tmp_path / "x.pt", pickled(Storage(dtype, 4)))
    assert "numbers of type" in refusal(read_checkpoint, path)


def test_such_a_file_is_read_if_its_type_is_one(tmp_path):
    path = archive(tmp_path / "x.pt", pickled(Storage(torch.FloatStorage, 4)))
    assert read_checkpoint(path).tensors["conv.weight"].shape == (2, 2)


@pytest.mark.parametrize("shape", [(1 << 40, 2), (1 << 20, 1 << 20), (1 << 62, 8)])
def test_a_tensor_does_not_repeat_a_number_terabytes_long(shape, tmp_path):
    path = archive(tmp_path / "x.pt", pickled(Storage(torch.FloatStorage, 4), shape, (0, 0)))
    assert "repeats 4 numbers" in refusal(read_checkpoint, path)


def test_a_small_expanded_tensor_is_read(tmp_path):
    torch.save({"conv.weight": torch.ones(1).expand(64, 3, 3, 3)}, tmp_path / "x.pt")
    assert read_checkpoint(tmp_path / "x.pt").tensors["conv.weight"].shape == (64, 3, 3, 3)


@pytest.mark.parametrize("number", [b"r\xff\xff\xff\x7f", b"p2000000000\n"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_reserves_no_memory_without_bound(number, zipped, tmp_path):
    content = b"\x80\x02}" + number + b"."
    path = tmp_path / "x.pt"
    archive(path, content) if zipped else path.write_bytes(content)
    assert "within" in refusal(read_checkpoint, path)


def test_what_a_compressed_pickle_grows_to_is_not_read(tmp_path):
    path = archive(tmp_path / "x.pt", bytes(1 << 20), zipfile.ZIP_DEFLATED)
    assert "data.pkl is compressed" in refusal(read_checkpoint, path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused(tmp_path):
    names = ("x/data.pkl", "x/data/0", "x/data/0")
    path = archive(tmp_path / "x.pt", pickled(Storage(torch.FloatStorage, 4)), names=names)
    assert "two entries of one name" in refusal(read_checkpoint, path)


def test_names_of_tensors_are_text(tmp_path):
    torch.save({3: torch.ones(2, 2), "a": torch.ones(1)}, tmp_path / "x.pt")
    assert "a tensor is called 3; expected text" in refusal(read_checkpoint, tmp_path / "x.pt")


def test_memory_of_a_process_is_no_checkpoint(tmp_path):
    with pytest.raises(OSError) as caught:
        read_checkpoint("/proc/self/mem")
    assert caught.value.filename == "/proc/self/mem"
