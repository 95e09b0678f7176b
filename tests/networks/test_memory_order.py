"""A network in another memory order computes the same."""

import pytest
import torch
from torch import nn

from anatomy.networks.build import build_network
from anatomy.networks.memory_order import order_for_inference
from anatomy.runtime.streams import stream

CPU = torch.device("cpu")


def network_of(architecture, width):
    return build_network(architecture, 10, 3, width, stream(0, "initialisation"), "kaiming").eval()


def channels_first(network):
    """Input channels of each convolution, larger than 1 x 1, whose weights lie channels first."""
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)]
    return [layer.in_channels for layer in layers if layer.weight.is_contiguous()]


@pytest.mark.parametrize("architecture", ["vgg19", "small_resnet18"])
def test_outputs_are_those_of_the_network_as_it_was(architecture):
    network = network_of(architecture, 0.5)
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network(images)
        order_for_inference(network, (3, 32, 32), CPU, "float32")
        found = network(images.contiguous(memory_format=torch.channels_last))
    assert channels_first(network)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_layers_of_many_channels_on_small_maps_lie_channels_first():
    network = network_of("vgg19", 0.5)
    order_for_inference(network, (3, 32, 32), CPU, "float32")
    # On maps of 4 x 4 and 2 x 2, but for the first one there, of 128 channels.
    assert channels_first(network) == [256] * 7


@pytest.mark.parametrize(("width", "precision"), [(0.25, "float32"), (0.5, "bf16")])
def test_others_lie_channels_last(width, precision):
    network = network_of("vgg19", width)
    order_for_inference(network, (3, 32, 32), CPU, precision)
    assert not channels_first(network)
