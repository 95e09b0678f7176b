"""Networks that are one sequence, built from their layouts."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from types import MappingProxyType

import torch
from torch import nn

from anatomy.networks.cpu_layers import Conv2d, Dropout, Linear
from anatomy.networks.layouts import Conv, Layout, Pool, flattened, scaled


class SequentialNetwork(nn.Module):
    """A network whose parts are applied one after the other, named as torchvision names those of a VGG."""

    def __init__(self, features: nn.Sequential, avgpool: nn.Module, classifier: nn.Sequential):
        super().__init__()
        self.features, self.avgpool, self.classifier = features, avgpool, classifier

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of images (N, channels, H, W)."""
        return self.classifier(torch.flatten(self.avgpool(self.features(images)), 1))


class NamedSequence(nn.Sequential):
    """Layers with names, applied one after the other.

    `intermediates` are the outputs that its paper speaks of, in their order: the paper's name, and the
    module whose output it is.
    """

    def __init__(
        self, layers: Mapping[str, nn.Module], intermediates: Mapping[str, str] = MappingProxyType({})
    ):
        super().__init__(OrderedDict(layers))
        self.intermediates = dict(intermediates)


def build_sequential(
    layout: Layout, classes: int, image_shape: tuple[int, int, int], width: float
) -> SequentialNetwork:
    """Return a network with weights on the meta device; without pooling it fits images of (C, H, W) alone."""
    before, inputs = image_shape[0], flattened(layout, image_shape, width)
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
    avgpool = nn.AdaptiveAvgPool2d(layout.pooled) if layout.pooled else nn.Identity()
    before = inputs
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
    pairs = enumerate(pairwise(network.features))
    network.pooled_first = [
        index for index, (one, other) in pairs if isinstance(one, nn.ReLU) and isinstance(other, nn.MaxPool2d)
    ]
    _swap(network)


def _swap(network: nn.Module) -> None:
    """Let the layers at `pooled_first` change places with those that follow them."""
    layers = network.features
    for index in network.pooled_first:
        layers[index], layers[index + 1] = layers[index + 1], layers[index]


@contextmanager
def as_listed(network: nn.Module) -> Iterator[None]:
    """Let every layer of a network stand where its layout has it, for a while, whatever `pool_first` did."""
    swapped = bool(getattr(network, "pooled_first", ()))
    if swapped:
        _swap(network)
    try:
        yield
    finally:
        if swapped:
            _swap(network)
