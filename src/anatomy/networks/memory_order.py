"""The order in which the weights and activations of a network lie in memory, where it computes fastest."""

from math import prod

import torch
from torch import nn

from anatomy.networks.forward import layer_geometry

# With so many channels on so small maps the float32 kernels for channels last wait for weights: on an Intel
# Xeon those for channels first take a quarter to three quarters of the time.
MANY_CHANNELS, SMALL_MAP = 256, 4 * 4


def order_for_inference(
    network: nn.Module, image_shape: tuple[int, int, int], device: torch.device, precision: str
) -> None:
    """Move a network to a device, channels last, for images of (C, H, W) without gradients.

    On a CPU, but in bfloat16, convolutions of many channels on small maps and their input lie channels first.
    """
    network.to(device, memory_format=torch.channels_last)
    if device.type != "cpu" or precision == "bf16":
        return
    for layer in layer_geometry(network, image_shape):
        channels, *size = layer.input_shape
        convolution = network.get_submodule(layer.name)
        # A single pixel lies both ways.
        if channels >= MANY_CHANNELS and 1 < prod(size) <= SMALL_MAP and convolution.groups == 1:
            convolution.to(memory_format=torch.contiguous_format)
            convolution.register_forward_pre_hook(_channels_first)


def _channels_first(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Return the input of a layer with its channels first in memory."""
    return tuple(tensor.contiguous() for tensor in inputs)
