"""AllConvolutional of Quiroga et al. 2019: nine convolutions, the last with a map for each class.

With 16 filters as for MNIST; for CIFAR-10 it has 64, `width: 4`. As published (`variant: published`) the
1 x 1 convolution of 2 F filters pads its maps by one pixel on each side, and class maps pass a ReLU before
their mean, so that no score is negative. Its outputs are log-probabilities; with `output: logits` they
are not.
"""

from torch import nn

from anatomy.networks.cpu_layers import Conv2d
from anatomy.networks.layouts import scaled
from anatomy.networks.sequential import NamedSequence

NAMES = {"all_convolutional": "AllConvolutional"}
LEAST_WIDTH = 0
LINEAR = "torch"
PUBLISHED = "torch"
OPTIONS = {
    "filters": {"type": "integer", "minimum": 1, "maximum": 65536, "shapes": True, "default": 16},
    "variant": {"enum": ["corrected", "published"], "default": "corrected"},
    "output": {"enum": ["log_softmax", "logits"], "default": "log_softmax"},
}

# Filters as a multiple of F, kernel and stride of the convolutions that batch normalisation follows.
UNITS = ((1, 3, 1), (1, 3, 1), (1, 3, 2), (2, 3, 1), (2, 3, 1), (2, 3, 2), (2, 3, 1), (2, 1, 1))


def build(
    architecture: str,
    classes: int,
    input_shape: tuple[int, ...],
    width: float,
    filters: int,
    variant: str,
    output: str,
) -> nn.Module:
    """Return a network for images (C, H, W)."""
    published = variant == "published"
    before = input_shape[0]
    layers: dict[str, nn.Module] = {}
    for index, (factor, kernel, stride) in enumerate(UNITS):
        after = scaled(filters * factor, width)
        padding = 1 if published else kernel // 2
        convolution = Conv2d(before, after, kernel, stride, padding)
        layers[f"c{index}"] = nn.Sequential(convolution, nn.BatchNorm2d(after))
        layers[f"c{index}act"] = nn.ReLU(inplace=True)
        before = after
    layers["cc"] = Conv2d(before, classes, 1)
    if published:
        layers["ccact"] = nn.ReLU(inplace=True)
    layers["ap"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if output == "log_softmax":
        layers["smax"] = nn.LogSoftmax(1)
    return NamedSequence(layers, {name: name for name in layers})
