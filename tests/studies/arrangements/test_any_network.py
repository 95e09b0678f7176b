"""Projections of any network against the explicit matrix of each layer."""

from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

import anatomy
from anatomy.networks.build import build_network
from anatomy.networks.forward import conv_layers
from anatomy.reporting.statistics import binomial_interval
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.runtime.torchvision_import import models
from anatomy.studies.arrangements.projections import CHUNK, sums_and_norms


def rows_by_channel(layer, input_shape):
    """Rows of a layer's matrix (F, outputs, inputs), as the responses to every unit vector show them."""
    size = prod(input_shape)
    with torch.no_grad():
        basis = torch.eye(size, dtype=torch.float64).reshape(size, *input_shape)
        responses = layer.double()(basis)
    return responses.flatten(2).permute(1, 2, 0).numpy()


def directions(rows):
    """Cosines with the ones of those rows that have most weights: no padding cuts them."""
    weights = (rows != 0).sum(1)
    inside = rows[weights == weights.max()]
    return inside.sum(1) / (np.linalg.norm(inside, axis=1) * np.sqrt(rows.shape[1]))


@st.composite
def layers(draw):
    groups = draw(st.sampled_from([1, 2]))
    channels, filters = (groups * draw(st.integers(1, 3)) for _ in range(2))
    kernel = tuple(draw(st.integers(1, 3)) for _ in range(2))
    options = {
        "groups": groups,
        "stride": tuple(draw(st.integers(1, 3)) for _ in range(2)),
        "dilation": tuple(draw(st.integers(1, 2)) for _ in range(2)),
        "padding": tuple(draw(st.integers(0, side - 1)) for side in kernel),
        "bias": False,
    }
    torch.manual_seed(draw(st.integers(0, 2**31)))
    return channels, filters, kernel, options


@settings(max_examples=60, deadline=None)
@given(layers())
def test_cosines_of_any_convolution_are_those_of_its_rows(layer):
    channels, filters, kernel, options = layer
    convolution = nn.Conv2d(channels, filters, kernel, **options)
    shape = (channels, 8, 9)
    table = anatomy.projections(convolution, image_shape=shape)
    assert table["filter"].tolist() == list(range(filters)) and not table["phase"].any()
    for row, cosine in zip(rows_by_channel(convolution, shape), table["cosine"], strict=True):
        found = directions(row)
        np.testing.assert_allclose(found, np.full(len(found), cosine), rtol=0, atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(layers())
def test_rows_of_a_transposed_convolution_are_those_of_its_phases(layer):
    channels, filters, kernel, options = layer
    convolution = nn.ConvTranspose2d(channels, filters, kernel, **options)
    shape = (channels, 6, 5)
    table = anatomy.projections(convolution, image_shape=shape)
    # Inner outputs see all the inputs that any output sees.
    for index, rows in enumerate(rows_by_channel(convolution, shape)):
        own = table[table["filter"] == index]
        assert own["phase"].tolist() == list(range(len(own)))
        nonzero = rows[np.abs(rows).sum(1) > 0]
        found = nonzero.sum(1) / (np.linalg.norm(nonzero, axis=1) * np.sqrt(nonzero.shape[1]))
        # Every phase occurs among the rows, and every row that padding does not cut is one.
        for cosine in own["cosine"]:
            assert np.abs(found - cosine).min() < 1e-7
    if options["stride"] == (1, 1):
        assert not table["phase"].any() and len(table) == filters


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_outputs_of_a_transposed_convolution_take_turns(stride):
    torch.manual_seed(stride)
    layer = nn.ConvTranspose2d(2, 3, 4, stride=stride, bias=False)
    table = anatomy.projections(layer, image_shape=(2, 9, 9))
    rows = rows_by_channel(layer, (2, 9, 9)).reshape(3, 9 * stride + 4 - stride, -1, 162)
    inside = rows[:, 4 * stride : 5 * stride, 4 * stride : 5 * stride].reshape(-1, 162)
    expected = inside.sum(1) / (np.linalg.norm(inside, axis=1) * np.sqrt(162))
    np.testing.assert_allclose(table["cosine"], expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("dimensions", ["1d", "3d"])
def test_convolutions_of_one_and_three_dimensions(dimensions):
    layer, shape = {"1d": (nn.Conv1d(2, 3, 3), (2, 9)), "3d": (nn.Conv3d(2, 3, 2), (2, 4, 4, 4))}[dimensions]
    layer.bias.data.zero_()
    table = anatomy.projections(layer, image_shape=shape)
    for row, cosine in zip(rows_by_channel(layer, shape), table["cosine"], strict=True):
        np.testing.assert_allclose(directions(row), cosine, atol=1e-7)


def test_linear_layers_on_request():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(1), nn.Linear(8, 3))
    assert anatomy.projections(network)["name"].unique().tolist() == ["0"]
    table = anatomy.projections(network, image_shape=(1, 4, 4), with_linear=True)
    weight = network[2].weight.detach().double().numpy()
    expected = weight.sum(1) / (np.linalg.norm(weight, axis=1) * np.sqrt(8))
    linear = table[table["kind"] == "linear"]
    np.testing.assert_allclose(linear["cosine"], expected, atol=1e-7)
    np.testing.assert_allclose(linear["projection"], expected, atol=1e-7)


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "mobilenet_v2", "shufflenet_v2_x0_5"])
def test_networks_of_torchvision(name, tmp_path):
    torch.manual_seed(0)
    network = models.get_model(name)
    table = anatomy.projections(network, image_shape=(3, 64, 64))
    expected = {n: m.weight.detach().double() for n, m in conv_layers(network).items()}
    assert set(table["name"]) == set(expected)
    for layer, rows in table.groupby("name"):
        sums = expected[layer].sum((1, 2, 3))
        norms = expected[layer].square().sum((1, 2, 3)).sqrt()
        ratio = expected[layer][0].numel() ** 0.5
        np.testing.assert_allclose(rows["projection"], sums / norms / ratio, rtol=0, atol=1e-7)
        assert ((rows["projection"] <= 0) == (sums.numpy() <= 0)).all()

    torch.save({"state_dict": network.state_dict()}, tmp_path / "x.pt")
    save_file(network.state_dict(), tmp_path / "x.safetensors")
    for path in (tmp_path / "x.pt", str(tmp_path / "x.safetensors")):
        read = anatomy.projections(path, architecture=name, image_shape=(3, 64, 64))
        np.testing.assert_array_equal(read["cosine"], table["cosine"])
        alone = anatomy.projections(path).set_index(["name", "filter"])["projection"]
        known = table.set_index(["name", "filter"])["projection"]
        np.testing.assert_array_equal(alone.loc[known.index], known)
        assert anatomy.projections(path)["cosine"].isna().all()


def broken_network():
    network = nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 2, 1))
    with torch.no_grad():
        network[0].weight[0] = 0
        network[0].weight[1, 0, 0, 0] = torch.nan
        network[0].weight[2, 0, 0, 0] = torch.inf
        network[0].weight[3] = -1
        network[0].weight[4:] = 1
    return network


def test_summary_counts_what_has_no_cosine_and_has_exact_intervals(capsys):
    table = anatomy.projections(broken_network())
    assert "layer 1 (0) has NaN or infinite weights in 2 of 6 filters (index 1, 2)" in capsys.readouterr().err
    assert table["status"][:4].tolist() == ["zero", "not finite", "not finite", "defined"]
    assert table["projection"].isna().sum() == 3
    summary = anatomy.summarise(table)
    first = summary.iloc[0]
    assert first[["filters", "undefined", "not_finite", "negative"]].tolist() == [6, 1, 2, 1]
    assert first["n_l"] == pytest.approx(1 / 3)
    low, high = binomial_interval(1, 3)
    assert (first["low"], first["high"]) == (pytest.approx(float(low)), pytest.approx(float(high)))
    assert first["p_value"] == 1
    assert first["projection"] == pytest.approx((-1 + 1 + 1) / 3)


def test_a_layer_without_any_cosine_has_no_n_l():
    network = nn.Conv2d(2, 3, 3)
    nn.init.zeros_(network.weight)
    (row,) = anatomy.summarise(anatomy.projections(network)).to_dict("records")
    assert row["undefined"] == 3 and np.isnan(row["n_l"]) and np.isnan(row["p_corrected"])


def test_distances_from_initialisation(tmp_path):
    networks = [build_network("vgg11", 4, 3, 0.0625, stream(seed, "x"), "kaiming") for seed in (0, 1)]
    for name, network in zip("ab", networks, strict=True):
        torch.save(network.state_dict(), tmp_path / f"{name}.pt")
    table = anatomy.distances(tmp_path / "b.pt", networks[0], with_linear=True)
    assert len(table) == 11
    for row in table.itertuples():
        w0, w1 = (network.get_submodule(row.name).weight.detach().double() for network in networks)
        assert row.l2 == pytest.approx((torch.linalg.norm(w1 - w0) / torch.linalg.norm(w0)).item())
        assert row.l_inf == pytest.approx(((w1 - w0).abs().max() / w0.abs().max()).item())
    with pytest.raises(InputError, match=r"layer 1, features.0, has shape .* in the initial network"):
        anatomy.distances(networks[0], build_network("vgg11", 4, 3, 0.125, stream(0, "x"), "kaiming"))


def test_a_module_that_indexes_what_images_lack_refuses_them():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, images):
            return self.conv(images).mean((2, 3))

    with pytest.raises(InputError, match=r"images of shape \(28, 28\) \(C, H, W\) do not fit this network"):
        anatomy.projections(Pooled(), image_shape=(28, 28))


def test_arrays_with_other_names_are_named(tmp_path, capsys):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 3)))
    network.append(nn.MultiheadAttention(4, 2))
    torch.save(network.state_dict(), tmp_path / "x.pt")
    assert set(anatomy.projections(tmp_path / "x.pt")["name"]) == {"0"}
    message = capsys.readouterr().err
    assert "2 arrays are not measured (1.parametrizations.weight.original0, 1.param" in message
    anatomy.projections(tmp_path / "x.pt", with_linear=True)
    assert "3 arrays" in (message := capsys.readouterr().err) and "2.in_proj_weight" in message


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (nn.Conv2d(3, 4, 3), (32, 32)),
        (nn.Conv1d(2, 3, 5), (2, 4)),
        (nn.Conv1d(2, 3, 5), (3, 9)),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2)), 32),
    ],
)
def test_images_that_do_not_fit_a_module_are_refused(network, shape):
    with pytest.raises(InputError, match=r"images of shape .* \(C, H, W\) do not fit this network"):
        anatomy.projections(network, image_shape=shape)


def test_a_module_without_layers_is_refused():
    with pytest.raises(InputError, match="this ReLU has no convolutions"):
        anatomy.projections(nn.ReLU(), image_shape=(3, 8, 8))
    with pytest.raises(InputError, match="this ReLU has neither convolutions nor linear layers"):
        anatomy.projections(nn.ReLU(), with_linear=True)


@pytest.mark.parametrize(
    ("source", "message"),
    [(3, "a int cannot be measured"), (nn.Linear(3, 4), "has no convolutions"), ("no.pt", "does not exist")],
)
def test_what_cannot_be_measured_is_refused(source, message):
    with pytest.raises(InputError, match=message):
        anatomy.projections(source)


@pytest.mark.parametrize(
    ("architecture", "width", "message"),
    [
        ("vgg13", 0.0625, "is not a vgg13: convolution 2, features.2, is missing"),
        ("vgg11", 1.0, r"convolution 1, features.0, has shape \(4, 3, 3, 3\), expected \(64, 3, 3, 3\)"),
        ("vgg12", 1.0, "'vgg12' is not an architecture, did you mean vgg1"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(architecture, width, message, tmp_path):
    torch.save(
        build_network("vgg11", 4, 3, 0.0625, stream(0, "x"), "kaiming").state_dict(), tmp_path / "x.pt"
    )
    with pytest.raises(InputError, match=message):
        anatomy.projections(tmp_path / "x.pt", architecture=architecture, width=width)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 5000),
    st.sampled_from([0.0, 1e-4, 0.3, 3.0, 100.0]),
    st.sampled_from([1e-30, 1e-20, 1.0, 1e18, 1e25]),
    st.integers(0, 2**31),
)
def test_cosines_of_large_layers_are_right_to_1e_7_and_their_signs_exact(width, size, shift, scale, seed):
    generator = np.random.default_rng(seed)
    filters = (generator.normal(size=(CHUNK // size + width, size)) + shift).astype(np.float32)
    filters *= np.float32(scale)
    assert filters.size > CHUNK
    # Rows whose sums cancel, all or nearly.
    filters[0, : size // 2 * 2] = np.repeat(filters[0, : size // 2], 2) * np.tile([1, -1], size // 2)
    sums, norms = sums_and_norms(filters)
    exact = filters.astype(np.float64)
    expected = exact.sum(1) / np.sqrt((exact**2).sum(1) * size)
    np.testing.assert_allclose(sums / norms / np.sqrt(size), expected, rtol=0, atol=1e-7)
    assert ((sums <= 0) == (exact.sum(1) <= 0)).all()
