"""State dicts, snapshots and tables in the place of files; resets and figures of any network."""

from collections import OrderedDict
from copy import deepcopy

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from pandas.testing import assert_frame_equal
from torch import nn

import anatomy
from anatomy.__main__ import main
from anatomy.checkpoints.snapshots import Snapshot, load_snapshot, save_snapshot
from anatomy.networks.build import network_shape
from anatomy.networks.catalogue import side_problem
from anatomy.networks.family import families
from anatomy.networks.layouts import LayerGeometry
from anatomy.runtime.errors import InputError


def network(seed=0, channels=4):
    """Two convolutions and a linear layer."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, 6, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3),
    )  # fmt: skip


@pytest.fixture
def images():
    """Twenty images, and labels that the network gets right more often than not."""
    torch.manual_seed(7)
    pixels = torch.randn(20, 1, 8, 8)
    labels = network()(pixels).argmax(1)
    labels[::5] = (labels[::5] + 1) % 3
    return pixels, labels


def test_a_state_dict_is_measured_as_its_file(tmp_path):
    own = network()
    torch.save(own.state_dict(), tmp_path / "own.pt")
    expected = anatomy.projections(tmp_path / "own.pt", with_linear=True)
    wrapped = {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in own.state_dict().items()}}
    arrays = {name: value.numpy() for name, value in own.state_dict().items()}
    for source in (own.state_dict(), wrapped, arrays):
        assert_frame_equal(anatomy.projections(source, with_linear=True), expected)
    assert_frame_equal(
        anatomy.projections(own, with_linear=True)["projection"].to_frame(), expected[["projection"]]
    )


def test_a_snapshot_is_measured_as_its_file(tmp_path):
    weight = np.random.default_rng(0).normal(size=(5, 2, 3, 3)).astype(np.float32)
    layers = [LayerGeometry(1, "conv", 0, 0, (2, 8, 8))]
    origin = {"architecture": "x", "dataset": "y", "experiment": "z", "seed": 0, "epoch": 1}
    save_snapshot(tmp_path / "epoch=1.safetensors", Snapshot({"conv.weight": weight}, layers, origin))
    snapshot = load_snapshot(tmp_path / "epoch=1.safetensors")
    table = anatomy.projections(snapshot)
    # Its layers are known, whatever is said of the images.
    assert_frame_equal(anatomy.projections(snapshot, image_shape=(3, 32, 32)), table)
    assert_frame_equal(table, anatomy.projections(tmp_path / "epoch=1.safetensors"))
    sums, norms = weight.sum((1, 2, 3)), np.linalg.norm(weight.reshape(5, -1), axis=1)
    assert np.allclose(table["cosine"], sums / norms / np.sqrt(2 * 8 * 8))


def test_half_precision_is_measured():
    own = network().to(torch.bfloat16)
    expected = [(w.float().sum((1, 2, 3)) <= 0).float().mean() for w in (own[0].weight, own[2].weight)]
    assert anatomy.summarise(own.state_dict())["n_l"].tolist() == pytest.approx([x.item() for x in expected])


def test_what_is_no_network_is_refused():
    with pytest.raises(InputError, match="this state dict holds a dict with the keys a and no tensors"):
        anatomy.projections({"a": 1})
    with pytest.raises(InputError, match="this state dict is not a vgg11"):
        anatomy.projections(network().state_dict(), architecture="vgg11")
    with pytest.raises(InputError, match=r"a int cannot be measured; expected an nn.Module, a state dict"):
        anatomy.projections(3)


def test_a_summary_takes_a_table_or_what_is_measured():
    own = network()
    table = anatomy.projections(own, with_linear=True)
    assert_frame_equal(anatomy.summarise(own, with_linear=True), anatomy.summarise(table))


@pytest.mark.parametrize("linear", [False, True])
def test_resets_are_those_of_plain_torch(images, linear):
    pixels, labels = images
    own, initial = network(), network(seed=1)
    before = deepcopy(own.state_dict())
    own.train()
    table = anatomy.reinitialise(
        own, pixels, labels, {"0": initial, "itself": own}, with_linear=linear, batch_size=8
    )
    assert own.training and all(torch.equal(before[name], value) for name, value in own.state_dict().items())
    trained = (own(pixels).argmax(1) == labels).float().mean().item()
    assert table["trained_accuracy"].unique() == pytest.approx([trained])
    assert list(dict.fromkeys(table["name"])) == ["0", "2", "6"][: 2 + linear]
    for row in table[table["reset_to"] == "0"].itertuples():
        changed = deepcopy(own)
        changed[int(row.name)].load_state_dict(initial[int(row.name)].state_dict())
        expected = (changed(pixels).argmax(1) == labels).float().mean().item()
        assert row.accuracy == pytest.approx(expected)
        assert row.drop == pytest.approx(trained - expected)
    assert (table.loc[table["reset_to"] == "itself", ["drop", "drop_low", "drop_high"]] == 0).all(axis=None)


class Negated(nn.Sequential):
    """Changes its inputs in place, and computes what it would of their negatives."""

    def forward(self, inputs):
        return super().forward(inputs.mul_(-1))


def test_a_network_that_changes_its_inputs_is_reset_as_one_that_does_not(images):
    pixels, labels = images
    given = pixels.clone()
    resets = {str(seed): network(seed).state_dict() for seed in (1, 2, 3)}
    found = anatomy.reinitialise(
        Negated(OrderedDict(network().named_children())), pixels, labels, resets, batch_size=8
    )
    assert torch.equal(pixels, given)
    assert_frame_equal(found, anatomy.reinitialise(network(), -pixels, labels, resets, batch_size=8))


def test_resets_within_inference_mode_are_those_outside(images):
    resets = {"0": network(1).state_dict()}
    with torch.inference_mode():
        found = anatomy.reinitialise(network(), *images, resets)
    assert_frame_equal(found, anatomy.reinitialise(network(), *images, resets))


def test_resets_to_a_file_are_those_to_its_state_dict(images, tmp_path):
    initial = network(seed=1)
    torch.save(initial.state_dict(), tmp_path / "initial.pt")
    sources = (initial, initial.state_dict(), tmp_path / "initial.pt")
    tables = [anatomy.reinitialise(network(), *images, {"0": source}) for source in sources]
    assert_frame_equal(tables[0], tables[1])
    assert_frame_equal(tables[0], tables[2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"to": {}}, "nothing to reset to"),
        ({"to": {"0": network(channels=5)}}, "reset to 0: layer 0 has shape 5x1x3x3"),
        ({"to": {"0": 3}}, "to: 0 is a int; expected an nn.Module"),
        ({"labels": torch.zeros(3)}, "and 3 labels; expected float images"),
        ({"images": torch.zeros(20, 1, 8, 8, dtype=torch.uint8)}, "expected float images"),
    ],
)
def test_wrong_resets_are_refused(images, change, message):
    given = {"images": images[0], "labels": images[1], "to": {"0": network(seed=1)}, **change}
    with pytest.raises(InputError, match=message):
        anatomy.reinitialise(network(), **given)


@pytest.mark.parametrize("form", ["module", "projections", "summary"])
def test_the_figure_shows_n_l_of_every_layer(form):
    own = network()
    table = anatomy.projections(own)
    summary = anatomy.summarise(table)
    figure = anatomy.plot({"module": own, "projections": table, "summary": summary}[form])
    points = np.concatenate([part.get_offsets() for part in figure.axes[0].collections[1:]])
    assert sorted(points.tolist()) == summary[["layer", "n_l"]].to_numpy().tolist()
    plt.close(figure)


def test_the_figure_of_resets_shows_their_drops(images):
    table = anatomy.reinitialise(network(), *images, {"0": network(seed=1), "2": network(seed=2)})
    figure = anatomy.plot(table)
    shown = figure.axes[0].images[0].get_array()
    assert np.allclose(shown, table["drop"].to_numpy().reshape(2, 2).T)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["0", "2"]
    plt.close(figure)


def test_the_command_writes_the_figure(tmp_path, capsys):
    torch.save(network().state_dict(), tmp_path / "own.pt")
    with pytest.raises(SystemExit) as status:
        main(["project", str(tmp_path / "own.pt"), "--plot", str(tmp_path / "own.png")])
    assert status.value.code == 0 and "n_l" in capsys.readouterr().out
    assert (tmp_path / "own.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--plot", "x.zzz"), "argument --plot: 'x.zzz'; expected a name that ends in .pdf, .png"),
        (("--plot", "x"), "argument --plot: 'x'; expected a name"),
        (("--architecture", "vgg11", "--image-shape", "3", "-5", "0"), "argument --image-shape: '-5'; expec"),
        (("--architecture", "vgg11", "--image-shape", "3", "1", "1"), "images of 1x1 px are too small"),
        (("--image-shape", "3", "32", "32"), "image_shape: nothing is known of a network without a name"),
    ],
)
def test_the_command_refuses_its_options(given, message, tmp_path, capsys):
    torch.save(network_shape("vgg11", 4, 3, 0.0625).to_empty(device="cpu").state_dict(), tmp_path / "own.pt")
    with pytest.raises(SystemExit) as status:
        main(["project", str(tmp_path / "own.pt"), *given])
    assert status.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize("shape", [(3, -5, 0), (3, 32), (3, 32, 32, 32), (3.0, 32, 32), (0, 32, 32), 32])
def test_a_shape_that_no_image_has_is_refused(shape):
    with pytest.raises(InputError, match="expected channels, height and width, whole numbers of at least 1"):
        anatomy.projections(network().state_dict(), architecture="vgg11", image_shape=shape)
    with pytest.raises(InputError, match=r"image_shape: \(1, 0, 9\)"):
        anatomy.projections(network(), image_shape=(1, 0, 9))


@pytest.mark.parametrize(
    ("architecture", "least"), [(n, f.least_side) for f in families() if f.least_side > 1 for n in f.names]
)
def test_images_are_too_small_as_they_are_for_the_configuration(architecture, least):
    own = network_shape(architecture, 4, 3, size=(least, least))
    weights = {name: np.ones(value.shape, np.float32) for name, value in own.state_dict().items()}
    assert side_problem(architecture, least) is None
    anatomy.projections(weights, architecture=architecture, image_shape=(3, least, least))
    for height, width in ((least - 1, least - 1), (1, least), (least, 1)):
        with pytest.raises(InputError, match=f"images of {width}x{height} px are too small"):
            anatomy.projections(weights, architecture=architecture, image_shape=(3, height, width))


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64])
def test_weights_that_are_no_floating_point_numbers_are_refused(dtype, tmp_path):
    masks = {name: value.to(dtype) for name, value in network().state_dict().items()}
    torch.save(masks, tmp_path / "masks.pt")
    kind = str(dtype).removeprefix("torch.")
    for source, named in ((masks, "this state dict"), (tmp_path / "masks.pt", "masks.pt")):
        with pytest.raises(InputError, match=f"{named}: 0.weight is {kind}; expected floating-point"):
            anatomy.projections(source)
    # What is not measured may be of any type.
    anatomy.projections({**network().state_dict(), "6.weight": masks["6.weight"]})
    own = network().requires_grad_(False)
    own[2].weight.data = masks["2.weight"]
    with pytest.raises(InputError, match=f"this Sequential: 2.weight is torch.{kind}; expected"):
        anatomy.projections(own)


@pytest.mark.parametrize("name", ["\ud800.weight", "\x1b[31mred.weight", "a\nb.weight"])
def test_names_that_a_terminal_would_obey_are_refused(name, tmp_path, capsys):
    torch.save({name: torch.ones(2, 2, 3, 3)}, tmp_path / "odd.pt")
    with pytest.raises(SystemExit) as status:
        main(["project", str(tmp_path / "odd.pt")])
    assert status.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"odd.pt: a tensor is called {name!r}; expected a name without control" in line


def test_what_is_said_of_a_network_without_a_name_is_refused():
    own = network().state_dict()
    with pytest.raises(InputError, match="image_shape and width: nothing is known of a network without a"):
        anatomy.projections(own, image_shape=(1, 8, 8), width=0.5)
    with pytest.raises(InputError, match="width: nothing is known"):
        anatomy.distances(own, own, width=0.5)
    with pytest.raises(InputError, match="image_shape: nothing is known"):
        anatomy.summarise(own, image_shape=(1, 8, 8))
