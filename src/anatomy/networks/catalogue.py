"""Names of networks: which there are, at which widths, and how they are written; without torch."""

import difflib
from math import prod

from anatomy.networks.families import alexnet, lenet, mlp, vgg
from anatomy.networks.layouts import Conv, LayerGeometry, Layout, Pool, scaled, too_small
from anatomy.runtime.errors import InputError

LAYOUTS: dict[str, Layout] = {**lenet.LAYOUTS, **alexnet.LAYOUTS, **vgg.LAYOUTS, **mlp.LAYOUTS}
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


def architecture_label(architecture: str) -> str:
    """Return the name of a network as it is usually written, e.g. `VGG19-BN`, `ResNet18`."""
    names = {"lenet": "LeNet", "alexnet": "AlexNet", "vgg19_orig": "VGG19, N(0, 0.01²)", "mlp_bn": "MLP-BN"}
    if architecture in names:
        return names[architecture]
    if architecture in LAYOUTS:
        return architecture.upper().replace("BN", "-BN")
    return architecture.replace("resnet", "ResNet") if architecture in RESNETS else architecture


def geometry(
    architecture: str, image_shape: tuple[int, int, int], width: float = 1.0, classes: int | None = None
) -> list[tuple[LayerGeometry, tuple[int, ...]]]:
    """Return the layers of one of `LAYOUTS` for images of (C, H, W), and the shapes of their weights.

    Convolutions alone, as `forward.layer_geometry` says of the network but without torch; with
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

    for index, layer in enumerate(layout.features):
        match layer:
            case Pool():
                stage, block = stage + 1, 0
                if min(size) < layer.kernel:
                    raise too_small(image_shape, tuple(size), stage)
                size = [(side - layer.kernel) // layer.stride + 1 for side in size]
            case Conv():
                filters = scaled(layer.filters, width)
                shape = (filters, channels, layer.kernel, layer.kernel)
                add(f"features.{index}", (channels, *size), shape)
                size = [(side + 2 * layer.padding - layer.kernel) // layer.stride + 1 for side in size]
                channels = filters
    if classes is None:
        return layers
    inputs = channels * (layout.pooled**2 if layout.pooled else prod(size))
    for index, layer in enumerate((*layout.classifier, classes)):
        if isinstance(layer, str):
            continue
        outputs = classes if index == len(layout.classifier) else scaled(layer, width)
        add(f"classifier.{index}", (inputs,), (outputs, inputs))
        inputs = outputs
    return layers
