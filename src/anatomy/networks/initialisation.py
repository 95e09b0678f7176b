"""Initial weights of convolutions and linear layers, drawn from one random stream.

How a layer is drawn has a name, that of one of `DRAWS`. The file of a family says `LINEAR`, for its linear
layers; `PUBLISHED`, for all of its layers as the authors' code draws them, where that differs; and
`ALWAYS_NORMAL`, the standard deviation of networks that are drawn from a normal distribution alone.
"""

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn

from anatomy.networks.family import family_module


def _kaiming_fan_out(layer: nn.Module, width: float, generator: torch.Generator) -> None:
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)


def _kaiming_fan_in(layer: nn.Module, width: float, generator: torch.Generator) -> None:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)


def _normal_by_width(layer: nn.Module, width: float, generator: torch.Generator) -> None:
    """torchvision's N(0, 0.01^2) of a VGG, at full width.

    The standard deviation grows as 1 / sqrt(width), so that a narrowed classifier passes signals on as
    strongly as the full one.
    """
    nn.init.normal_(layer.weight, 0, 0.01 / math.sqrt(width), generator=generator)


def _xavier(layer: nn.Module, width: float, generator: torch.Generator) -> None:
    nn.init.xavier_uniform_(layer.weight, math.sqrt(2), generator=generator)


def _torch(layer: nn.Module, width: float, generator: torch.Generator) -> None:
    """PyTorch's own: uniform, weights and biases."""
    nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
    if layer.bias is not None:
        bound = 1 / math.sqrt(layer.weight[0].numel())
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


# Ways to draw the weights of a layer; biases are zero but for those that a way draws as well.
DRAWS: dict[str, Callable[[nn.Module, float, torch.Generator], None]] = {
    "kaiming_fan_out": _kaiming_fan_out,
    "kaiming_fan_in": _kaiming_fan_in,
    "normal_by_width": _normal_by_width,
    "xavier": _xavier,
    "torch": _torch,
}


def initialise_layers(
    layers: Iterable[nn.Module],
    architecture: str,
    width: float,
    generator: torch.Generator,
    initialisation: str,
    std: float | None = None,
) -> None:
    """Draw the weights and biases of convolutions and linear layers, one after the other.

    `kaiming`, the paper's: Kaiming normal by fan-out for convolutions, zero biases; linear layers as the
    family says, PyTorch's own if it says nothing. `normal`: N(0, std^2) for every weight, zero biases; the
    others need no `std`. `published`: as the authors' code, where the family says how; else the same as
    `kaiming`.
    """
    family = family_module(architecture)
    always = getattr(family, "ALWAYS_NORMAL", {})
    if architecture in always and initialisation != "normal":
        initialisation, std = "normal", always[architecture]
    linear, convolution = getattr(family, "LINEAR", "torch"), "kaiming_fan_out"
    if initialisation == "published":
        linear, convolution = (getattr(family, "PUBLISHED", draw) for draw in (linear, convolution))
    for layer in layers:
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        if initialisation == "normal":
            nn.init.normal_(layer.weight, 0, std, generator=generator)
        else:
            DRAWS[linear if isinstance(layer, nn.Linear) else convolution](layer, width, generator)
