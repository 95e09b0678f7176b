"""The networks of the paper, with a width factor, initialised from a given random stream."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn

from hyperplanes.errors import InputError
from hyperplanes.snapshots import LayerGeometry
from hyperplanes.vision import models

VGG = {"vgg11": "A", "vgg13": "B", "vgg16": "D", "vgg19": "E"}
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


def _vgg(configuration: str, classes: int, channels: int, width: float) -> nn.Module:
    """torchvision's VGG without batch norm; at width 1 its state dict has torchvision's names."""
    vgg = models.vgg
    filters = [c if c == "M" else scaled(c, width) for c in vgg.cfgs[configuration]]
    hidden = scaled(4096, width)
    # On the meta device the full-width classifier that torchvision builds costs nothing.
    with torch.device("meta"):
        network = vgg.VGG(vgg.make_layers(filters), num_classes=classes, init_weights=False)
        network.features[0] = nn.Conv2d(channels, filters[0], 3, padding=1)
        network.classifier[0] = nn.Linear(filters[-2] * 49, hidden)
        network.classifier[3] = nn.Linear(hidden, hidden)
        network.classifier[6] = nn.Linear(hidden, classes)
    return network.to_empty(device="cpu")


def _build(architecture: str, classes: int, channels: int, width: float) -> nn.Module:
    if architecture == "lenet":
        return LeNet(classes, channels, width)
    if architecture in VGG:
        return _vgg(VGG[architecture], classes, channels, width)
    raise InputError(f"unknown architecture {architecture!r}; allowed: {', '.join(sorted([*VGG, 'lenet']))}")


def initialise_convolutions(layers: Iterable[nn.Conv2d], generator: torch.Generator) -> None:
    """Draw Kaiming normal (fan-out) weights and set zero biases, layer by layer."""
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu", generator=generator)
        nn.init.zeros_(layer.bias)


def _initialise_linear(network: nn.Module, width: float, generator: torch.Generator) -> None:
    """Draw the weights of the classifier and set zero biases.

    A VGG's are torchvision's N(0, 0.01^2) at full width; their standard deviation grows as
    1 / sqrt(width), so that a narrowed classifier passes signals on as strongly as the full one. LeNet
    does not leave its first plateau with weights as small; its are Kaiming normal (fan-in).
    """
    for layer in network.classifier:
        if not isinstance(layer, nn.Linear):
            continue
        if isinstance(network, LeNet):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        else:
            nn.init.normal_(layer.weight, 0, 0.01 / math.sqrt(width), generator=generator)
        nn.init.zeros_(layer.bias)


def build_network(
    architecture: str, classes: int, channels: int, width: float, generator: torch.Generator
) -> nn.Module:
    """Return an initialised network; all of its weights are drawn from `generator`.

    Its parts are named as torchvision's: `features`, `avgpool`, `classifier`.
    """
    network = _build(architecture, classes, channels, width)
    initialise_convolutions(conv_layers(network).values(), generator)
    _initialise_linear(network, width, generator)
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
                if min(activation.shape[2:]) < 2:
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
