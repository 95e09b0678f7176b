"""Resetting layers: shared activations against whole forward passes, counts, and stopped jobs."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from copy import deepcopy

import pytest
import torch
from conftest import SCRIPTS, environment, make_dataset
from safetensors.torch import load_file
from test_training import SETTINGS as TRAINING

from hyperplanes.architectures import build_network, conv_layers
from hyperplanes.datasets import write_dataset
from hyperplanes.errors import InputError
from hyperplanes.records import RECORDS_FILE, TRAINED, Records
from hyperplanes.reinitialisation import COLUMNS, Resetter, count_correct, reinit_rows
from hyperplanes.reset_weights import fold_all, fresh_weights, own_weights, resettable_layers
from hyperplanes.streams import stream

SETTINGS = {"architecture": "vgg11", "width": 0.0625, "initialisation": {"kind": "kaiming"}}
DESCRIPTION = {"classes": range(10), "channels": 3, "height": 32, "width": 32}
ORIGIN = {"experiment": "test", "seed": 0}
EVERY_CELL = ("--rand", 2, "--with-linear", "--batch-size", 4)


def network(architecture, seed):
    """A small network with random biases, whose predictions spread over its classes."""
    channels = 1 if architecture == "lenet" else 3
    net = build_network(architecture, 10, channels, 1.0 if channels == 1 else 0.0625, stream(seed, "x"))
    with torch.no_grad():
        for layer in conv_layers(net).values():
            layer.bias.normal_(0, 0.1, generator=stream(seed, "bias"))
    return net.eval()


def shape_of(architecture):
    return (1, 28, 28) if architecture == "lenet" else (3, 32, 32)


def weights_of(net, linear=False):
    return own_weights(resettable_layers(net, linear))


def changed(trained, name, weights):
    """A copy of a network with other weights in one layer."""
    copy = deepcopy(trained)
    layer = copy.get_submodule(name)
    layer.weight.data = weights[0]
    if weights[1] is not None:
        layer.bias.data = weights[1]
    return copy


@pytest.mark.parametrize(("architecture", "linear"), [("vgg11", False), ("lenet", True)])
@pytest.mark.parametrize("memory", [1, 512])
def test_every_cell_equals_a_whole_evaluation(architecture, linear, memory):
    trained, earlier = network(architecture, 0), network(architecture, 1)
    shape = shape_of(architecture)
    images = torch.randn(30, *shape, generator=stream(3, "images"))
    with torch.inference_mode():
        before = trained(images).argmax(1)
    # The trained network gets two of three images right; the others have one label of each class.
    labels = torch.where(torch.arange(30) % 3 > 0, before, torch.arange(30) // 3)
    description = {**DESCRIPTION, "channels": shape[0]}
    settings = {**SETTINGS, "architecture": architecture, "width": 1.0 if architecture == "lenet" else 0.0625}
    resets = {
        "0": weights_of(earlier, linear),
        "random": fresh_weights(settings, description, 0, linear=linear),
    }
    resetter = Resetter(trained, resets, shape, linear)
    batches = zip(images.split(8), labels.split(8), strict=True)
    baseline, cells = count_correct(resetter, batches, memory=memory)
    assert baseline == int((before == labels).sum())
    assert len(cells) == 2 * len(resettable_layers(trained, linear))
    for cell in cells:
        net = changed(trained, cell.name, resets[cell.reset_to][cell.name])
        with torch.inference_mode():
            after = net(images).argmax(1)
        assert cell.correct == int((after == labels).sum()), cell
        assert cell.lost == int(((before == labels) & (after != labels)).sum()), cell
        assert cell.gained == int(((before != labels) & (after == labels)).sum()), cell
        assert list(resettable_layers(trained, linear))[cell.layer - 1] == cell.name
        assert cell.kind == ("linear" if cell.name.startswith("classifier") else "convolution")
    assert any(cell.gained for cell in cells)


@pytest.mark.parametrize("architecture", ["vgg11", "lenet"])
def test_prefix_caching_gives_the_bits_of_whole_forward_passes(architecture):
    trained = network(architecture, 0)
    images = torch.randn(16, *shape_of(architecture))
    resets = {str(seed): weights_of(network(architecture, seed)) for seed in (1, 2, 3)}
    resetter = Resetter(trained, resets, shape_of(architecture))
    # Room for one reset at a time, so that only the shared activations differ from a plain evaluation.
    for (layer, key), logits in resetter.logits(images, memory=0):
        net = trained if (layer, key) == TRAINED else changed(trained, layer, resets[key][layer])
        with torch.inference_mode():
            assert torch.equal(logits, net(images)), layer


def test_several_resets_at_once_predict_the_same_as_one_at_a_time():
    trained = network("vgg11", 0)
    images = torch.randn(16, 3, 32, 32)
    resets = {str(seed): weights_of(network("vgg11", seed)) for seed in (1, 2, 3)}
    resetter = Resetter(trained, resets, (3, 32, 32))
    for (key, one), (same_key, several) in zip(
        resetter.logits(images, 0), resetter.logits(images, 4096), strict=True
    ):
        assert key == same_key
        assert torch.equal(one.argmax(1), several.argmax(1))
        assert torch.allclose(one, several, rtol=1e-5, atol=1e-6)


def test_memory_bounds_the_rows_that_go_through_at_once():
    resetter = Resetter(network("vgg11", 0), {}, (3, 32, 32))
    # The first convolution of an eighth of the width: 3 and 4 channels of 32 x 32 floats.
    assert resetter.steps[0].bytes == 4 * 2 * 4 * 32 * 32
    assert resetter.batch_size(128, memory=1) == 2**20 // (4 * 2 * 4 * 32 * 32)
    assert resetter.batch_size(8, memory=1) == 8
    assert resetter.batch_size(8, memory=0) == 1


def test_resetting_to_the_trained_weights_is_not_computed_and_changes_nothing():
    trained = network("vgg11", 0)
    images, labels = torch.randn(20, 3, 32, 32), torch.randint(0, 10, (20,))
    resetter = Resetter(trained, {"2": weights_of(trained)}, (3, 32, 32))
    assert [key for key, _ in resetter.logits(images, 512)] == [TRAINED]
    baseline, cells = count_correct(resetter, [(images, labels)])
    assert {cell.correct for cell in cells} == {baseline}
    rows = reinit_rows(baseline, cells, 20, ORIGIN)
    assert len(rows) == 8
    assert {(r["lost"], r["gained"], r["drop_low"], r["drop_high"]) for r in rows} == {(0, 0, 0.0, 0.0)}


def test_rows_hold_the_drop_and_its_paired_interval():
    trained, earlier = network("vgg11", 0), network("vgg11", 1)
    images = torch.randn(40, 3, 32, 32)
    with torch.inference_mode():
        labels = trained(images).argmax(1)
    resetter = Resetter(trained, {"0": weights_of(earlier)}, (3, 32, 32))
    baseline, cells = count_correct(resetter, [(images, labels)])
    for row in reinit_rows(baseline, cells, 40, ORIGIN):
        assert tuple(row) == COLUMNS
        assert row["drop"] == pytest.approx((row["lost"] - row["gained"]) / 40)
        assert row["relative_drop"] == row["drop"]
        assert row["drop_low"] <= row["drop"] <= row["drop_high"]


@pytest.mark.parametrize("linear", [False, True])
def test_a_folded_classifier_gives_the_same_predictions_under_every_reset(linear):
    trained, earlier = network("vgg11", 0).double(), network("vgg11", 1).double()
    images = torch.randn(20, 3, 32, 32, dtype=torch.float64)
    resets = {"0": weights_of(earlier, linear)}
    folded_network = deepcopy(trained)
    folded = fold_all(folded_network, resets, (3, 32, 32))
    assert folded_network.classifier[0].in_features == 32
    for (layer, key), logits in Resetter(folded_network, folded, (3, 32, 32), linear).logits(images, 512):
        net = trained if (layer, key) == TRAINED else changed(trained, layer, resets[key][layer])
        with torch.inference_mode():
            assert torch.allclose(logits, net(images), rtol=0, atol=1e-12), layer


def test_fresh_weights_are_independent_of_the_run_and_of_each_other():
    first, again, other, second = (
        fresh_weights(SETTINGS, DESCRIPTION, *draw) for draw in ((0,), (0, 1), (1,), (0, 2))
    )
    with_linear = fresh_weights(SETTINGS, DESCRIPTION, 0, linear=True)
    initial = weights_of(build_network("vgg11", 10, 3, 0.0625, stream(0, "initialisation")))
    for name, (weight, bias) in first.items():
        assert torch.equal(weight, again[name][0])
        assert torch.equal(weight, with_linear[name][0])
        for different in (other, second, initial):
            assert not torch.equal(weight, different[name][0])
        assert not bias.any()
    assert with_linear.keys() - first.keys() == {f"classifier.{place}" for place in (0, 3, 6)}


def broken(change):
    """Weights of another vgg11, changed."""
    weights = weights_of(network("vgg11", 1))
    change(weights)
    return weights


def with_nan(weights):
    weights["features.3"][0][5, 0, 0, 0] = torch.nan


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            weights_of(build_network("vgg11", 10, 3, 0.125, stream(0, "x"))),
            "reset to 0: layer features.0 has shape 8x3x3x3, the network's has 4x3x3x3; the snapshot is of",
        ),
        (weights_of(build_network("vgg13", 10, 3, 0.0625, stream(0, "x"))), "has no layer features.3; the"),
        (broken(lambda weights: weights.update(conv=weights["features.0"])), "has a layer conv, the network"),
        (
            broken(lambda weights: weights.update({"features.0": (weights["features.0"][0], None)})),
            "layer features.0 has no bias, unlike the network's",
        ),
        (broken(with_nan), "layer features.3 has NaN or infinite weights in filter 5"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights, message):
    with pytest.raises(InputError, match=message):
        Resetter(network("vgg11", 0), {"0": weights}, (3, 32, 32))


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [
        ("resnet18", (3, 40, 40)),
        ("vgg11bn", (3, 32, 32)),
        ("mobilenet_v2", (3, 40, 40)),
        ("mlp_bn", (3, 6, 6)),
    ],
)
def test_any_network_predicts_as_in_whole_forward_passes(architecture, shape):
    """Residual blocks, grouped convolutions, layers without bias, batch norm, no convolution."""
    width = 1 if architecture == "mobilenet_v2" else 0.125
    trained, earlier = (
        build_network(architecture, 5, 3, width, stream(seed, "x"), size=shape[1:]).eval() for seed in (0, 1)
    )
    # Statistics of batch norm as after training.
    for module in trained.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    images = torch.randn(4, *shape)
    resets = {"0": weights_of(earlier, True), "1": weights_of(trained, True)}
    names = list(resets["0"])
    resetter = Resetter(trained, resets, shape, linear=True)
    assert set(resetter.layers) == set(names)
    found = list(resetter.logits(images, 512))
    assert {key for key, _ in found} == {*((name, "0") for name in names), TRAINED}
    # Of the many layers of MobileNet, some.
    for (layer, key), logits in found[:: 7 if architecture == "mobilenet_v2" else 1]:
        net = trained if (layer, key) == TRAINED else changed(trained, layer, resets[key][layer])
        with torch.inference_mode():
            assert torch.allclose(logits, net(images), rtol=1e-5, atol=1e-6), layer


def test_networks_without_convolutions_and_unfit_images_are_refused():
    linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))
    with pytest.raises(InputError, match="no convolutions; give --with-linear"):
        Resetter(linear, {}, (3, 2, 2))
    with pytest.raises(InputError, match=r"images of shape \(1, 32, 32\) \(C, H, W\) do not fit"):
        Resetter(network("vgg11", 0), {}, (1, 32, 32))


def test_records_continue_after_the_last_whole_line(tmp_path):
    right = torch.tensor([True, False, True]).numpy()
    records = Records(tmp_path, "mark")
    records.add(0, ("a", "0"), right)
    records.add(0, TRAINED, ~right)
    records.add(3, ("a", "0"), right)
    records.close()
    path = tmp_path / RECORDS_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    records = Records(tmp_path, "mark")
    assert records.images == 3
    assert records.has(0, ("a", "0"))
    assert not records.has(3, ("a", "0"))
    records.add(3, ("a", "0"), right)
    records.add(3, TRAINED, right)
    records.close()
    again = Records(tmp_path, "mark")
    assert again.images == 6
    assert again.correct(("a", "0")) == 4
    assert again.lost_and_gained(("a", "0")) == (1, 2)
    assert path.read_bytes().startswith(whole)
    assert Records(tmp_path, "other").images == 0


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory):
    """A data set, and a run trained on it for one epoch."""
    folder = tmp_path_factory.mktemp("reinit")
    write_dataset(make_dataset(test=200), folder / "data", "shades", {"source": "test"})
    settings = {**TRAINING, "epochs": 1, "snapshots": [0, 1]}
    command = [sys.executable, SCRIPTS / "train.py", "--experiment", "test", "--seed", "0"]
    command += ["--settings", json.dumps(settings), "--dataset", folder / "data", "--output", folder / "run"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, env=environment())
    return folder


def start(run, output, *options):
    """Start reinit_layers.py on both snapshots of a run, in a process of its own."""
    snapshots = [run / f"run/snapshots/epoch={epoch}.safetensors" for epoch in (0, 1)]
    command = [sys.executable, SCRIPTS / "reinit_layers.py", "--run", run / "run", "--dataset", run / "data"]
    command += ["--snapshots", *snapshots, "--output", output, *options]
    return subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True, env=environment())


def rows_of(path):
    """Read the rows of a table as text."""
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def every_cell(trained_run):
    """The table of all kinds of resets of the run."""
    output = trained_run / "every.csv"
    process = start(trained_run, output, *EVERY_CELL)
    assert process.wait() == 0, process.stderr.read()
    return output


def test_a_killed_program_goes_on_and_ends_in_the_same_bytes(trained_run, every_cell, tmp_path):
    output = tmp_path / "seed=0.csv"
    process = start(trained_run, output, *EVERY_CELL)
    records = tmp_path / ".seed=0.progress" / RECORDS_FILE
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (not records.is_file() or records.stat().st_size < 20_000):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not output.exists()
    process = start(trained_run, output, *EVERY_CELL)
    assert process.wait() == 0
    done = int(re.search(r"continuing after image (\d+) of 200", process.stderr.read())[1])
    assert 0 < done < 200
    assert output.read_bytes() == every_cell.read_bytes()
    assert not records.parent.exists()


def test_program_resets_linear_layers_and_draws_several_times(every_cell):
    rows = rows_of(every_cell)
    counts = Counter((row["reset_to"], row["kind"]) for row in rows)
    linear = {("0", "linear"): 3, ("random", "linear"): 3, ("random-2", "linear"): 3}
    assert counts == {**linear, **{(key, "convolution"): 8 for key in ("0", "1", "random", "random-2")}}
    # Epoch 1 is the trained network.
    assert {row["drop"] for row in rows if row["reset_to"] == "1"} == {"0.0"}


def test_program_refuses_data_of_others(trained_run, tmp_path):
    write_dataset(make_dataset(seed=1), tmp_path / "other", "other", {"source": "test"})
    process = start(trained_run, tmp_path / "x.csv", "--dataset", tmp_path / "other")
    assert process.wait() == 1
    assert "data set other is not the one that" in process.stderr.read()
    assert list(tmp_path.iterdir()) == [tmp_path / "other"]


def test_program_resets_the_first_linear_layer_with_the_full_matrix(trained_run, every_cell):
    """Resetting the folded layer to epoch 0, against the full network of the run."""
    row = next(row for row in rows_of(every_cell) if row["name"] == "classifier.0")
    net = build_network("vgg11", 4, 3, 0.0625, stream(0, "initialisation"))
    initial = weights_of(net, linear=True)["classifier.0"]
    initial = tuple(tensor.clone() for tensor in initial)
    net.load_state_dict(load_file(trained_run / "run/final.safetensors"))
    data = make_dataset(test=200)
    description = json.loads((trained_run / "data/dataset.json").read_text())
    mean, std = (torch.tensor(description[key])[:, None, None] for key in ("mean", "std"))
    images = (torch.from_numpy(data.test_images) / 255 - mean) / std
    net = changed(net.eval(), "classifier.0", initial)
    with torch.inference_mode():
        after = net(images).argmax(1)
    assert float(row["accuracy"]) == (after == torch.from_numpy(data.test_labels)).float().mean().item()
