"""The ResNet18 of Sabanayagam et al. 2023: torchvision's with a 3 x 3 stem of stride 1; max-pooling stays."""

from torch import nn

from anatomy.networks.residual import residual_network

NAMES = {"stem_resnet18": "ResNet18, 3x3 stem"}
# See `resnet`: of strided 1x1 convolutions.
LEAST_WIDTH = 0.125
LINEAR = "torch"


def build(architecture: str, classes: int, input_shape: tuple[int, ...], width: float) -> nn.Module:
    """Return a ResNet18 for images (C, H, W)."""
    return residual_network(classes, input_shape[0], width, (2, 2, 2, 2), max_pool=True)
