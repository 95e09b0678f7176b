"""Residual networks of torchvision (He et al. 2016), at any width."""

from torch import nn

from anatomy.networks.from_torchvision import torchvision_network
from anatomy.networks.layouts import scaled

NAMES = {
    "resnet18": "ResNet18",
    "resnet34": "ResNet34",
    "resnet50": "ResNet50",
    "resnet101": "ResNet101",
    "resnet152": "ResNet152",
    "wide_resnet50_2": "wide_ResNet50_2",
    "wide_resnet101_2": "wide_ResNet101_2",
}
# The backward pass of a strided 1x1 convolution of fewer than 8 channels, channels last, writes out of bounds
# in torch 2.13 on CPUs.
LEAST_WIDTH = 0.125
LINEAR = "torch"


def build(architecture: str, classes: int, input_shape: tuple[int, int, int], width: float) -> nn.Module:
    """Return a ResNet whose channels are multiplied by `width`; images and classes stay."""
    network = torchvision_network(architecture, classes, input_shape[0])
    if width == 1:
        return network
    for name, module in list(network.named_modules()):
        parent, _, attribute = name.rpartition(".")
        match module:
            case nn.Conv2d():
                before = module.in_channels if name == "conv1" else scaled(module.in_channels, width)
                options = {key: getattr(module, key) for key in ("kernel_size", "stride", "padding")}
                other = nn.Conv2d(before, scaled(module.out_channels, width), bias=False, **options)
            case nn.BatchNorm2d():
                other = nn.BatchNorm2d(scaled(module.num_features, width))
            case nn.Linear():
                other = nn.Linear(scaled(module.in_features, width), module.out_features)
            case _:
                continue
        setattr(network.get_submodule(parent), attribute, other)
    return network
