"""Checkpoints of others: read without torch, in every layout, and refused if they are anything else."""

import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from conftest import environment
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from anatomy.checkpoints.safetensors_files import read_safetensors
from anatomy.checkpoints.torch_files import read_checkpoint
from anatomy.runtime.errors import InputError

TYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]


def small_network():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(1), nn.Linear(8, 4))
    return network.to(memory_format=torch.channels_last)


def published_checkpoint(state):
    """What the authors' train.py saves: weights, momentum, scheduler, and numbers."""
    network = small_network()
    optimiser = torch.optim.SGD(network.parameters(), 0.1, 0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimiser, 25, 0.1)
    network(torch.rand(2, 3, 3, 3)).sum().backward()
    optimiser.step()
    return {
        **{"epoch": 6, "top1_acc": 81.5, "top5_acc": torch.tensor(99.0)},
        "model_state_dict": state,
        "optimizer_state_dict": optimiser.state_dict(),
        "scheduler_state_dict": scheduler.state_dict(),
    }


LAYOUTS = {
    "bare": lambda state: state,
    "published": published_checkpoint,
    "parallel": lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 6},
    "parameters": lambda state: {k: nn.Parameter(v, v.is_floating_point()) for k, v in state.items()},
    "model": lambda state: {"model": dict(state), "epoch": 6},
    "compiled": lambda state: {"net": {f"_orig_mod.module.{k}": v for k, v in state.items()}, "epoch": 6},
    "auxiliary": lambda state: {
        **state,
        "aux1.conv.conv.weight": torch.ones(1),
        "AuxLogits.conv0.bn.bias": torch.ones(1),
    },
}


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("zipped", [True, False])
def test_state_dict_is_read_in_every_layout(layout, zipped, tmp_path):
    state = small_network().state_dict()
    path = tmp_path / "network_6.tar"
    torch.save(LAYOUTS[layout](state), path, _use_new_zipfile_serialization=zipped)
    checkpoint = read_checkpoint(path)
    assert list(checkpoint.tensors) == list(state)
    for name, value in state.items():
        np.testing.assert_array_equal(checkpoint.tensors[name], value.numpy())
    if layout not in ("bare", "parameters", "auxiliary"):
        assert checkpoint.entries["epoch"] == 6


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(TYPES),
    st.lists(st.integers(0, 4), min_size=1, max_size=4),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_tensors_of_every_type_shape_and_stride_read_back(tmp_path_factory, dtype, shape, zipped, seed):
    folder = tmp_path_factory.mktemp("x")
    generator = torch.Generator().manual_seed(seed)
    whole = (torch.randn([side + 1 for side in shape], generator=generator) * 3).to(dtype)
    # A view of a larger storage, with its dimensions in another order.
    view = whole[tuple(slice(1, None) for _ in shape)].permute(*range(len(shape))[::-1])
    expected = (view.float() if dtype == torch.bfloat16 else view).numpy()
    torch.save({"a.weight": view, "b": whole}, folder / "x.pt", _use_new_zipfile_serialization=zipped)
    save_file(
        {"a.weight": view.clone(memory_format=torch.contiguous_format), "b": whole}, folder / "x.safetensors"
    )
    for name in ("x.pt", "x.safetensors"):
        read = read_checkpoint(folder / name).tensors["a.weight"]
        assert read.dtype == expected.dtype
        np.testing.assert_array_equal(read, expected)


def test_wrapped_features_lose_their_prefix_and_safetensors_their_alphabet(tmp_path):
    names = [f"features.module.{index}.weight" for index in range(12)] + ["classifier.0.weight"]
    save_file({name: torch.rand(2, 2, 1, 1) for name in names}, tmp_path / "x.safetensors")
    expected = ["classifier.0.weight"] + [f"features.{index}.weight" for index in range(12)]
    assert list(read_checkpoint(tmp_path / "x.safetensors").tensors) == expected


def test_only_torchvisions_auxiliary_classifiers_are_dropped(tmp_path):
    names = ["aux1.0.weight", "aux2.weight", "AuxLogits.b", "aux3.conv.weight"]
    theirs = ["aux1.fc2.weight", "aux2.conv.bn.bias", "AuxLogits.conv1.conv.weight", "AuxLogits.fc.bias"]
    torch.save({name: torch.ones(1) for name in (*names, *theirs)}, tmp_path / "x.pt")
    assert list(read_checkpoint(tmp_path / "x.pt").tensors) == names


def test_arrays_are_views_of_the_file_that_cannot_change_it(tmp_path):
    save_file({"a": torch.zeros(1000)}, tmp_path / "x.safetensors")
    before = (tmp_path / "x.safetensors").read_bytes()
    tensors, _ = read_safetensors(tmp_path / "x.safetensors")
    assert not tensors["a"].flags.owndata
    tensors["a"][:] = 7
    assert (tmp_path / "x.safetensors").read_bytes() == before


def test_reading_imports_no_torch(tmp_path):
    torch.save(published_checkpoint(small_network().state_dict()), tmp_path / "x.tar")
    program = (
        "import sys; from anatomy.checkpoints.torch_files import read_checkpoint; from pathlib import Path; "
    )
    program += f"read_checkpoint(Path({str(tmp_path / 'x.tar')!r})); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], env=environment()).returncode == 0


class Malicious:
    """Unpickled, it makes a directory."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("file", ["zip", "legacy", "bare pickle"])
def test_a_pickle_that_wants_to_run_code_is_refused(file, tmp_path):
    content = {"state_dict": small_network().state_dict(), "extra": Malicious(tmp_path / "harm")}
    if file == "bare pickle":
        (tmp_path / "x.pt").write_bytes(pickle.dumps(content["extra"]))
    else:
        torch.save(content, tmp_path / "x.pt", _use_new_zipfile_serialization=file == "zip")
    assert "asks for posix.mkdir, which may run code" in refusal(tmp_path / "x.pt")
    assert not (tmp_path / "harm").exists()


def test_a_pickled_network_is_refused_with_what_to_do(tmp_path):
    torch.save(small_network(), tmp_path / "x.pt")
    message = refusal(tmp_path / "x.pt")
    assert "torch.nn.modules.container.Sequential" in message and "save model.state_dict()" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"epoch": 3, "best": 0.5}, "holds a dict with the keys epoch, best and no tensors"),
        ([torch.ones(2)], "holds a list and no tensors"),
    ],
)
def test_a_file_without_a_state_dict_is_refused(content, expected, tmp_path):
    torch.save(content, tmp_path / "x.pt")
    assert expected in refusal(tmp_path / "x.pt")


def test_a_missing_file_is_refused(tmp_path):
    assert "does not exist" in refusal(tmp_path / "vgg19_3.tar")
    os.mkfifo(tmp_path / "pipe.pt")
    assert "pipe.pt is a pipe; expected a regular file" in refusal(tmp_path / "pipe.pt")
    assert "is a directory; expected a regular file" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x02}q\x00.", bytes(200), b"PK\x03\x04" + bytes(50)])
@pytest.mark.parametrize("name", ["x.pt", "x.safetensors"])
def test_a_file_that_is_no_checkpoint_is_refused(content, name, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert "damaged" in refusal(tmp_path / name) or "no tensors" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["x.pt", "old.pt", "x.safetensors"])
@pytest.mark.parametrize("fraction", [0.2, 0.6, 0.98])
def test_a_truncated_file_is_refused(name, fraction, tmp_path):
    state = {"a.weight": torch.rand(50, 20, 3, 3), "b": torch.rand(100)}
    if name == "x.safetensors":
        save_file(state, tmp_path / name)
    else:
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=name == "x.pt")
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * fraction)])
    assert "damaged" in refusal(tmp_path / name)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [4], "data_offsets": [0, 1000]},
        {"dtype": "F32", "shape": [400], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [4], "data_offsets": [-8, 8]},
        {"dtype": "F32", "shape": [4]},
        {"dtype": "F7", "shape": [4], "data_offsets": [0, 16]},
        7,
    ],
)
def test_safetensors_with_a_false_header_are_refused(entry, tmp_path):
    header = json.dumps({"a": entry}).encode()
    (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))
    assert refusal(tmp_path / "x.safetensors")


def test_a_tensor_outside_its_storage_is_refused(tmp_path):
    torch.save({"a": torch.rand(4, 5)}, tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    (name,) = [name for name in entries if name.endswith("data.pkl")]
    # The first dimension, 4, becomes 200; strides stay.
    assert entries[name].count(b"K\x04K\x05\x86") == 1
    entries[name] = entries[name].replace(b"K\x04K\x05\x86", b"K\xc8K\x05\x86")
    with zipfile.ZipFile(tmp_path / "y.pt", "w") as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    assert "does not lie within its storage" in refusal(tmp_path / "y.pt")


def test_a_header_that_lacks_something_is_not_a_type_of_numbers(tmp_path):
    for entry, message in (
        ({"dtype": "F32", "shape": [1]}, "damaged .*data_offsets"),
        ({"dtype": "F8", "shape": [1], "data_offsets": [0, 1]}, "tensors of type F8"),
    ):
        header = json.dumps({"x": entry}).encode()
        (tmp_path / "x.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"0000")
        with pytest.raises(InputError, match=message):
            read_checkpoint(tmp_path / "x.safetensors")
