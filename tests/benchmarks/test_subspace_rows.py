"""The published way that subspaces are timed against computes the same."""

import pytest
import torch
from torch.nn.functional import cross_entropy

import anatomy
from anatomy.networks.build import build_network
from anatomy.networks.subspace import Subspace, draw_pairs
from anatomy.runtime.streams import stream
from plain_subspace import PlainSubspace, calibration_error, sweep


def networks(count):
    return [
        build_network("cifar_resnet_8", 5, 3, 0.5, stream(seed, "a"), "published").double()
        for seed in range(count)
    ]


def data(count=16):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 3, 16, 16, dtype=torch.float64, generator=generator), torch.arange(count) % 5


@pytest.mark.parametrize("corners", [2, 3])
def test_a_step_has_the_same_gradients(corners):
    images, labels = data()
    point = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)[:corners]
    point = point / point.sum()
    plain = PlainSubspace(networks(1)[0], networks(corners)).train()
    plain.move(point.tolist())
    (cross_entropy(plain(images), labels) + plain.cosine(0, 1)).backward()
    ours = Subspace(networks(1)[0], networks(corners), "simplex")
    ours.network.train()
    ours.backward(point[None], lambda _: cross_entropy(ours.network(images), labels))
    pair = torch.zeros(corners, corners, dtype=torch.float64)
    pair[0, 1] = pair[1, 0] = 1
    assert corners > 2 or torch.equal(pair, draw_pairs(2, 1, stream(0, "pairs"))[0])
    ours.keep_apart(1.0, pair)
    for index, corner in enumerate(ours.corners):
        found = dict(corner.named_parameters())
        for name, layer in plain.network.named_modules():
            if layer in plain.layers:
                for part in layer.names:
                    gradient = getattr(layer, f"{part}{index}").grad
                    torch.testing.assert_close(found[f"{name}.{part}"].grad, gradient, rtol=1e-8, atol=1e-12)


def test_a_sweep_has_the_same_values():
    images, labels = data(32)
    batches = list(images.split(8))
    rows = sweep(PlainSubspace(networks(1)[0], networks(2)), batches, batches, labels, 3)
    between = anatomy.line(*networks(2))
    between.recalibrate(batches, points=3)
    table = between.sweep(batches, labels)
    single = table[table["members"] == 1].set_index("alpha")
    pair = table[(table["evaluation"] == "pair") & (table["combined"] == "logits")].iloc[0]
    alpha, first, second, both, *_, distance, error, _, together = rows[0]
    assert alpha == 0
    assert [first, second, both] == pytest.approx(
        [single.loc[0, "accuracy"], single.loc[1, "accuracy"], pair["accuracy"]]
    )
    assert rows[1][4] == pytest.approx(single.loc[0.5, "loss"], rel=1e-5)
    assert distance == pytest.approx(pair["total_variation"], rel=1e-4)
    assert [error, together] == pytest.approx([single.loc[0, "ece"], pair["ece"]], rel=1e-4)


def test_the_calibration_error_of_certain_predictions_is_how_often_they_are_wrong():
    certain = torch.eye(4)[torch.tensor([0, 1, 2, 3])]
    assert calibration_error(certain, torch.tensor([0, 1, 2, 0])) == pytest.approx(0.25)
