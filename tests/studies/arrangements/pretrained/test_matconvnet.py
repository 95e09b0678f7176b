"""MatConvNet's networks in each of their formats, read, compared and refused."""

import pickle

import numpy as np
import pytest
import torch
from released_files import ALEXNET_INPUTS, ORIGIN, cell, filters, refusal, save_alexnet, simplenn
from scipy.io import savemat
from torch import nn

from anatomy.checkpoints.snapshots import LayerGeometry
from anatomy.studies.arrangements.pretrained.matconvnet import read_matconvnet
from anatomy.studies.arrangements.pretrained.read import require_filters
from anatomy.studies.arrangements.projections import layer_statistics, snapshot_statistics


@pytest.mark.parametrize("file_format", ["simplenn", "old", "dagnn"])
def test_alexnet_of_matconvnet_is_read_in_each_of_its_formats(file_format, tmp_path):
    weights = save_alexnet(tmp_path / "alex.mat", file_format)
    snapshot = read_matconvnet(tmp_path / "alex.mat", ORIGIN)
    require_filters(tmp_path / "alex.mat", "alexnet", snapshot)
    assert [layer.name for layer in snapshot.layers] == [f"conv{n}" for n in range(1, 6)]
    assert [layer.input_shape for layer in snapshot.layers] == ALEXNET_INPUTS
    assert [(layer.stage, layer.block) for layer in snapshot.layers] == [
        (0, 0),
        (1, 0),
        (2, 0),
        (2, 1),
        (2, 2),
    ]
    for position, (weight, statistics) in enumerate(
        zip(weights, snapshot_statistics(snapshot), strict=True), 1
    ):
        np.testing.assert_array_equal(snapshot.arrays[f"conv{position}.weight"], weight)
        assert snapshot.arrays[f"conv{position}.bias"].tolist() == [position] * len(weight)
        exact = weight.astype(np.float64)
        assert statistics.n_l == (exact.sum((1, 2, 3)) <= 0).mean()
        norms = np.sqrt((exact**2).sum((1, 2, 3)) * np.prod(ALEXNET_INPUTS[position - 1]))
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
    require_filters(tmp_path / "vgg.mat", "vgg11", snapshot)
    sides = [224, 112, 56, 56, 28, 28, 14, 14]
    assert [g.input_shape for g in snapshot.layers] == [
        (s[1], n, n) for s, n in zip(shapes, sides, strict=True)
    ]
    message = refusal(require_filters, tmp_path / "vgg.mat", "vgg16", snapshot)
    assert "vgg.mat is not a vgg16: convolution 2, conv2, has shape (128, 64, 3, 3), expected" in message
    assert "(64, 64, 3, 3)" in message
    assert "convolution 1, conv1, has shape" in refusal(
        require_filters, tmp_path / "vgg.mat", "alexnet", snapshot
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


def with_filters(filters):
    return {**TWICE, "weights": cell([filters, []])}


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
        ({"layers": cell([{**TWICE, "stride": -1.0}])}, "stride is [-1.0, -1.0]; expected whole numbers"),
        ({"layers": cell([{**TWICE, "stride": 1.5}])}, "stride is [1.5, 1.5]; expected whole numbers"),
        ({"layers": cell([{**TWICE, "pad": np.nan}])}, "pad is [nan, nan, nan, nan]; expected whole numbers"),
        ({"layers": cell([{**TWICE, "pad": 1e30}])}, "pad is [1e+30"),
        ({"layers": cell([with_filters(np.ones((3, 3, 3, 3)) * 1j)])}, "c has weights of type complex128"),
        ({"layers": cell([with_filters(np.array(["text"]))])}, "c has weights of type <U4"),
        ({"layers": cell([with_filters(np.ones((3, 3, 3, 0)))])}, "c has no filters"),
        (
            {"layers": cell([TWICE, {**with_filters(np.ones((3, 3, 2, 3))), "name": "d"}])},
            "d has filters of shape (3, 2, 3, 3), its input 3 channels",
        ),
        (
            {"layers": cell([TWICE]), "meta": {"normalization": {"imageSize": [2.0, 9.0]}}},
            "nothing is left of an image after c",
        ),
        (
            {"layers": cell([TWICE]), "meta": {"normalization": {"imageSize": [np.inf, 3.0]}}},
            "imageSize is [inf, 3.0]; expected whole numbers",
        ),
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
