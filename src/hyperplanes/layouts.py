"""Names of networks, and the layers of the paper's; without torch, so that checking a name is fast."""

import difflib
from dataclasses import dataclass
from math import prod

from hyperplanes.errors import InputError


@dataclass(frozen=True)
class LayerGeometry:
    """Where a layer stands: number from 1, module name, stage, block, input (C, H, W); None if not known."""

    layer: int
    name: str
    stage: int
    block: int
    input_shape: tuple[int, ...] | None


@dataclass(frozen=True)
class Conv:
    """A convolution with bias."""

    filters: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1


@dataclass(frozen=True)
class Pool:
    """Max pooling; a stage ends at it."""

    kernel: int = 2
    stride: int = 2


@dataclass(frozen=True)
class Layout:
    """A network that is one sequence, layer by layer as in its `features` and `classifier`.

    `norm`, `relu` and `dropout` are layers of their own; in the classifier a number is a linear layer with
    so many units, and one with a unit for each class comes last. Between the two, features are averaged
    to (pooled, pooled), or taken as they are if `pooled` is None.
    """

    features: tuple[Conv | Pool | str, ...]
    pooled: int | None
    classifier: tuple[int | str, ...]
    dropout: float = 0.5


def _vgg(*stages: tuple[int, ...], norm: tuple[str, ...] = ()) -> Layout:
    features: list[Conv | Pool | str] = []
    for stage in stages:
        for filters in stage:
            features += [Conv(filters), *norm, "relu"]
        features.append(Pool())
    return Layout(tuple(features), 7, (4096, "relu", "dropout") * 2)


def _mlp(norm: tuple[str, ...] = ()) -> Layout:
    bottleneck = (1024, 4096, "dropout", *norm, "relu")
    return Layout((), None, (4096, *norm, "relu", *bottleneck * 3), 0.2)


_VGG_STAGES = {
    "vgg11": ((64,), (128,), (256,) * 2, (512,) * 2, (512,) * 2),
    "vgg13": ((64,) * 2, (128,) * 2, (256,) * 2, (512,) * 2, (512,) * 2),
    "vgg16": ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3),
    "vgg19": ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4),
}
_ALEXNET = Layout(
    (
        *(Conv(64, 11, 4, 2), "relu", Pool(3)),
        *(Conv(192, 5, 1, 2), "relu", Pool(3)),
        *(Conv(384), "relu", Conv(256), "relu", Conv(256), "relu", Pool(3)),
    ),
    6,
    ("dropout", 4096, "relu") * 2,
)
_LENET = Layout(
    (
        *(Conv(6), "relu", Conv(6), "relu", Pool()),
        *(Conv(16), "relu", Conv(16), "relu", Pool()),
        *(Conv(64), "relu", Conv(64), "relu", Pool()),
    ),
    3,
    (120, "relu", "dropout", 84, "relu", "dropout"),
)
LAYOUTS: dict[str, Layout] = {
    "lenet": _LENET,
    "alexnet": _ALEXNET,
    **{name: _vgg(*stages) for name, stages in _VGG_STAGES.items()},
    **{f"{name}bn": _vgg(*stages, norm=("norm",)) for name, stages in _VGG_STAGES.items()},
    # Initialised with N(0, 0.01^2), and a VGG19 otherwise.
    "vgg19_orig": _vgg(*_VGG_STAGES["vgg19"]),
    "mlp": _mlp(),
    "mlp_bn": _mlp(("norm",)),
}
# Written here, at any width.
OWN = tuple(LAYOUTS)
RESNETS = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
    *("wide_resnet50_2", "wide_resnet101_2"),
)
# The backward pass of a strided 1x1 convolution of fewer than 8 channels, channels last, writes out of bounds
# in torch 2.13 on CPUs.
LEAST_RESNET = 0.125
# Networks that can be narrowed or widened.
SCALABLE = (*OWN, *RESNETS)
# Of torchvision.models, for images; a test compares them with those of the installed version.
TORCHVISION = (
    *("convnext_base", "convnext_large", "convnext_small", "convnext_tiny"),
    *("densenet121", "densenet161", "densenet169", "densenet201"),
    *(f"efficientnet_b{size}" for size in range(8)),
    *("efficientnet_v2_l", "efficientnet_v2_m", "efficientnet_v2_s", "googlenet", "inception_v3", "maxvit_t"),
    *("mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3"),
    *("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"),
    *(f"regnet_x_{size}" for size in ("16gf", "1_6gf", "32gf", "3_2gf", "400mf", "800mf", "8gf")),
    *(f"regnet_y_{size}" for size in ("128gf", "16gf", "1_6gf", "32gf", "3_2gf", "400mf", "800mf", "8gf")),
    *RESNETS,
    *("resnext101_32x8d", "resnext101_64x4d", "resnext50_32x4d"),
    *("shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0"),
    *("squeezenet1_0", "squeezenet1_1"),
    *(f"swin_{version}{size}" for version in ("", "v2_") for size in "bst"),
    *("vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"),
    *("vit_b_16", "vit_b_32", "vit_h_14", "vit_l_16", "vit_l_32"),
)
TIMM_PREFIX = "timm/"
# Data sets of the authors' programs: number of classes, and (C, H, W) of an image.
DATASETS = {
    "cifar10": (10, (3, 32, 32)),
    "cifar100": (100, (3, 32, 32)),
    "imagenet": (1000, (3, 224, 224)),
    "mnist": (10, (1, 28, 28)),
}


def name_problem(architecture: str) -> str | None:
    """Say what is wrong with the name of a network; None if nothing is.

    Names of timm are looked up when the network is built: timm is optional, and importing it takes seconds.
    """
    allowed = (*OWN, *TORCHVISION)
    if architecture in allowed or architecture.startswith(TIMM_PREFIX):
        return None
    close = difflib.get_close_matches(architecture, allowed, 1)
    hint = f", did you mean {close[0]}?" if close else ";"
    return (
        f"{architecture!r} is not an architecture{hint} allowed: {', '.join(allowed)}, and "
        f"{TIMM_PREFIX}<name> if timm is installed"
    )


def width_problem(architecture: str, width: float) -> str | None:
    """Say why a network cannot have this width; None if it can."""
    if not 0 < width < float("inf"):
        return f"width is {width}, expected a factor on the channels above 0; 1 is the network as published"
    if architecture in RESNETS and width < LEAST_RESNET:
        return (
            f"{architecture} is at least {LEAST_RESNET} wide; with fewer channels torch corrupts its memory"
        )
    if width == 1 or architecture in SCALABLE:
        return None
    return (
        f"{architecture} has one width only; set width to 1, or take one of those that scale: "
        f"{', '.join(SCALABLE)}"
    )


def require_architecture(architecture: str, width: float = 1.0) -> None:
    """Raise `InputError` if there is no network of this name and width."""
    if problem := name_problem(architecture) or width_problem(architecture, width):
        raise InputError(problem)


def scaled(count: int, width: float) -> int:
    """Number of channels or units at a width factor, at least one."""
    return max(1, round(count * width))


def too_small(image_shape: tuple[int, ...], left: tuple[int, ...], pooling: int) -> InputError:
    """Return the error for images (C, H, W) of which `left` (H, W) is too little for a pooling layer."""
    size, rest = ("x".join(map(str, reversed(sides))) for sides in (image_shape[1:], left))
    return InputError(
        f"images of {size} px are too small for this network: {rest} px are left at max-pooling layer "
        f"{pooling}; use larger images or a shallower architecture"
    )


def geometry(
    architecture: str, image_shape: tuple[int, int, int], width: float = 1.0, classes: int | None = None
) -> list[tuple[LayerGeometry, tuple[int, ...]]]:
    """Return the layers of one of `LAYOUTS` for images of (C, H, W), and the shapes of their weights.

    Convolutions alone, as `architectures.layer_geometry` says of the network but without torch; with
    `classes` linear layers as well, in the stage after the last pooling.
    """
    layout = LAYOUTS[architecture]
    layers: list[tuple[LayerGeometry, tuple[int, ...]]] = []
    stage = block = 0
    channels, *size = image_shape

    def add(name: str, input_shape: tuple[int, ...], shape: tuple[int, ...]) -> None:
        nonlocal block
        layers.append((LayerGeometry(len(layers) + 1, name, stage, block, input_shape), shape))
        block += 1

    for place, layer in enumerate(layout.features):
        match layer:
            case Pool():
                stage, block = stage + 1, 0
                if min(size) < layer.kernel:
                    raise too_small(image_shape, tuple(size), stage)
                size = [(side - layer.kernel) // layer.stride + 1 for side in size]
            case Conv():
                filters = scaled(layer.filters, width)
                shape = (filters, channels, layer.kernel, layer.kernel)
                add(f"features.{place}", (channels, *size), shape)
                size = [(side + 2 * layer.padding - layer.kernel) // layer.stride + 1 for side in size]
                channels = filters
    if classes is None:
        return layers
    inputs = channels * (layout.pooled**2 if layout.pooled else prod(size))
    for place, layer in enumerate((*layout.classifier, classes)):
        if isinstance(layer, str):
            continue
        outputs = classes if place == len(layout.classifier) else scaled(layer, width)
        add(f"classifier.{place}", (inputs,), (outputs, inputs))
        inputs = outputs
    return layers
