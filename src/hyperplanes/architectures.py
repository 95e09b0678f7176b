"""The networks of the paper, with a width factor, initialised from a given random stream."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from hyperplanes.errors import InputError
from hyperplanes.snapshots import LayerGeometry
from hyperplanes.vision import models

VGG = {"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}
KAIMING = {"kind": "kaiming"}
LENET_FILTERS = (6, 6, "M", 16, 16, "M", 64, 64, "M")


def scaled(count: int, width: float) -> int:
    """Number of channels or units at a width factor, at least one."""
    return max(1, round(count * width))


class LeNet(nn.Module):
    """The paper's variant of LeNet: six 3x3 convolutions in three stages, 130,052 parameters."""

    def __init__(self, classes: int, channels: int = 1, width: float = 1.0):
        super().__init__()
        layers: list[nn.Module] = []
        before = channels
        for filters in LENET_FILTERS:
            if filters == "M":
                layers.append(nn.MaxPool2d(2))
                continue
            after = scaled(filters, width)
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True)]
            before = after
        hidden = scaled(120, width), scaled(84, width)
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(3)
        self.classifier = nn.Sequential(
            nn.Linear(9 * before, hidden[0]),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(hidden[0], hidden[1]),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(hidden[1], classes),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, classes) of images (N, channels, H, W)."""
        return self.classifier(torch.flatten(self.avgpool(self.features(images)), 1))


def _narrowed(network: nn.Module, classes: int, channels: int, width: float) -> nn.Module:
    """Replace the layers of one of torchvision's networks on the meta device by narrower ones, in place."""
    before = channels
    for place, layer in enumerate(network.features):
        if isinstance(layer, nn.Conv2d):
            after, last = scaled(layer.out_channels, width), layer.out_channels
            options = layer.kernel_size, layer.stride, layer.padding
            network.features[place] = nn.Conv2d(before, after, *options)
            before = after
    linear = [place for place, layer in enumerate(network.classifier) if isinstance(layer, nn.Linear)]
    # Values of each feature map that the first linear layer sees.
    before *= network.classifier[linear[0]].in_features // last
    for place in linear:
        units = scaled(network.classifier[place].out_features, width)
        after = classes if place == linear[-1] else units
        network.classifier[place] = nn.Linear(before, after)
        before = after
    return network


def _build(architecture: str, classes: int, channels: int, width: float) -> nn.Module:
    """Return a network whose weights are not initialised; at width 1 torchvision's own, but LeNet."""
    if architecture == "lenet":
        return LeNet(classes, channels, width)
    if architecture not in ("alexnet", *VGG):
        allowed = ", ".join(sorted([*VGG, "alexnet", "lenet"]))
        raise InputError(f"unknown architecture {architecture!r}; allowed: {allowed}")
    # On the meta device the full-width classifier that torchvision builds costs nothing.
    with torch.device("meta"):
        if architecture == "alexnet":
            network = models.AlexNet()
        else:
            layers = models.vgg.make_layers(models.vgg.cfgs[VGG[architecture]])
            network = models.VGG(layers, init_weights=False)
        network = _narrowed(network, classes, channels, width)
    return network.to_empty(device="cpu")


def initialise_layers(
    layers: Iterable[nn.Module],
    architecture: str,
    width: float,
    initialisation: Mapping[str, Any],
    generator: torch.Generator,
) -> None:
    """Draw the weights and biases of `layers`, one after the other.

    `kaiming`, the paper's: Kaiming normal by fan-out for convolutions, zero biases. Linear layers of a VGG
    are torchvision's N(0, 0.01^2) at full width; their standard deviation grows as 1 / sqrt(width), so that a
    narrowed classifier passes signals on as strongly as the full one. LeNet and AlexNet do not leave
    their first plateau with weights as small; theirs are Kaiming normal by fan-in.
    `normal`: N(0, std^2) for every weight, zero biases.
    `authors`: what the authors' code does, PyTorch's own for AlexNet (with random biases), Xavier uniform
    with gain sqrt(2) for LeNet; for a VGG the same as `kaiming`.
    """
    kind = initialisation["kind"]
    for layer in layers:
        if kind == "authors" and architecture == "alexnet":
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
            bound = 1 / math.sqrt(layer.weight[0].numel())
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
            continue
        if kind == "normal":
            nn.init.normal_(layer.weight, 0, initialisation["std"], generator=generator)
        elif kind == "authors" and architecture == "lenet":
            nn.init.xavier_uniform_(layer.weight, math.sqrt(2), generator=generator)
        elif isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        elif architecture in VGG:
            nn.init.normal_(layer.weight, 0, 0.01 / math.sqrt(width), generator=generator)
        else:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(layer.bias)


def build_network(
    architecture: str,
    classes: int,
    channels: int,
    width: float,
    generator: torch.Generator,
    initialisation: Mapping[str, Any] = KAIMING,
) -> nn.Module:
    """Return an initialised network; all of its weights are drawn from `generator`.

    Its parts are named as torchvision's: `features`, `avgpool`, `classifier`. `initialisation` has a
    `kind`, and `std` if that is `normal`; see `initialise_layers`.
    """
    network = _build(architecture, classes, channels, width)
    linear = [layer for layer in network.classifier if isinstance(layer, nn.Linear)]
    layers = [*conv_layers(network).values(), *linear]
    initialise_layers(layers, architecture, width, initialisation, generator)
    return network


def conv_layers(network: nn.Module) -> dict[str, nn.Conv2d]:
    """Return the convolutions by name, in the order of the forward pass."""
    return {name: m for name, m in network.named_modules() if isinstance(m, nn.Conv2d)}


def layer_geometry(network: nn.Module, image_shape: tuple[int, int, int]) -> list[LayerGeometry]:
    """Return place, stage and input shape of every convolution for images of (C, H, W).

    A stage ends at a max-pooling layer; a block is the place of a layer within its stage.
    """
    geometry: list[LayerGeometry] = []
    stage = block = 0
    activation = torch.zeros(1, *image_shape)
    with torch.inference_mode():
        for name, module in network.features.named_children():
            if isinstance(module, nn.Conv2d):
                geometry.append(
                    LayerGeometry(
                        layer=len(geometry) + 1,
                        name=f"features.{name}",
                        stage=stage,
                        block=block,
                        input_shape=tuple(activation.shape[1:]),
                    )
                )
                block += 1
            elif isinstance(module, nn.MaxPool2d):
                stage, block = stage + 1, 0
                if min(activation.shape[2:]) < module.kernel_size:
                    raise InputError(
                        f"images of {image_shape[2]}x{image_shape[1]} px are too small for this "
                        f"network: {activation.shape[3]}x{activation.shape[2]} px are left at max-"
                        f"pooling layer {stage}; use larger images or a shallower architecture"
                    )
            activation = module(activation)
    return geometry


def forward_steps(network: nn.Module) -> list[tuple[str, Callable[[torch.Tensor], torch.Tensor]]]:
    """Return the forward pass as (name, step) pairs, applied one after the other."""
    steps = [(f"features.{name}", m) for name, m in network.features.named_children()]
    steps += [("avgpool", network.avgpool), ("flatten", nn.Flatten(1))]
    steps += [(f"classifier.{name}", m) for name, m in network.classifier.named_children()]
    return steps
