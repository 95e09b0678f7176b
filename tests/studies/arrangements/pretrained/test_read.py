"""Released weights of torchvision: found, verified, read, redrawn and refused."""

import os

import numpy as np
import pytest
import torch
from released_files import ORIGIN, refusal, save_alexnet, save_named, state_dict

from anatomy.checkpoints.snapshots import Snapshot, save_snapshot
from anatomy.networks.build import build_network
from anatomy.networks.forward import conv_layers, layer_geometry
from anatomy.runtime.streams import stream
from anatomy.runtime.torchvision_import import models
from anatomy.studies.arrangements.pretrained.matconvnet import read_matconvnet
from anatomy.studies.arrangements.pretrained.read import (
    ALEXNET_2012,
    obtain,
    official_url,
    read_torchvision,
    redraw,
    verify,
)
from anatomy.studies.arrangements.projections import snapshot_statistics


@pytest.mark.parametrize("architecture", ["alexnet", "vgg11"])
@pytest.mark.parametrize("zipped", [True, False])
def test_state_dict_of_torchvision_is_read_and_measured(architecture, zipped, tmp_path):
    state = state_dict(architecture)
    path, digits = save_named(state, tmp_path, architecture, _use_new_zipfile_serialization=zipped)
    verify(path, digits)
    snapshot = read_torchvision(path, architecture, ORIGIN)

    convolutions = {name: value for name, value in state.items() if name.startswith("features")}
    assert snapshot.arrays.keys() == convolutions.keys()
    for layer, statistics in zip(snapshot.layers, snapshot_statistics(snapshot), strict=True):
        weight = convolutions[f"{layer.name}.weight"].double().numpy()
        np.testing.assert_array_equal(snapshot.arrays[f"{layer.name}.weight"], weight.astype(np.float32))
        assert statistics.n_l == (weight.sum((1, 2, 3)) <= 0).mean()
        assert layer.input_shape[0] == weight.shape[1]


@pytest.mark.parametrize("architecture", ["vgg11", "vgg13", "vgg16", "vgg19", "alexnet"])
def test_input_shapes_are_those_of_the_forward_pass(architecture, tmp_path):
    with torch.device("meta"):
        network = models.get_model(architecture)
        shapes = []
        for module in conv_layers(network).values():
            module.register_forward_pre_hook(lambda _, given: shapes.append(tuple(given[0].shape[1:])))
        network(torch.zeros(1, 3, 224, 224))
    state = {n: torch.zeros(1).expand(v.shape) for n, v in network.state_dict().items()}
    torch.save({n: v.clone() for n, v in state.items() if n.startswith("features")}, tmp_path / "x.pth")
    snapshot = read_torchvision(tmp_path / "x.pth", architecture, ORIGIN)
    assert [layer.input_shape for layer in snapshot.layers] == shapes


@pytest.mark.parametrize("architecture", ["vgg11", "vgg13", "vgg16", "vgg19", "alexnet"])
def test_official_files_name_their_checksum(architecture):
    address, name = official_url(architecture).rsplit("/", 1)
    assert address == "https://download.pytorch.org/models"
    assert name.startswith(architecture) and len(name.rsplit("-", 1)[1]) == len("397923af.pth")


def test_file_of_the_official_name_is_found_in_any_directory(tmp_path, monkeypatch):
    path, _ = save_named({"x": torch.ones(1)}, tmp_path / "two", "vgg11")
    monkeypatch.setenv("ANATOMY_DATA", os.pathsep.join([str(tmp_path / "one"), str(tmp_path / "two")]))
    assert obtain(f"http://127.0.0.1:9/{path.name}") == path


def test_file_that_is_nowhere_is_downloaded_to_the_first_directory(server, tmp_path, monkeypatch):
    folder, address = server
    path, _ = save_named({"x": torch.ones(1)}, folder, "vgg11")
    monkeypatch.setenv("ANATOMY_DATA", os.pathsep.join([str(tmp_path / "one"), str(tmp_path / "two")]))
    found = obtain(f"{address}{path.name}")
    assert found == tmp_path / "one" / path.name
    assert found.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("served", [None, b"another file"])
def test_failed_download_leaves_nothing_and_says_what_to_do(served, server, tmp_path, monkeypatch):
    folder, address = server
    if served:
        (folder / "vgg11-01234567.pth").write_bytes(served)
    monkeypatch.setenv("ANATOMY_DATA", str(tmp_path / "data"))
    message = refusal(obtain, f"{address}vgg11-01234567.pth")
    for part in (str(tmp_path / "data"), address, "put the file there", "invalid hash" if served else "404"):
        assert part in message
    assert list((tmp_path / "data").iterdir()) == []


def test_damaged_file_is_refused_before_it_is_opened(tmp_path, monkeypatch):
    path, _ = save_named({"x": torch.ones(1)}, tmp_path, "vgg11")
    path.write_bytes(path.read_bytes()[:-1])
    monkeypatch.setenv("ANATOMY_DATA", str(tmp_path))
    message = refusal(obtain, f"https://nowhere.invalid/{path.name}")
    assert f"{path} has SHA-256" in message and "remove it and get it again" in message


class Malicious:
    """Unpickled, it makes a directory."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_pickle_that_runs_code_is_refused(zipped, tmp_path):
    state = {"features.0.weight": Malicious(tmp_path / "harm")}
    torch.save(state, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    message = refusal(read_torchvision, tmp_path / "x.pth", "vgg11", ORIGIN)
    assert "x.pth asks for posix.mkdir, which may run code" in message
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x02}q\x00."])
def test_file_that_is_no_state_dict_is_refused(content, tmp_path):
    (tmp_path / "x.pth").write_bytes(content)
    assert "x.pth" in refusal(read_torchvision, tmp_path / "x.pth", "vgg11", ORIGIN)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"features.6.weight": torch.zeros(256, 128, 5, 5)},
            "convolution 3, features.6, has shape (256, 128, 5, 5), expected",
        ),
        ({"features.18.weight": None}, "convolution 8, features.18, is missing, expected"),
        ({"features.20.weight": torch.zeros(1, 1, 1, 1)}, "it also has a convolution features.20 of shape"),
        ({"features.3.bias": None}, "has no features.3.bias"),
    ],
)
def test_another_architecture_is_refused_by_its_first_layer_that_differs(change, expected, tmp_path):
    state = {k: v for k, v in (state_dict("vgg11") | change).items() if v is not None}
    torch.save(state, tmp_path / "x.pth")
    message = refusal(read_torchvision, tmp_path / "x.pth", "vgg11", ORIGIN)
    assert expected in message and str(tmp_path / "x.pth") in message


def test_random_initialisation_is_that_of_an_experiment_with_the_same_seed():
    network = build_network("vgg11", 10, 3, 0.0625, stream(3, "initialisation"), "kaiming")
    shapes = {f"{name}.weight": np.empty(layer.weight.shape) for name, layer in conv_layers(network).items()}
    origin = {**ORIGIN, "architecture": "vgg11"}
    drawn = redraw(Snapshot(shapes, layer_geometry(network, (3, 32, 32)), origin), 3)
    assert drawn.origin == {**origin, "epoch": 0}
    for name, layer in conv_layers(network).items():
        np.testing.assert_array_equal(drawn.arrays[f"{name}.weight"], layer.weight.detach().numpy())
        assert not drawn.arrays[f"{name}.bias"].any()


def test_random_initialisation_has_the_shapes_of_the_file_and_follows_the_seed(tmp_path):
    save_alexnet(tmp_path / "alex.mat", "dagnn")
    pretrained = read_matconvnet(tmp_path / "alex.mat", {**ORIGIN, "architecture": "alexnet"})
    first, again, other = (redraw(pretrained, seed) for seed in (0, 0, 1))
    for name, array in pretrained.arrays.items():
        assert first.arrays[name].shape == array.shape
        np.testing.assert_array_equal(first.arrays[name], again.arrays[name])
    assert not np.array_equal(first.arrays["conv4.weight"], other.arrays["conv4.weight"])
    assert first.layers == pretrained.layers
    for geometry, shape in zip(first.layers, ALEXNET_2012, strict=True):
        expected = np.sqrt(2 / (shape[0] * shape[2] * shape[3]))
        assert first.arrays[f"{geometry.name}.weight"].std() == pytest.approx(expected, rel=0.05)
    save_snapshot(tmp_path / "a", first)
    save_snapshot(tmp_path / "b", again)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
