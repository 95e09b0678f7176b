"""Fully connected networks of Sabanayagam et al. 2023, for points (d,) and for images."""

from itertools import pairwise
from math import prod

from torch import nn

from anatomy.networks.cpu_layers import Linear
from anatomy.networks.layouts import scaled
from anatomy.networks.sequential import NamedSequence

NAMES = {"fnn": "FNN"}
LEAST_WIDTH = 0
LINEAR = "kaiming_fan_in"
PUBLISHED = "torch"
POINTS = True
OPTIONS = {
    "hidden": {
        "type": "array",
        "items": {"type": "integer", "minimum": 1, "maximum": 65536},
        "maxItems": 100,
        "shapes": True,
        "default": [100, 100],
    },
    "activation": {"enum": ["relu", "sigmoid"], "default": "relu"},
    "output": {"enum": ["logits", "log_softmax"], "default": "logits"},
}


def build(
    architecture: str,
    classes: int,
    input_shape: tuple[int, ...],
    width: float,
    hidden: list[int],
    activation: str,
    output: str,
) -> nn.Module:
    """Return a network with `hidden` units in each hidden layer; its outputs may be log-probabilities."""
    units = [prod(input_shape), *(scaled(count, width) for count in hidden), classes]
    layers: dict[str, nn.Module] = {"flatten": nn.Flatten()}
    for number, (before, after) in enumerate(pairwise(units), 1):
        layers[f"fc{number}"] = Linear(before, after)
        if number < len(units) - 1:
            layers[f"act{number}"] = nn.ReLU(inplace=True) if activation == "relu" else nn.Sigmoid()
    if output == "log_softmax":
        layers["log_softmax"] = nn.LogSoftmax(1)
    return NamedSequence(layers)
