"""Sizes of networks that are known without torch, against the networks themselves."""

import subprocess
import sys

import pytest
import torch
from conftest import environment
from torch import nn

from anatomy.networks.build import build_network
from anatomy.networks.sizes import LARGE, PUBLISHED, Size, size_of

MULTIPLYING = nn.Conv2d, nn.Linear


def counted(architecture, width, shape):
    """Weights of a network with 10 classes, and its multiplications for one input of a shape (C, H, W)."""
    generator = torch.Generator().manual_seed(0)
    network = build_network(architecture, 10, shape[0], width, generator, "kaiming", size=shape[1:]).eval()
    total = 0

    def count(module, _, output):
        nonlocal total
        total += module.weight.numel() * (output[0, 0].numel() if output.ndim == 4 else 1)

    layers = [module for module in network.modules() if isinstance(module, MULTIPLYING)]
    for layer in layers:
        layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, *shape))
    return sum(parameter.numel() for parameter in network.parameters()), total


@pytest.mark.parametrize(
    ("architecture", "width", "shape"),
    [
        ("lenet", 1.0, (1, 28, 28)),
        ("lenet5", 1.0, (1, 28, 28)),
        ("vgg11", 0.125, (3, 64, 64)),
        ("vgg13bn", 0.125, (3, 64, 64)),
        ("alexnet", 0.25, (3, 128, 128)),
        ("small_cnn", 1.0, (3, 32, 32)),
    ],
)
def test_networks_that_are_lists_of_layers_are_counted(architecture, width, shape):
    weights, multiplications = counted(architecture, width, shape)
    size = size_of(architecture, width, shape, 10)
    # Without biases and batch normalisation.
    assert 0.95 * weights < size.weights <= weights
    # Convolutions without padding count as if they had it.
    assert 0.95 * multiplications < size.multiplications < 2 * multiplications


def test_a_vgg_of_small_images_is_trained_with_one_pixel_of_its_pooled_map():
    convolutions = 9_217_728
    assert size_of("vgg11", 1.0, (3, 32, 32), 10).weights == convolutions + 512 * 4096 + 4096**2 + 4096 * 10


@pytest.mark.parametrize("architecture", [name for name in PUBLISHED if name != "fnn"])
def test_sizes_of_other_networks_are_about_right(architecture):
    *_, side = PUBLISHED[architecture]
    # The largest take seconds to build at full width.
    width = 0.25 if "_resnet_" not in architecture else 1.0
    weights, multiplications = counted(architecture, width, (3, side, side))
    size = size_of(architecture, width, (3, side, side), 10)
    assert weights / 1.6 < size.weights < 1.6 * weights
    assert multiplications / 2 < size.multiplications < 2 * multiplications


def test_what_is_not_known_is_taken_to_be_large():
    *_, side = LARGE
    for name in ("nets:Mine", "densenet161"):
        assert size_of(name, 1.0, (3, side, side), 10) == Size(90e6, 16e9, 40e6, 100)
    # AlexNet has no layers for so few pixels.
    assert size_of("alexnet", 1.0, (3, 32, 32), 10).weights == 90e6


def test_the_size_of_no_network_needs_torch():
    program = """
import sys
from anatomy.networks.catalogue import layout_of, names
from anatomy.networks.sizes import size_of
assert layout_of("vgg11") and not layout_of("cifar_resnet_8")
for name in [*names(), "nets:Mine"]:
    size_of(name, 1.0, (3, 64, 64), 10)
sys.exit("torch" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], env=environment(), check=True)
