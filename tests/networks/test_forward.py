"""Architectures, initialisation and augmentation against torch and torchvision."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from anatomy.data.augmentation import Augmenter, Draws
from anatomy.data.normalisation import Normaliser
from anatomy.networks import cpu_layers as layers
from anatomy.networks.build import build_network
from anatomy.networks.cpu_layers import Conv2d, Dropout, Linear
from anatomy.networks.folding import fold
from anatomy.networks.forward import conv_layers, forward_steps, layer_geometry
from anatomy.networks.sequential import pool_first
from anatomy.runtime.errors import InputError
from anatomy.runtime.streams import stream, stream_seed
from anatomy.runtime.torchvision_import import models, v2


def network(architecture, width=1.0, channels=3, classes=10, seed=0, kind="kaiming", std=0.01):
    return build_network(architecture, classes, channels, width, stream(seed, "initialisation"), kind, std)


@pytest.mark.parametrize(("architecture", "size"), [("vgg11", 32), ("vgg19", 32), ("alexnet", 64)])
def test_network_has_torchvisions_names_and_logits(architecture, size):
    ours = network(architecture).eval()
    with torch.device("meta"):
        theirs = getattr(models, architecture)(num_classes=10)
    theirs = theirs.to_empty(device="cpu").eval()
    theirs.load_state_dict(ours.state_dict())
    images = torch.rand(2, 3, size, size)
    with torch.inference_mode():
        assert torch.equal(ours(images), theirs(images))


@pytest.mark.parametrize(
    ("architecture", "size"), [("vgg11", 32), ("vgg11bn", 32), ("alexnet", 64), ("lenet", 32)]
)
@pytest.mark.parametrize("bf16", [False, True])
def test_pooling_before_relu_changes_no_bit(architecture, size, bf16, monkeypatch):
    units = torch.backends.cpu.get_cpu_capability()
    whole = {(units, torch.float32): 0, (units, torch.bfloat16): 0}
    monkeypatch.setattr(layers, "LEAST_WHOLE_WEIGHTS", whole)
    width = 0.125 if architecture != "lenet" else 1
    theirs, ours = (network(architecture, width) for _ in range(2))
    pool_first(ours)
    assert [type(layer) for layer in ours.features] != [type(layer) for layer in theirs.features]
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    # Few values, so that the largest of a window is often shared.
    images = torch.randint(0, 3, (4, 3, size, size)).float().to(memory_format=torch.channels_last)
    results = []
    for part in (theirs, ours):
        torch.manual_seed(0)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = part(images)
        logits.float().square().sum().backward()
        results.append([logits, *(parameter.grad for parameter in part.parameters())])
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


@pytest.mark.parametrize("architecture", ["vgg11", "lenet", "alexnet", "mlp"])
def test_our_networks_have_the_fast_layers(architecture):
    built = network(architecture)
    if architecture == "vgg11":
        fold(built)
    fast = {nn.Conv2d: Conv2d, nn.Linear: Linear, nn.Dropout: Dropout}
    for module in built.modules():
        for plain, faster in fast.items():
            assert not isinstance(module, plain) or type(module) is faster


def test_lenet_has_the_papers_parameters():
    lenet = network("lenet", channels=1)
    assert sum(p.numel() for p in lenet.parameters()) == 130_052
    assert [layer.out_channels for layer in conv_layers(lenet).values()] == [6, 6, 16, 16, 64, 64]
    assert lenet(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_width_scales_every_layer():
    narrow = network("vgg19", 0.25)
    filters = [layer.out_channels for layer in conv_layers(narrow).values()]
    assert filters == [16] * 2 + [32] * 2 + [64] * 4 + [128] * 8
    assert [m.in_features for m in narrow.classifier if hasattr(m, "in_features")] == [6272, 1024, 1024]


def test_convolutions_are_kaiming_normal_by_fan_out_with_zero_biases():
    for layer in conv_layers(network("vgg19")).values():
        expected = math.sqrt(2 / (layer.out_channels * 9))
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.1)
        assert abs(layer.weight.mean().item()) < 5 * expected / math.sqrt(layer.weight.numel())
        assert not layer.bias.any()


def test_width_scales_every_layer_of_alexnet():
    narrow = network("alexnet", 0.25, classes=7)
    assert [layer.out_channels for layer in conv_layers(narrow).values()] == [16, 48, 96, 64, 64]
    linear = [m for m in narrow.classifier if isinstance(m, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(2304, 1024), (1024, 1024), (1024, 7)]
    shapes = [g.input_shape for g in layer_geometry(narrow, (3, 64, 64))]
    assert shapes == [(3, 64, 64), (16, 7, 7), (48, 3, 3), (96, 3, 3), (64, 3, 3)]


def test_alexnet_on_small_images_is_refused():
    with pytest.raises(InputError, match=r"images of 32x32 px are too small.*max-pooling layer"):
        layer_geometry(network("alexnet", 0.25), (3, 32, 32))


def test_normal_initialisation_draws_every_weight_with_one_deviation():
    for layer in network("vgg19", 0.5, kind="normal", std=0.02).modules():
        if hasattr(layer, "weight") and layer.weight.numel() > 5000:
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
            assert not layer.bias.any()


@pytest.mark.parametrize("architecture", ["vgg11", "alexnet", "lenet"])
def test_published_initialisation(architecture):
    for layer in network(architecture, channels=1, kind="published").modules():
        if not hasattr(layer, "weight") or layer.weight.numel() < 800:
            continue
        fan_in = layer.weight[0].numel()
        fan_out = layer.weight.numel() // fan_in * math.prod(layer.weight.shape[2:])
        fan_out = fan_out if layer.weight.ndim == 4 else len(layer.weight)
        std, largest = layer.weight.std().item(), layer.weight.abs().max().item()
        if architecture == "vgg11":
            assert std == pytest.approx(math.sqrt(2 / fan_out) if layer.weight.ndim == 4 else 0.01, rel=0.1)
        else:
            # The bound of a uniform distribution: PyTorch's 1 / sqrt(fan-in), Xavier's with gain sqrt(2).
            bound = 1 / math.sqrt(fan_in) if architecture == "alexnet" else math.sqrt(12 / (fan_in + fan_out))
            assert bound * 0.98 < largest < bound * 1.000001
            assert std == pytest.approx(bound / math.sqrt(3), rel=0.1)
        assert layer.bias.any().item() == (architecture == "alexnet")


def test_initialisation_follows_the_seed_alone():
    torch.manual_seed(1)
    first = network("vgg11", 0.125, seed=4).state_dict()
    torch.manual_seed(2)
    torch.rand(10)
    second = network("vgg11", 0.125, seed=4).state_dict()
    other = network("vgg11", 0.125, seed=5).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["features.0.weight"], other["features.0.weight"])


def test_geometry_of_vgg19_at_32_px():
    geometry = layer_geometry(network("vgg19", 0.125), (3, 32, 32))
    sizes = [g.input_shape[1] for g in geometry]
    assert sizes == [32, 32, 16, 16, 8, 8, 8, 8, 4, 4, 4, 4, 2, 2, 2, 2]
    positions = [(g.stage, g.block) for g in geometry]
    assert positions == [(s, b) for s, n in enumerate([2, 2, 4, 4, 4]) for b in range(n)]
    assert geometry[1].input_shape == (8, 32, 32)


def test_images_too_small_for_the_network_are_refused():
    with pytest.raises(InputError, match=r"28x28 px are too small.*use larger images"):
        layer_geometry(network("vgg19", 0.125, channels=1), (1, 28, 28))


def test_forward_steps_are_the_forward_pass():
    for net, shape in ((network("vgg11", 0.125), (3, 32, 32)), (network("lenet", channels=1), (1, 28, 28))):
        activation = images = torch.rand(2, *shape)
        for _, step in forward_steps(net.eval()):
            activation = step(activation)
        assert torch.equal(activation, net(images))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 4), st.booleans(), st.integers(0, 2**31), st.sampled_from([1, 3]))
def test_augmentation_equals_torchvisions(shift, flip, seed, channels):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (5, channels, 9, 7), dtype=torch.uint8, generator=generator)
    mean, std = [0.4] * channels, [0.2] * channels
    draws = Draws.sample(5, shift, flip, generator)
    index = torch.tensor([3, 0, 3, 4])
    ours = Normaliser(mean, std, torch.device("cpu"))(Augmenter(images, shift).batch(index, draws))
    for row, image in zip(ours, index.tolist(), strict=True):
        expected = v2.functional.pad(images[image], [shift] * 4)
        top, left = draws.top[image].item(), draws.left[image].item()
        expected = v2.functional.crop(expected, top, left, 9, 7)
        if draws.flip[image]:
            expected = v2.functional.horizontal_flip(expected)
        expected = v2.functional.normalize(v2.functional.to_dtype(expected, scale=True), mean, std)
        assert (row - expected).abs().max() < 1e-6 / min(std)


def test_shifts_and_flips_are_uniform():
    draws = Draws.sample(90_000, 4, True, stream(0, "augmentation", 1))
    for offsets in (draws.top, draws.left):
        counts = np.bincount(offsets.numpy(), minlength=9)
        assert len(counts) == 9
        assert np.abs(counts / 10_000 - 1).max() < 0.05
    assert draws.flip.float().mean().item() == pytest.approx(0.5, abs=0.01)
    assert abs(np.corrcoef(draws.top, draws.left)[0, 1]) < 0.02


def test_streams_are_distinct():
    purposes = [("order", 1), ("order", 11), ("order", 1, 1), ("dropout", 1), ("split",)]
    seeds = {stream_seed(seed, *purpose) for seed in (0, 1, 11) for purpose in purposes}
    assert len(seeds) == 15
