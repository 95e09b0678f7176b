"""Released weights: files in the formats they are published in, read, verified, measured and refused."""

import hashlib
import json
import os
import pickle
import runpy
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from conftest import SCRIPTS, environment
from safetensors.numpy import load_file
from scipy.io import savemat
from test_pins import imports
from torch import nn

from hyperplanes.architectures import build_network, conv_layers, layer_geometry
from hyperplanes.cosines import layer_statistics, snapshot_statistics
from hyperplanes.errors import InputError
from hyperplanes.matconvnet import read_matconvnet
from hyperplanes.pretrained import (
    ALEXNET_2012,
    obtain,
    official_url,
    read_torchvision,
    redraw,
    require_architecture,
    verify,
)
from hyperplanes.snapshots import LayerGeometry, Snapshot, load_snapshot, save_snapshot
from hyperplanes.streams import stream
from hyperplanes.vision import models

ORIGIN = {"architecture": "test", "dataset": "imagenet", "experiment": "x", "seed": 3, "epoch": -1}
ALEXNET_INPUTS = [(3, 227, 227), (96, 27, 27), (256, 13, 13), (384, 13, 13), (384, 13, 13)]
# Layer shape, stride, padding, and whether pooling follows: MatConvNet's AlexNet.
ALEXNET = list(
    zip(ALEXNET_2012, [4, 1, 1, 1, 1], [0, 2, 1, 1, 1], [True, True, False, False, True], strict=True)
)


def refusal(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    return str(caught.value)


# torchvision


def state_dict(architecture, seed=0):
    """Random convolutions under torchvision's names, and a classifier of one number per parameter."""
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        network = models.get_model(architecture)
    return {
        name: torch.randn(value.shape, generator=generator) if value.ndim == 4 else torch.randn(len(value))
        for name, value in network.state_dict().items()
    }


def save_named(state, folder, name, **options):
    """Save a state dict under a name that ends in the beginning of its checksum; return path and digits."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "unnamed", **options)
    digits = hashlib.sha256((folder / "unnamed").read_bytes()).hexdigest()[:8]
    return (folder / "unnamed").rename(folder / f"{name}-{digits}.pth"), digits


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
    monkeypatch.setenv("HYPERPLANES_DATA", os.pathsep.join([str(tmp_path / "one"), str(tmp_path / "two")]))
    assert obtain(f"http://127.0.0.1:9/{path.name}") == path


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A folder, and the address it is served at."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=folder)) as running:
        thread = threading.Thread(target=running.serve_forever, args=[0.01])
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_file_that_is_nowhere_is_downloaded_to_the_first_directory(server, tmp_path, monkeypatch):
    folder, address = server
    path, _ = save_named({"x": torch.ones(1)}, folder, "vgg11")
    monkeypatch.setenv("HYPERPLANES_DATA", os.pathsep.join([str(tmp_path / "one"), str(tmp_path / "two")]))
    found = obtain(f"{address}/{path.name}")
    assert found == tmp_path / "one" / path.name
    assert found.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("served", [None, b"another file"])
def test_failed_download_leaves_nothing_and_says_what_to_do(served, server, tmp_path, monkeypatch):
    folder, address = server
    if served:
        (folder / "vgg11-01234567.pth").write_bytes(served)
    monkeypatch.setenv("HYPERPLANES_DATA", str(tmp_path / "data"))
    message = refusal(obtain, f"{address}/vgg11-01234567.pth")
    for part in (str(tmp_path / "data"), address, "put the file there", "invalid hash" if served else "404"):
        assert part in message
    assert list((tmp_path / "data").iterdir()) == []


def test_damaged_file_is_refused_before_it_is_opened(tmp_path, monkeypatch):
    path, _ = save_named({"x": torch.ones(1)}, tmp_path, "vgg11")
    path.write_bytes(path.read_bytes()[:-1])
    monkeypatch.setenv("HYPERPLANES_DATA", str(tmp_path))
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


# MatConvNet


def cell(items):
    """A MATLAB cell array with one row."""
    array = np.empty((1, len(items)), object)
    array[0] = items
    return array


def struct_array(items):
    """A MATLAB struct array with one row."""
    array = np.empty((1, len(items)), [(name, object) for name in items[0]])
    for place, item in enumerate(items):
        array[0, place] = tuple(item.values())
    return array


def filters(shape, seed):
    """Filters as torch has them (F, C, H, W), and as MatConvNet does (H, W, C, F)."""
    weight = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return weight, weight.transpose(2, 3, 1, 0)


def simplenn(convolutions, fully_connected, old=False):
    """Layers of a SimpleNN network, and its weights in torch's layout."""
    layers, weights = [], []
    for number, (shape, stride, pad, pooled) in enumerate(convolutions, 1):
        weight, stored = filters(shape, number)
        weights.append(weight)
        bias = np.full((1, len(weight)), number, np.float32)
        values = {"filters": stored, "biases": bias} if old else {"weights": cell([stored, bias.T])}
        options = {"stride": stride, "pad": pad} if old else {"stride": [stride] * 2, "pad": [pad] * 4}
        layers.append({"type": "conv", "name": f"conv{number}", **values, **options})
        layers.append({"type": "relu", "name": f"relu{number}"})
        if pooled:
            size = 3 if stride == 4 or shape[0] != 64 else 2
            layers.append(
                {"type": "pool", "name": f"pool{number}", "pool": [size] * 2, "stride": 2, "method": "max"}
            )
    layers.append({"type": "conv", "name": "fc6", "weights": cell([np.zeros((*fully_connected, 7)), []])})
    layers.append({"type": "softmax", "name": "prob"})
    return cell(layers), weights


def dagnn(convolutions, fully_connected):
    """Layers and parameters of a DagNN network, and its weights in torch's layout."""
    layers, parameters, weights = [], [], []

    def add(name, kind, block, names=()):
        layers.append(
            {
                "name": name,
                "type": f"dagnn.{kind}",
                "inputs": cell(["x"]),
                "outputs": cell(["y"]),
                "params": cell(list(names)),
                "block": block,
            }
        )

    for number, (shape, stride, pad, pooled) in enumerate(convolutions, 1):
        weight, stored = filters(shape, number)
        weights.append(weight)
        names = [f"conv{number}f", f"conv{number}b"]
        for name, value in zip(names, (stored, np.full((len(weight), 1), number, np.float32)), strict=True):
            parameters.append({"name": name, "value": value, "learningRate": 1.0})
        block = {"size": stored.shape, "hasBias": True, "pad": [pad] * 4, "stride": [stride] * 2}
        add(f"conv{number}", "Conv", block, names)
        add(f"relu{number}", "ReLU", {"leak": 0.0})
        if pooled:
            add(f"pool{number}", "Pooling", {"poolSize": [3, 3], "pad": [0] * 4, "stride": [2, 2]})
    parameters.append({"name": "fc6f", "value": np.zeros((*fully_connected, 7)), "learningRate": 1.0})
    block = {"size": [*fully_connected, 7], "hasBias": False, "pad": [0] * 4, "stride": [1, 1]}
    add("fc6", "Conv", block, ["fc6f"])
    return struct_array(layers), struct_array(parameters[::-1]), weights


def save_alexnet(path, kind):
    """Write MatConvNet's AlexNet in one of its formats; return its weights in torch's layout."""
    image_size = {"normalization": {"imageSize": np.array([[227.0, 227.0, 3.0]])}}
    if kind == "dagnn":
        layers, parameters, weights = dagnn(ALEXNET, (6, 6, 256))
        content = {"layers": layers, "params": parameters, "vars": [], "meta": image_size}
    else:
        layers, weights = simplenn(ALEXNET, (6, 6, 256), old=kind == "old")
        content = {"layers": layers, **(image_size if kind == "old" else {"meta": image_size})}
    savemat(path, content)
    return weights


@pytest.mark.parametrize("kind", ["simplenn", "old", "dagnn"])
def test_alexnet_of_matconvnet_is_read_in_each_of_its_formats(kind, tmp_path):
    weights = save_alexnet(tmp_path / "alex.mat", kind)
    snapshot = read_matconvnet(tmp_path / "alex.mat", ORIGIN)
    require_architecture(tmp_path / "alex.mat", "alexnet", snapshot)
    assert [layer.name for layer in snapshot.layers] == [f"conv{n}" for n in range(1, 6)]
    assert [layer.input_shape for layer in snapshot.layers] == ALEXNET_INPUTS
    assert [(layer.stage, layer.block) for layer in snapshot.layers] == [
        (0, 0),
        (1, 0),
        (2, 0),
        (2, 1),
        (2, 2),
    ]
    for number, (weight, statistics) in enumerate(
        zip(weights, snapshot_statistics(snapshot), strict=True), 1
    ):
        np.testing.assert_array_equal(snapshot.arrays[f"conv{number}.weight"], weight)
        assert snapshot.arrays[f"conv{number}.bias"].tolist() == [number] * len(weight)
        exact = weight.astype(np.float64)
        assert statistics.n_l == (exact.sum((1, 2, 3)) <= 0).mean()
        norms = np.sqrt((exact**2).sum((1, 2, 3)) * np.prod(ALEXNET_INPUTS[number - 1]))
        np.testing.assert_allclose(statistics.cosines, exact.sum((1, 2, 3)) / norms, rtol=0, atol=1e-7)


def test_vgg_of_matconvnet_has_torchvisions_shapes(tmp_path):
    shapes = [(64, 3), (128, 64), (256, 128), (256, 256), (512, 256), (512, 512), (512, 512), (512, 512)]
    pooled = [True, True, False, True, False, True, False, True]
    layers, _ = simplenn([((*s, 3, 3), 1, 1, False) for s in shapes], (7, 7, 512))
    pool = {"type": "pool", "name": "pool", "pool": [2, 2], "stride": [2, 2], "pad": [0, 0, 0, 0]}
    with_pools = []
    for layer, after in zip(layers[0, :-2:2], pooled, strict=True):
        with_pools += [layer, pool] if after else [layer]
    savemat(tmp_path / "vgg.mat", {"layers": cell([*with_pools, *layers[0, -2:]])})
    snapshot = read_matconvnet(tmp_path / "vgg.mat", ORIGIN)
    require_architecture(tmp_path / "vgg.mat", "vgg11", snapshot)
    sides = [224, 112, 56, 56, 28, 28, 14, 14]
    assert [g.input_shape for g in snapshot.layers] == [
        (s[1], n, n) for s, n in zip(shapes, sides, strict=True)
    ]
    message = refusal(require_architecture, tmp_path / "vgg.mat", "vgg16", snapshot)
    assert "vgg.mat is not a vgg16: convolution 2 is conv2 of shape (128, 64, 3, 3), expected" in message
    assert "(64, 64, 3, 3)" in message
    assert "convolution 1 is conv1" in refusal(
        require_architecture, tmp_path / "vgg.mat", "alexnet", snapshot
    )


def test_single_filter_and_asymmetric_padding(tmp_path):
    weight, stored = filters((1, 2, 3, 2), 0)
    layer = {
        "type": "conv",
        "name": "c",
        "weights": cell([stored[..., 0], 0.0]),
        "pad": [0, 1, 2, 0],
        "stride": [2, 1],
    }
    last = {"type": "conv", "name": "d", "weights": cell([np.ones((1, 1)), 0.0])}
    size = {"normalization": {"imageSize": [7.0, 5.0, 2.0]}}
    savemat(tmp_path / "x.mat", {"layers": cell([layer, last]), "meta": size})
    snapshot = read_matconvnet(tmp_path / "x.mat", ORIGIN)
    np.testing.assert_array_equal(snapshot.arrays["c.weight"], weight)
    padded = nn.functional.pad(torch.zeros(1, 2, 7, 5), (2, 0, 0, 1))
    output = nn.functional.conv2d(padded, torch.from_numpy(weight), stride=(2, 1))
    assert [g.input_shape for g in snapshot.layers] == [(2, 7, 5), tuple(output.shape[1:])]


TWICE = {"type": "conv", "name": "c", "weights": cell([np.ones((3, 3, 3, 3)), []])}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a .mat file or is damaged"),
        (b"no MATLAB file at all " * 20, "is not a .mat file or is damaged"),
        (pickle.dumps({"layers": [1] * 300}), "is not a .mat file or is damaged"),
        ({"data": np.ones(3)}, "not of a MatConvNet network"),
        ({"layers": np.ones(3)}, "not of a MatConvNet network"),
        ({"layers": cell([TWICE, TWICE])}, "two convolutions are called c"),
        ({"layers": cell([{**TWICE, "stride": 0}])}, "not of a MatConvNet network"),
        (
            {"layers": cell([{"type": "relu", "name": "a"}])},
            "no convolutions before its first fully connected",
        ),
    ],
)
def test_other_files_are_refused(content, message, tmp_path):
    path = tmp_path / "x.mat"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        savemat(path, content)
    found = refusal(read_matconvnet, path, ORIGIN)
    assert f"{path} " in found and message in found


def test_truncated_file_is_refused(tmp_path):
    save_alexnet(tmp_path / "alex.mat", "simplenn")
    content = (tmp_path / "alex.mat").read_bytes()
    (tmp_path / "alex.mat").write_bytes(content[: len(content) // 2])
    assert "alex.mat is not a .mat file or is damaged" in refusal(
        read_matconvnet, tmp_path / "alex.mat", ORIGIN
    )


def test_filters_that_are_not_finite_are_counted_when_measured(tmp_path):
    _, stored = filters((4, 3, 3, 3), 0)
    stored[0, 0, 0, 2] = np.nan
    savemat(
        tmp_path / "x.mat", {"layers": cell([{"type": "conv", "name": "c1", "weights": cell([stored, []])}])}
    )
    (layer,) = snapshot_statistics(read_matconvnet(tmp_path / "x.mat", ORIGIN))
    assert layer.not_finite == 1 and np.isnan(layer.cosines).tolist() == [False, False, True, False]


# Random initialisation, and grouped convolutions


def test_random_initialisation_is_that_of_an_experiment_with_the_same_seed():
    network = build_network("vgg11", 10, 3, 0.0625, stream(3, "initialisation"))
    shapes = {f"{name}.weight": np.empty(layer.weight.shape) for name, layer in conv_layers(network).items()}
    origin = {**ORIGIN, "architecture": "vgg11"}
    drawn = redraw(Snapshot(shapes, layer_geometry(network, (3, 32, 32)), origin), 3)
    assert drawn.origin == {**origin, "epoch": 0}
    for name, layer in conv_layers(network).items():
        np.testing.assert_array_equal(drawn.arrays[f"{name}.weight"], layer.weight.detach().numpy())
        assert not drawn.arrays[f"{name}.bias"].any()


def test_random_initialisation_has_the_shapes_of_the_file_and_follows_the_seed(tmp_path):
    save_alexnet(tmp_path / "alex.mat", "dagnn")
    pretrained = read_matconvnet(tmp_path / "alex.mat", ORIGIN)
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


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_cosines_of_grouped_filters_are_those_of_the_rows_of_the_matrix(groups):
    shape = (8, 4, 5)
    weight = np.random.default_rng(groups).normal(size=(4, 8 // groups, 3, 3)).astype(np.float32)
    basis = torch.eye(160, dtype=torch.float64).reshape(160, *shape)
    responses = nn.functional.conv2d(basis, torch.from_numpy(weight).double(), groups=groups)
    rows = responses.permute(1, 2, 3, 0).flatten(1, 2).numpy()
    cosines = rows.sum(2) / (np.linalg.norm(rows, axis=2) * np.sqrt(160))
    statistics = layer_statistics(weight, LayerGeometry(1, "c", 0, 0, shape))
    np.testing.assert_allclose(
        np.broadcast_to(statistics.cosines[:, None], cosines.shape), cosines, atol=1e-9
    )


# Program and workflow


def test_program_refuses_a_missing_file_in_one_line(tmp_path):
    settings = {"architecture": "alexnet", "source": "matconvnet", "path": "alex.mat", "seed": 0}
    settings["homepage"] = "https://example.org/zoo"
    result = subprocess.run(
        [
            sys.executable,
            SCRIPTS / "import_pretrained.py",
            *("--name", "alex", "--settings", json.dumps(settings), "--output", tmp_path / "out"),
        ],
        capture_output=True,
        text=True,
        env={**environment(), "HYPERPLANES_DATA": str(tmp_path)},
    )
    assert result.returncode == 1
    [line] = result.stderr.strip().splitlines()
    assert f"pretrained network alex: alex.mat not found; looked for {tmp_path / 'alex.mat'}" in line
    assert "Get it from https://example.org/zoo" in line
    assert not (tmp_path / "out").exists()


def test_program_downloads_official_weights_and_writes_both_snapshots(server, tmp_path, monkeypatch):
    folder, address = server
    state = state_dict("alexnet")
    path, _ = save_named(state, folder, "alexnet")
    monkeypatch.setattr("hyperplanes.pretrained.official_url", lambda architecture: f"{address}/{path.name}")
    monkeypatch.setenv("HYPERPLANES_DATA", str(tmp_path / "data"))
    settings = {"architecture": "alexnet", "source": "torchvision", "seed": 4}
    options = ["--name", "theirs", "--settings", json.dumps(settings), "--output", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["import_pretrained.py", *options])
    runpy.run_path(str(SCRIPTS / "import_pretrained.py"), run_name="__main__")
    pretrained, random = (load_snapshot(tmp_path / f"out/{n}.safetensors") for n in ("pretrained", "random"))
    assert pretrained.origin == {**ORIGIN, "architecture": "alexnet", "experiment": "theirs", "seed": 4}
    assert random.origin == {**pretrained.origin, "epoch": 0}
    assert random.layers == pretrained.layers
    assert {n: a.shape for n, a in random.arrays.items()} == {
        n: a.shape for n, a in pretrained.arrays.items()
    }
    np.testing.assert_array_equal(
        pretrained.arrays["features.10.weight"], state["features.10.weight"].numpy()
    )
    assert (tmp_path / "data" / path.name).is_file()


CONFIG = """
device: cpu
datasets: {digits: {source: embedded, variant: digits-grey, train: 100, test: 50}}
defaults: {architecture: lenet, epochs: 1, seeds: [0]}
experiments: {plain: {dataset: digits}}
pretrained:
  alex: {architecture: alexnet, source: matconvnet, path: alex.mat, seed: 5}
  vgg: {architecture: vgg16, source: torchvision}
"""
JOBS = {"import_pretrained": 1, "measure_pretrained": 1, "tabulate_projections": 1}


def test_workflow_measures_a_file_of_the_zoo(checkout, tmp_path):
    config = yaml.safe_load(CONFIG)
    checkout.configure(config)
    # Nothing draws them.
    assert not JOBS.keys() - {"tabulate_projections"} & checkout.planned().keys()
    (tmp_path / "zoo").mkdir()
    weights = save_alexnet(tmp_path / "zoo/alex.mat", "dagnn")
    checkout.environment["HYPERPLANES_DATA"] = str(tmp_path / "zoo")
    table = "results/tables/alex/n_l.csv"
    checkout.snakemake(table)

    n_l = pd.read_csv(checkout.folder / table)
    assert n_l["experiment"].unique().tolist() == ["alex"]
    assert n_l["seed"].unique().tolist() == [5]
    assert n_l["epoch"].tolist() == [-1] * 5 + [0] * 5
    random = load_file(checkout.folder / "results/pretrained/alex/random.safetensors")
    drawn = [random[f"conv{n}.weight"] for n in range(1, 6)]
    expected = [(w.astype(np.float64).sum((1, 2, 3)) <= 0).mean() for w in weights + drawn]
    np.testing.assert_allclose(n_l["n_l"], expected, atol=1e-6)
    cosines = pd.read_csv(checkout.folder / "results/tables/alex/cosines.csv")
    assert len(cosines) == 2 * sum(len(w) for w in weights)
    snapshot = load_snapshot(checkout.folder / "results/pretrained/alex/pretrained.safetensors")
    assert snapshot.origin == {**ORIGIN, "architecture": "alexnet", "experiment": "alex", "seed": 5}

    config["pretrained"]["alex"]["label"] = "AlexNet of the zoo"
    checkout.configure(config)
    assert checkout.planned(table) == {}
    config["pretrained"]["alex"]["seed"] = 6
    checkout.configure(config)
    assert checkout.planned(table) == JOBS


def test_target_plans_all_networks_with_jobs_bound_to_their_code(checkout):
    checkout.configure(yaml.safe_load(CONFIG))
    result = checkout.snakemake("--dry-run", "pretrained")
    output = (result.stdout + result.stderr).splitlines()
    for job in JOBS:
        assert [job, "2"] in [line.split() for line in output]
    lists = [line for line in output if "input: workflow/scripts/import_pretrained.py" in line]
    assert len(lists) == 2
    for line in lists:
        given = {Path(name.strip(", ")).name for name in line.split() if name.startswith("src/")}
        followed = set()
        imports(SCRIPTS / "import_pretrained.py", followed)
        assert given == {path.name for path in followed if path.parent != SCRIPTS} | {"__init__.py"}
