"""Resetting layers: shared activations against whole forward passes, and counts."""

import pytest
import torch
from reset_networks import changed, network, shape_of, task, weights_of

from anatomy.networks.build import build_network
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream
from anatomy.studies.arrangements.reinitialisation.measure import COLUMNS, reinitialisation_rows
from anatomy.studies.arrangements.reinitialisation.predictions import TRAINED
from anatomy.studies.arrangements.reinitialisation.resetter import Resetter, count_correct
from anatomy.studies.arrangements.reinitialisation.weights import fresh_weights, resettable_layers

ORIGIN = {"experiment": "test", "seed": 0}


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
    resets = {
        "0": weights_of(earlier, linear),
        "random": fresh_weights(task(architecture), linear=linear),
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
        assert cell.layer_type == ("linear" if cell.name.startswith("classifier") else "convolution")
    assert any(cell.gained for cell in cells)


@pytest.mark.parametrize("architecture", ["vgg11", "lenet"])
def test_prefix_caching_gives_the_bits_of_whole_forward_passes(architecture):
    trained = network(architecture, 0)
    images = torch.randn(16, *shape_of(architecture))
    resets = {str(seed): weights_of(network(architecture, seed)) for seed in (1, 2, 3)}
    resetter = Resetter(trained, resets, shape_of(architecture))
    # Memory for one reset at a time, so that only the shared activations differ from a plain evaluation.
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
    rows = reinitialisation_rows(baseline, cells, 20, ORIGIN)
    assert len(rows) == 8
    assert {(r["lost"], r["gained"], r["drop_low"], r["drop_high"]) for r in rows} == {(0, 0, 0.0, 0.0)}


def test_rows_hold_the_drop_and_its_paired_interval():
    trained, earlier = network("vgg11", 0), network("vgg11", 1)
    images = torch.randn(40, 3, 32, 32)
    with torch.inference_mode():
        labels = trained(images).argmax(1)
    resetter = Resetter(trained, {"0": weights_of(earlier)}, (3, 32, 32))
    baseline, cells = count_correct(resetter, [(images, labels)])
    for row in reinitialisation_rows(baseline, cells, 40, ORIGIN):
        assert tuple(row) == COLUMNS
        assert row["drop"] == pytest.approx((row["lost"] - row["gained"]) / 40)
        assert row["relative_drop"] == row["drop"]
        assert row["drop_low"] <= row["drop"] <= row["drop_high"]


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
        build_network(architecture, 5, 3, width, stream(seed, "x"), "kaiming", size=shape[1:]).eval()
        for seed in (0, 1)
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
