"""ResNets for TinyImageNet, of Wortsman et al. 2021: a 3 x 3 stem, no max-pooling.

A 1 x 1 convolution classifies.
"""

from torch import nn

from anatomy.networks.residual import residual_network

NAMES = {"tiny_resnet18": "ResNet18, TinyImageNet", "tiny_resnet50": "ResNet50, TinyImageNet"}
# See `resnet`: of strided 1x1 convolutions.
LEAST_WIDTH = 0.125
LINEAR = "torch"
PUBLISHED = "kaiming_fan_in"

DEPTHS = {"tiny_resnet18": (2, 2, 2, 2), "tiny_resnet50": (3, 4, 6, 3)}


def build(architecture: str, classes: int, input_shape: tuple[int, ...], width: float) -> nn.Module:
    """Return a ResNet for images (C, H, W)."""
    return residual_network(
        classes,
        input_shape[0],
        width,
        DEPTHS[architecture],
        bottleneck=architecture == "tiny_resnet50",
        convolutional_classifier=True,
    )
