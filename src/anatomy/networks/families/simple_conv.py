"""SimpleConv of Quiroga et al. 2019: five convolutions in three stages, two linear layers.

With 32 filters and 64 hidden units as for MNIST; for CIFAR-10 it has twice as many, `width: 2`. Its outputs
are log-probabilities, as published; with `output: logits` they are not.
"""

from torch import nn

from anatomy.networks.cpu_layers import Conv2d, Linear
from anatomy.networks.layouts import require_side, scaled
from anatomy.networks.sequential import NamedSequence

NAMES = {"simple_conv": "SimpleConv"}
LEAST_WIDTH = 0
LEAST_SIDE = 4
LINEAR = "torch"
PUBLISHED = "torch"
OPTIONS = {
    "filters": {"type": "integer", "minimum": 1, "maximum": 65536, "shapes": True, "default": 32},
    "hidden": {"type": "integer", "minimum": 1, "maximum": 65536, "shapes": True, "default": 64},
    "output": {"enum": ["log_softmax", "logits"], "default": "log_softmax"},
}


def build(
    architecture: str,
    classes: int,
    input_shape: tuple[int, ...],
    width: float,
    filters: int,
    hidden: int,
    output: str,
) -> nn.Module:
    """Return a network for images (C, H, W) of one size; `InputError` if they are smaller than 4 x 4."""
    require_side(input_shape, 4)
    before, *size = input_shape
    layers: dict[str, nn.Module] = {}
    for number, factor in enumerate((1, 1, 2, 2, 4), 1):
        after = scaled(filters * factor, width)
        layers[f"c{number}"] = Conv2d(before, after, 3, padding=1)
        layers[f"c{number}act"] = nn.ReLU(inplace=True)
        if number in (2, 4):
            layers[f"mp{number // 2}"] = nn.MaxPool2d(2)
        before = after
    units = scaled(hidden, width)
    layers["flatten"] = nn.Flatten()
    layers["fc1"] = Linear(before * (size[0] // 4) * (size[1] // 4), units)
    layers["fc1act"] = nn.ReLU(inplace=True)
    layers["fc2"] = Linear(units, classes)
    if output == "log_softmax":
        layers["fc2act"] = nn.LogSoftmax(1)
    return NamedSequence(layers, {name: name for name in layers if name != "flatten"})
