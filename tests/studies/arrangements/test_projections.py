"""Equations 1 and 2 against the explicit matrix of the convolution."""

import json

import numpy as np
import pytest
import torch
from conftest import SCRIPTS, run
from hypothesis import given, settings
from hypothesis import strategies as st

from anatomy.checkpoints.snapshots import Snapshot, load_snapshot, save_snapshot
from anatomy.networks.layouts import LayerGeometry
from anatomy.runtime.errors import InputError
from anatomy.runtime.files import read_json
from anatomy.studies.arrangements.projections import (
    layer_statistics,
    negative_fraction,
    snapshot_statistics,
    to_json,
)
from anatomy.studies.arrangements.projections_files import read_all
from anatomy.studies.arrangements.tables import n_l_table, pool


def measured(folder, *options):
    """Run measure_projections.py in a folder."""
    return run(SCRIPTS / "measure_projections.py", *options, folder=folder)


def explicit_matrix(weight, input_shape, stride, padding):
    """The matrix of the convolution, one row per output: (F, rows, C * H * W)."""
    size = int(np.prod(input_shape))
    basis = torch.eye(size, dtype=torch.float64).reshape(size, *input_shape)
    responses = torch.nn.functional.conv2d(
        basis, torch.from_numpy(weight).double(), stride=stride, padding=padding
    )
    return responses.permute(1, 2, 3, 0).flatten(1, 2).numpy()


def whole_rows(input_shape, kernel, stride, padding):
    """Rows whose receptive field lies inside the input, by counting the ones it covers."""
    ones = np.ones((1, input_shape[0], kernel, kernel))
    covered = explicit_matrix(ones, input_shape, stride, padding)[0].sum(1)
    return covered == input_shape[0] * kernel * kernel


@st.composite
def convolutions(draw):
    kernel = draw(st.integers(1, 4))
    shape = (draw(st.integers(1, 3)), draw(st.integers(kernel, 6)), draw(st.integers(kernel, 6)))
    filters = draw(st.integers(1, 4))
    seed = draw(st.integers(0, 2**32 - 1))
    weight = np.random.default_rng(seed).normal(size=(filters, shape[0], kernel, kernel))
    return weight.astype(np.float32), shape, draw(st.integers(1, 3)), draw(st.integers(0, 2))


@settings(max_examples=60, deadline=None)
@given(convolutions())
def test_cosines_are_those_of_the_rows_of_the_matrix(convolution):
    weight, shape, stride, padding = convolution
    geometry = LayerGeometry(1, "features.0", 0, 0, shape)
    statistics = layer_statistics(weight, geometry)

    inside = whole_rows(shape, weight.shape[2], stride, padding)
    rows = explicit_matrix(weight, shape, stride, padding)[:, inside]
    ones = np.ones(rows.shape[2])
    cosines = rows @ ones / (np.linalg.norm(rows, axis=2) * np.linalg.norm(ones))
    # Every row of a filter has the same cosine.
    expected = np.broadcast_to(statistics.cosines[:, None], cosines.shape)
    np.testing.assert_allclose(expected, cosines, rtol=0, atol=1e-7)
    if inside.any():
        assert statistics.n_l == (cosines[:, 0] <= 0).mean()


@settings(max_examples=60, deadline=None)
@given(convolutions())
def test_both_normalisations_agree_in_sign_and_n_l(convolution):
    weight, shape, _, _ = convolution
    statistics = layer_statistics(weight, LayerGeometry(1, "features.0", 0, 0, shape))
    flat = weight.astype(np.float64).reshape(len(weight), -1)
    restricted = flat.sum(1) / (np.linalg.norm(flat, axis=1) * np.sqrt(flat.shape[1]))
    np.testing.assert_allclose(statistics.projections, restricted, rtol=0, atol=1e-12)
    assert np.array_equal(np.sign(statistics.projections), np.sign(statistics.cosines))
    assert negative_fraction(statistics.projections) == statistics.n_l


@settings(max_examples=60, deadline=None)
@given(convolutions(), st.floats(0.1, 100))
def test_cosines_ignore_scale_and_change_sign_with_the_weights(convolution, scale):
    weight, shape, _, _ = convolution
    geometry = LayerGeometry(1, "features.0", 0, 0, shape)
    cosines = layer_statistics(weight, geometry).cosines
    scaled = layer_statistics((weight * scale).astype(np.float32), geometry).cosines
    np.testing.assert_allclose(scaled, cosines, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(layer_statistics(-weight, geometry).cosines, -cosines)
    assert np.abs(cosines).max() <= 1 + 1e-12


def test_a_tie_counts_as_negative():
    weight = np.array([[[[1.0, -1.0]]], [[[1.0, 1.0]]]], dtype=np.float32)
    statistics = layer_statistics(weight, LayerGeometry(1, "features.0", 0, 0, (1, 1, 2)))
    assert statistics.cosines.tolist() == [0.0, pytest.approx(1.0)]
    assert statistics.n_l == 0.5


def snapshot_of(weight, shape=(2, 5, 5)):
    layers = [LayerGeometry(1, "features.0", 0, 0, shape), LayerGeometry(2, "features.3", 1, 0, shape)]
    arrays = {f"{g.name}.weight": weight for g in layers} | {
        f"{g.name}.bias": np.zeros(len(weight), np.float32) for g in layers
    }
    origin = {"architecture": "test", "dataset": "none", "experiment": "x", "seed": 3, "epoch": 7}
    return Snapshot(arrays, layers, origin)


def test_json_has_the_authors_keys_and_a_flat_list():
    weight = np.random.default_rng(0).normal(size=(5, 2, 3, 3)).astype(np.float32)
    snapshot = snapshot_of(weight)
    statistics = snapshot_statistics(snapshot)
    content = json.loads(json.dumps(to_json(statistics, snapshot.origin), allow_nan=False))

    assert content["arch"] == "test"
    assert (content["epoch"], content["seed"]) == ("7", "3")
    assert set(content["1"]["0"]) == {"projections", "mass", "mean"}
    np.testing.assert_array_equal(
        np.float32(content["0"]["0"]["projections"]), np.float32(statistics[0].projections)
    )
    assert content["net"]["projections"] == content["0"]["0"]["projections"] * 2
    assert content["net"]["mass"] == pytest.approx((statistics[0].projections <= 0).mean())
    assert [layer["layer"] for layer in content["layers"]] == [1, 2]
    assert content["layers"][1]["n_l"] == content["1"]["0"]["mass"]
    np.testing.assert_array_equal(
        np.float32(content["layers"][0]["cosines"]), np.float32(statistics[0].cosines)
    )


def test_an_all_zero_filter_is_counted_and_left_out():
    weight = np.ones((3, 2, 3, 3), np.float32)
    weight[0], weight[1] = 0, -1
    snapshot = snapshot_of(weight)
    content = to_json(snapshot_statistics(snapshot), snapshot.origin)
    json.dumps(content, allow_nan=False)
    layer = content["layers"][0]
    assert (layer["undefined"], layer["n_l"], layer["cosines"][0]) == (1, 0.5, None)
    assert content["0"]["0"]["projections"][0] is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_filters_that_are_not_finite_are_named_counted_and_left_out(value, tmp_path):
    weight = np.ones((4, 2, 3, 3), np.float32)
    weight[0], weight[1], weight[2, 0, 0, 0] = 0, -1, value
    save_snapshot(tmp_path / "epoch=7.safetensors", snapshot_of(weight))
    result = measured(tmp_path, "--snapshots", tmp_path / "epoch=7.safetensors", "--output", tmp_path)
    assert result.returncode == 0
    one, two = result.stderr.splitlines()
    assert "warning: epoch=7.safetensors: layer 1 (features.0) has NaN or infinite weights in 1 of 4" in one
    assert "(index 2)" in one and "layer 2 (features.3)" in two
    content = read_json(tmp_path / "epoch=7.json")
    layer = content["layers"][0]
    assert (layer["filters"], layer["undefined"], layer["not_finite"], layer["n_l"]) == (4, 1, 1, 0.5)
    assert [cosine is None for cosine in layer["cosines"]] == [True, False, True, False]
    assert content["net"]["mass"] == 0.5

    table = n_l_table(read_all([tmp_path / "epoch=7.json"]))
    assert table["not_finite"].tolist() == [1, 1]
    pooled = pool(table)
    assert pooled["pooled_filters"].tolist() == [2, 2] and pooled["pooled_negative"].tolist() == [1, 1]


def test_snapshots_read_back_and_have_the_same_bytes_each_time(tmp_path):
    snapshot = snapshot_of(np.random.default_rng(0).normal(size=(5, 2, 3, 3)).astype(np.float32))
    for name in ("a", "b"):
        save_snapshot(tmp_path / name, snapshot)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    read = load_snapshot(tmp_path / "a")
    assert (read.layers, read.origin) == (snapshot.layers, snapshot.origin)
    for name, array in snapshot.arrays.items():
        np.testing.assert_array_equal(read.arrays[name], array)


def test_a_missing_or_damaged_snapshot_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"epoch=3.safetensors does not exist"):
        load_snapshot(tmp_path / "epoch=3.safetensors")
    path = tmp_path / "epoch=0.safetensors"
    save_snapshot(path, snapshot_of(np.ones((1, 2, 3, 3), np.float32)))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match=r"epoch=0.safetensors is not a safetensors file or is damaged"):
        load_snapshot(path)
