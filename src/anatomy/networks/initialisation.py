"""Initial weights of convolutions and linear layers, drawn from one random stream."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from anatomy.networks.catalogue import LAYOUTS

KAIMING = {"kind": "kaiming"}


def initialise_layers(
    layers: Iterable[nn.Module],
    architecture: str,
    width: float,
    initialisation: Mapping[str, Any],
    generator: torch.Generator,
) -> None:
    """Draw the weights and biases of convolutions and linear layers, one after the other.

    `kaiming`, the paper's: Kaiming normal by fan-out for convolutions, zero biases. Linear layers of a VGG
    are torchvision's N(0, 0.01^2) at full width; their standard deviation grows as 1 / sqrt(width), so that a
    narrowed classifier passes signals on as strongly as the full one. LeNet and AlexNet do not leave
    their first plateau with weights as small; theirs are Kaiming normal by fan-in. Those of an mlp are
    Kaiming normal by fan-out, those of other networks PyTorch's own (uniform, random biases).
    `normal`: N(0, std^2) for every weight, zero biases.
    `published`: what the authors' code does, PyTorch's own for AlexNet, Xavier uniform with gain sqrt(2) for
    LeNet; for other networks the same as `kaiming`.
    vgg19_orig is `normal` with a standard deviation of 0.01 unless another one is given.
    """
    kind, std = initialisation["kind"], initialisation.get("std")
    if architecture == "vgg19_orig" and kind != "normal":
        kind, std = "normal", 0.01
    for layer in layers:
        linear = isinstance(layer, nn.Linear)
        if kind == "normal":
            nn.init.normal_(layer.weight, 0, std, generator=generator)
        elif kind == "published" and architecture == "lenet":
            nn.init.xavier_uniform_(layer.weight, math.sqrt(2), generator=generator)
        elif (kind == "published" and architecture == "alexnet") or (linear and architecture not in LAYOUTS):
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
            if layer.bias is not None:
                bound = 1 / math.sqrt(layer.weight[0].numel())
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
            continue
        elif not linear or architecture.startswith("mlp"):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif architecture.startswith("vgg"):
            nn.init.normal_(layer.weight, 0, 0.01 / math.sqrt(width), generator=generator)
        else:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
