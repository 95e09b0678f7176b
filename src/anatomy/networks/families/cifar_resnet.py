"""ResNets for CIFAR, of Wortsman et al. 2021: three stages of 16, 32 and 64 channels, learned shortcuts.

The depth 6 n + 2 counts convolutions, but for shortcuts: n blocks per stage. A 1 x 1 convolution classifies.
"""

from torch import nn

from anatomy.networks.residual import residual_network

NAMES = {
    "cifar_resnet_8": "cResNet8",
    "cifar_resnet_14": "cResNet14",
    "cifar_resnet_20": "cResNet20",
    "cifar_resnet_26": "cResNet26",
    "cifar_resnet_32": "cResNet32",
    "cifar_resnet_44": "cResNet44",
    "cifar_resnet_56": "cResNet56",
    "cifar_resnet_110": "cResNet110",
}
# See `resnet`: of strided 1x1 convolutions; these have from 16 channels.
LEAST_WIDTH = 0.5
LINEAR = "torch"
PUBLISHED = "kaiming_fan_in"
DROPOUT = True


def build(
    architecture: str, classes: int, input_shape: tuple[int, ...], width: float, dropout: float
) -> nn.Module:
    """Return a ResNet for images (C, H, W), with dropout before each shortcut is added if it is not 0."""
    blocks = (int(architecture.rpartition("_")[2]) - 2) // 6
    return residual_network(
        classes,
        input_shape[0],
        width,
        (blocks,) * 3,
        base=16,
        convolutional_classifier=True,
        dropout=dropout,
    )
