"""Networks that are one sequence, built from their layouts."""

from itertools import pairwise
from math import prod

import torch
from torch import nn

from anatomy.networks.cpu_layers import Conv2d, Dropout, Linear
from anatomy.networks.layouts import Conv, Layout, Pool, scaled


class SequentialNetwork(nn.Module):
    """A network whose parts are applied one after the other, named as torchvision names those of a VGG."""

    def __init__(self, features: nn.Sequential, avgpool: nn.Module, classifier: nn.Sequential):
        super().__init__()
        self.features, self.avgpool, self.classifier = features, avgpool, classifier

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of images (N, channels, H, W)."""
        return self.classifier(torch.flatten(self.avgpool(self.features(images)), 1))


def build_sequential(
    layout: Layout, classes: int, image_shape: tuple[int, int, int], width: float
) -> SequentialNetwork:
    """Return a network with weights on the meta device; without pooling it fits images of (C, H, W) alone."""
    before = image_shape[0]
    features: list[nn.Module] = []
    for layer in layout.features:
        match layer:
            case Conv():
                after = scaled(layer.filters, width)
                options = layer.kernel, layer.stride, layer.padding
                features.append(Conv2d(before, after, *options, device="meta"))
                before = after
            case Pool():
                features.append(nn.MaxPool2d(layer.kernel, layer.stride))
            case "norm":
                features.append(nn.BatchNorm2d(before, device="meta"))
            case "relu":
                features.append(nn.ReLU(inplace=True))
    if layout.pooled:
        avgpool, before = nn.AdaptiveAvgPool2d(layout.pooled), before * layout.pooled**2
    else:
        avgpool, before = nn.Identity(), prod(image_shape)
    classifier: list[nn.Module] = []
    for layer in layout.classifier:
        match layer:
            case int():
                after = scaled(layer, width)
                classifier.append(Linear(before, after, device="meta"))
                before = after
            case "norm":
                classifier.append(nn.BatchNorm1d(before, device="meta"))
            case "relu":
                classifier.append(nn.ReLU(inplace=True))
            case "dropout":
                classifier.append(Dropout(layout.dropout))
    classifier.append(Linear(before, classes, device="meta"))
    return SequentialNetwork(nn.Sequential(*features), avgpool, nn.Sequential(*classifier))


def pool_first(network: nn.Module) -> None:
    """Let max-pooling come before the ReLU that it follows, in place; `network` is_sequential.

    Outputs and gradients stay the same bits, as max(relu(x)) = relu(max(x)) and the same element gets the
    gradient; ReLU is left with the pooled map. Weights keep their names.
    """
    layers = network.features
    for index, (one, other) in enumerate(pairwise(list(layers))):
        if isinstance(one, nn.ReLU) and isinstance(other, nn.MaxPool2d):
            layers[index], layers[index + 1] = other, one
