"""ResNets for small images, of Quiroga et al. 2019: a 3 x 3 stem and no max-pooling.

Their outputs are log-probabilities, as published; with `output: logits` they are not. The outputs that one
measures are, with `variant: published`, those of the convolutions as they are; else those of the batch
normalisation after each.
"""

from torch import nn

from anatomy.networks.residual import residual_network

NAMES = {
    "small_resnet18": "ResNet18, small images",
    "small_resnet34": "ResNet34, small images",
    "small_resnet50": "ResNet50, small images",
}
# See `resnet`: of strided 1x1 convolutions.
LEAST_WIDTH = 0.125
LINEAR = "torch"
PUBLISHED = "torch"
OPTIONS = {
    "variant": {"enum": ["corrected", "published"], "default": "corrected"},
    "output": {"enum": ["log_softmax", "logits"], "default": "log_softmax"},
}

DEPTHS = {"small_resnet18": (2, 2, 2, 2), "small_resnet34": (3, 4, 6, 3), "small_resnet50": (3, 4, 6, 3)}


def build(
    architecture: str, classes: int, input_shape: tuple[int, ...], width: float, variant: str, output: str
) -> nn.Module:
    """Return a ResNet for images (C, H, W)."""
    return residual_network(
        classes,
        input_shape[0],
        width,
        DEPTHS[architecture],
        bottleneck=architecture == "small_resnet50",
        log_softmax=output == "log_softmax",
        published=variant == "published",
    )
