"""Residual networks of small images (He et al. 2016), every activation a module of its own.

Weights have torchvision's names, so that a state dict fits both; the outputs of activations and sums
have names as well, which the functional forward pass of torchvision does not give them.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from anatomy.networks.cpu_layers import Conv2d, Dropout, Linear
from anatomy.networks.layouts import scaled
from anatomy.networks.sequential import NamedSequence


class Add(nn.Module):
    """The sum of a residual branch and its shortcut."""

    def forward(self, branch: torch.Tensor, shortcut: torch.Tensor) -> torch.Tensor:
        """Return the sum (N, C, H, W)."""
        return branch + shortcut


def _convolution(before: int, after: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return Conv2d(before, after, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    """Convolutions with batch normalisation and ReLU, and a shortcut that is learned where shapes differ.

    `kernels` are the sizes of the convolutions, and `stride` that of the first of 3 x 3. With a dropout
    above 0 the last normalisation is followed by it, before the shortcut is added.
    """

    def __init__(
        self, before: int, channels: Sequence[int], kernels: Sequence[int], stride: int, dropout: float
    ):
        super().__init__()
        self.depth, inputs, strided = len(kernels), before, kernels.index(3)
        for index, (outputs, kernel) in enumerate(zip(channels, kernels, strict=True)):
            number = index + 1
            self.add_module(
                f"conv{number}", _convolution(inputs, outputs, kernel, stride if index == strided else 1)
            )
            self.add_module(f"bn{number}", nn.BatchNorm2d(outputs))
            if number < self.depth:
                self.add_module(f"act{number}", nn.ReLU(inplace=True))
            inputs = outputs
        self.dropout = Dropout(dropout) if dropout else nn.Identity()
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or before != inputs:
            self.downsample = nn.Sequential(_convolution(before, inputs, 1, stride), nn.BatchNorm2d(inputs))
        self.add = Add()
        self.act = nn.ReLU(inplace=True)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the feature maps (N, C', H', W') of feature maps (N, C, H, W)."""
        branch = images
        for number in range(1, self.depth + 1):
            branch = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(branch))
            if number < self.depth:
                branch = getattr(self, f"act{number}")(branch)
        return self.act(self.add(self.dropout(branch), self.downsample(images)))

    def intermediates(self, published: bool) -> dict[str, str]:
        """Return the outputs of the block: those of convolutions, or of normalisations."""
        found = {}
        for index in range(self.depth):
            found[f"c{index}"] = f"{'conv' if published else 'bn'}{index + 1}"
            if index + 1 < self.depth:
                found[f"c{index}act"] = f"act{index + 1}"
        return {**found, "short": "downsample", "sum": "add", "act": "act"}


def residual_network(
    classes: int,
    channels: int,
    width: float,
    depths: Sequence[int],
    *,
    base: int = 64,
    bottleneck: bool = False,
    max_pool: bool = False,
    convolutional_classifier: bool = False,
    dropout: float = 0.0,
    log_softmax: bool = False,
    published: bool = True,
) -> nn.Sequential:
    """Return a network with a 3 x 3 stem of stride 1 and `depths` blocks per stage, at a width factor.

    The first stage has `base` channels, each other twice as many and half the pixels; those of a
    `bottleneck` come out four times as wide. The classifier sees means over all pixels; it is linear, or a
    1 x 1 convolution without bias. `published` says which `intermediates` it lists.
    """
    before = scaled(base, width)
    layers: dict[str, nn.Module] = {
        "conv1": _convolution(channels, before, 3),
        "bn1": nn.BatchNorm2d(before),
        "relu": nn.ReLU(inplace=True),
    }
    listed = {"c0": "conv1" if published else "bn1", "c0act": "relu"}
    if max_pool:
        layers["maxpool"] = nn.MaxPool2d(3, 2, 1)
        listed["mp"] = "maxpool"
    for stage, depth in enumerate(depths):
        inner = scaled(base * 2**stage, width)
        widths, kernels = ([inner, inner], [3, 3])
        if bottleneck:
            widths, kernels = ([inner, inner, scaled(base * 2**stage * 4, width)], [1, 3, 1])
        blocks = []
        for index in range(depth):
            stride = 2 if stage and not index else 1
            blocks.append(Block(before, widths, kernels, stride, dropout))
            before = widths[-1]
            name = f"layer{stage + 1}.{index}"
            inside: Mapping[str, str] = blocks[-1].intermediates(published)
            listed |= {f"{name}.{label}": f"{name}.{module}" for label, module in inside.items()}
        layers[f"layer{stage + 1}"] = nn.Sequential(*blocks)
    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
    if convolutional_classifier:
        layers |= {"fc": Conv2d(before, classes, 1, bias=False), "flatten": nn.Flatten()}
    else:
        layers |= {"flatten": nn.Flatten(), "fc": Linear(before, classes)}
    listed |= {"avgp": "avgpool", "fc0": "flatten" if convolutional_classifier else "fc"}
    if log_softmax:
        layers["log_softmax"] = nn.LogSoftmax(1)
        listed["smax"] = "log_softmax"
    return NamedSequence(layers, listed)
