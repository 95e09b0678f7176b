"""Files made to do harm, or of no sense: headers, metadata, pickles; each is refused and names its path."""

import io
import json
import pickle
import struct
import tracemalloc
import zipfile
from collections import Counter, OrderedDict, defaultdict

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


@settings(max_examples=40, deadline=None)
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
    tracemalloc.start()
    try:
        refusal(read_checkpoint, path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 24
    finally:
        tracemalloc.stop()


def test_what_a_compressed_pickle_grows_to_is_not_read(tmp_path):
    path = archive(tmp_path / "x.pt", bytes(1 << 20), zipfile.ZIP_DEFLATED)
    assert "data.pkl is compressed" in refusal(read_checkpoint, path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused(tmp_path):
    names = ("x/data.pkl", "x/data/0", "x/data/0")
    path = archive(tmp_path / "x.pt", pickled(Storage(torch.FloatStorage, 4)), names=names)
    assert "two entries of one name" in refusal(read_checkpoint, path)


# 2^60 leaves, of tuples of twice the one before.
NESTED = b"K\x01" + b"2\x86" * 60


@pytest.mark.parametrize(
    "content",
    [
        b"}" + NESTED + b"K\x01s.",
        b"}(" + NESTED + b"K\x01u.",
        b"(" + NESTED + b"K\x01d.",
        b"\x8f(" + NESTED + b"\x90.",
        b"(" + NESTED + b"\x91.",
        b"cbuiltins\nset\n](" + NESTED + b"e\x85R.",
        b"ccollections\nCounter\n](" + NESTED + b"e\x85R.",
        b"ccollections\nOrderedDict\n](" + NESTED + b"K\x01\x86e\x85R.",
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_keys_that_take_ages_to_hash_are_refused(content, zipped, tmp_path):
    path, content = tmp_path / "x.pt", b"\x80\x02" + content
    archive(path, content) if zipped else path.write_bytes(content)
    assert "a key is a tuple; expected text or a number" in refusal(read_checkpoint, path)


def test_a_key_of_a_storage_is_text(tmp_path):
    content = b"\x80\x02(X\x01\x00\x00\x00sctorch\nFloatStorage\n" + NESTED + b"NK\x01tQ."
    path = archive(tmp_path / "x.pt", content)
    assert "a storage is called a tuple; expected a number" in refusal(read_checkpoint, path)


def test_a_whole_number_has_a_bound(tmp_path):
    number = b"\x8b" + struct.pack("<i", 200_000) + b"\x01" * 200_000
    for content in (b"}" + number + b"K\x01s.", b"(" + number + b"2" * 3000 + b"t."):
        path = archive(tmp_path / "x.pt", b"\x80\x02" + content)
        assert "a whole number of 1599993 bits" in refusal(read_checkpoint, path)


@pytest.mark.parametrize("shape", [(1,) * 100_000, (1 << 70,), ("x",), (1.0,), (True,)])
def test_sides_of_a_tensor_are_few_and_whole(shape, tmp_path):
    path = archive(tmp_path / "x.pt", pickled(Storage(torch.FloatStorage, 4), shape, (0,) * len(shape)))
    assert "a tensor has " in refusal(read_checkpoint, path)


def test_sides_in_a_header_are_few(tmp_path):
    path = raw(tmp_path / "x.safetensors", {"w": tensor([1 << 60] * 100_000)})
    assert "a tensor has 100000 sides" in refusal(read_safetensors, path)


@pytest.mark.parametrize("count", [1, 100])
def test_a_message_is_short_whatever_a_file_holds(count, tmp_path):
    name = "x" * (10_000_000 // count)
    texts = [
        {f"{name}{i}": 1 for i in range(count)},
        {"w": Call(torch.ones, name)},
        {f"{name}\n{i}": torch.ones(1) for i in range(count)},
    ]
    for content in texts:
        torch.save(content, tmp_path / "x.pt")
        assert len(refusal(read_checkpoint, tmp_path / "x.pt")) < 2000 + len(str(tmp_path))
    content = b"\x80\x02F" + name.encode() + b"\n."
    assert len(refusal(read_checkpoint, archive(tmp_path / "y.pt", content))) < 2000 + len(str(tmp_path))
    path = raw(tmp_path / "x.safetensors", {name: tensor(last=71), "w": tensor(dtype=name)})
    assert len(refusal(read_safetensors, path)) < 2000 + len(str(tmp_path))


def test_a_set_is_not_made_again_and_again(tmp_path):
    members = b"](" + b"".join(b"J" + struct.pack("<i", number) for number in range(10_000)) + b"eq\x00"
    content = b"\x80\x02" + members + b"cbuiltins\nset\nq\x01" + b"h\x01h\x00\x85R" * 1000 + b"."
    path = archive(tmp_path / "x.pt", content)
    assert "keys within" in refusal(read_checkpoint, path)


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_whatever_a_state_dict_may_hold_is_read(protocol, zipped, tmp_path):
    entries = {
        "optimiser": {
            "state": {0: {"step": 3, "moments": (0.9, (0.99, None))}},
            "param_groups": [{"lr": 0.1}],
        },
        "milestones": Counter({25: 1, 50: 2}),
        "history": OrderedDict([(("top", 1), [0.5, 0.6]), (True, "x"), (None, 2), (0.5, 1 << 128)]),
        "generator": (3, tuple(range(625)), None),
        "size": torch.ones(2, 3).shape,
    }
    entries |= {"seen": {1, "a"}, "names": defaultdict(dict, {"a": {1: 2}})}
    if protocol > 2:
        entries["frozen"] = frozenset("ab")
    state = OrderedDict(a=torch.arange(6.0).reshape(2, 3))
    state._metadata = OrderedDict({"": {"version": 1}})
    content = {"state_dict": state, **entries}
    path = tmp_path / "x.pt"
    torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    found = read_checkpoint(path)
    assert found.entries == entries and found.tensors["a"].tolist() == state["a"].tolist()


def test_an_ordered_dictionary_of_python_2_is_read(tmp_path):
    content = b"\x80\x02ccollections\nOrderedDict\n]]U\x01aK\x01ea\x85R."
    path = archive(tmp_path / "x.pt", content.replace(b"]]U\x01aK\x01ea", b"](](U\x01aK\x01ee"))
    assert "holds a OrderedDict with the keys a and no tensors" in refusal(read_checkpoint, path)


# --- Expanded tensors and checksums ---


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_many_expanded_tensors_are_refused_together(dtype, tmp_path):
    one = torch.ones(1, dtype=dtype)
    torch.save({str(index): one.expand(1 << 22) for index in range(5)}, tmp_path / "x.pt")
    assert "repeats 1 numbers, and all that do have 20971520" in refusal(read_checkpoint, tmp_path / "x.pt")
    torch.save({str(index): one.expand(1 << 20) for index in range(16)}, tmp_path / "x.pt")
    assert len(read_checkpoint(tmp_path / "x.pt").tensors) == 16


STATE = {"a.weight": torch.rand(50, 20), "b": torch.rand(100), "none": torch.ones(0, 3)}


@pytest.mark.parametrize("part", ["data.pkl", "byteorder", "data/0", "data/1"])
def test_one_flipped_bit_is_noticed(part, tmp_path):
    torch.save(STATE, tmp_path / "x.pt")
    content = bytearray((tmp_path / "x.pt").read_bytes())
    with zipfile.ZipFile(tmp_path / "x.pt") as file:
        (entry,) = [entry for entry in file.infolist() if entry.filename.endswith(f"/{part}")]
        content[content.index(file.read(entry)) + entry.file_size // 2] ^= 4
    (tmp_path / "x.pt").write_bytes(content)
    assert f"{part} has another checksum than was written" in refusal(read_checkpoint, tmp_path / "x.pt")


def test_a_file_without_checksums_is_read(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(STATE, tmp_path / "x.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    found = read_checkpoint(tmp_path / "x.pt").tensors
    assert {name: array.tolist() for name, array in found.items()} == {
        name: value.tolist() for name, value in STATE.items()
    }


def test_entries_do_not_overlap_without_bound(tmp_path):
    # Each would be gone through for its checksum.
    path = archive(tmp_path / "x.pt", pickled(Storage(torch.FloatStorage, 4)))
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    path.write_bytes(content[: at + 20] + struct.pack("<II", 1 << 20, 1 << 20) + content[at + 28 :])
    assert "its entries have more bytes than the file" in refusal(read_checkpoint, path)


def test_a_name_of_thousands_of_prefixes_is_refused(tmp_path):
    torch.save({"module." * 100_000 + "w": torch.ones(2)}, tmp_path / "x.pt")
    assert "of at most 1000 characters" in refusal(read_checkpoint, tmp_path / "x.pt")


def test_names_of_tensors_are_text(tmp_path):
    torch.save({3: torch.ones(2, 2), "a": torch.ones(1)}, tmp_path / "x.pt")
    assert "a tensor is called 3; expected text" in refusal(read_checkpoint, tmp_path / "x.pt")


def test_memory_of_a_process_is_no_checkpoint(tmp_path):
    with pytest.raises(OSError) as caught:
        read_checkpoint("/proc/self/mem")
    assert caught.value.filename == "/proc/self/mem"
