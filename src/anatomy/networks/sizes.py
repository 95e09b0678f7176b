"""How large a network is: weights, multiplications and layers, without building it and without torch.

Of networks that are a list of layers this is counted. Of others it is `PUBLISHED`, scaled with the width,
which counts twice in weights and multiplications, and with the pixels. What is not listed counts as `LARGE`.
"""

from dataclasses import dataclass, replace
from math import prod

from anatomy.networks.catalogue import layout_of
from anatomy.networks.layouts import Layout, flattened, geometry
from anatomy.runtime.errors import InputError
from anatomy.runtime.own_code import is_own


@dataclass(frozen=True)
class Size:
    """Weights that are trained; multiplications, and outputs of all modules, for an input; layers."""

    weights: float
    multiplications: float
    outputs: float
    layers: int


# Millions of weights, of multiplications and of outputs, layers, with 10 classes; and pixels along a side.
PUBLISHED = {
    # Of points; per point.
    "fnn": (0.011, 0.011, 0.001, 3, 1),
    "cifar_resnet_8": (0.078, 12.5, 0.32, 8, 32),
    "cifar_resnet_14": (0.175, 26.7, 0.58, 14, 32),
    "cifar_resnet_20": (0.272, 40.8, 0.84, 20, 32),
    "cifar_resnet_26": (0.37, 55, 1.1, 26, 32),
    "cifar_resnet_32": (0.466, 69.1, 1.4, 32, 32),
    "cifar_resnet_44": (0.66, 97.4, 1.9, 44, 32),
    "cifar_resnet_56": (0.856, 125.8, 2.4, 56, 32),
    "cifar_resnet_110": (1.731, 253.2, 4.7, 110, 32),
    "all_convolutional": (0.039, 8.2, 0.18, 8, 32),
    "simple_conv": (0.664, 29.7, 0.23, 8, 32),
    "vgg_like": (0.328, 13.5, 0.19, 10, 32),
    "small_resnet18": (11.17, 555.4, 2.5, 21, 32),
    "small_resnet34": (21.28, 1159.4, 4.3, 37, 32),
    "small_resnet50": (23.52, 1297.8, 14.7, 54, 32),
    "stem_resnet18": (11.17, 140.2, 0.78, 21, 32),
    "tiny_resnet18": (11.17, 2221.7, 9.9, 21, 64),
    "tiny_resnet50": (23.52, 5191.3, 58.9, 54, 64),
    "resnet18": (11.18, 148.1, 0.61, 21, 64),
    "resnet34": (21.29, 299.1, 0.92, 37, 64),
    "resnet50": (23.53, 333.7, 2.6, 54, 64),
    "resnet101": (42.52, 640, 4, 105, 64),
    "resnet152": (58.16, 939.7, 5.4, 156, 64),
    "wide_resnet50_2": (66.86, 930.3, 3.4, 54, 64),
    "wide_resnet101_2": (124.9, 1870, 5.1, 105, 64),
}
# More than most of torchvision's networks.
LARGE = (90, 16_000, 40, 100, 224)


def size_of(architecture: str, width: float, input_shape: tuple[int, ...], classes: int) -> Size:
    """Return the size of a network for images (C, H, W) or points (d,)."""
    layout = None if is_own(architecture) else layout_of(architecture)
    if layout is not None:
        try:
            return _counted(layout, width, input_shape, classes)
        except InputError:
            # Images that are too small for it are refused elsewhere.
            pass
    weights, multiplications, outputs, layers, side = PUBLISHED.get(architecture, LARGE)
    area = prod(input_shape[1:]) / side**2
    scale = 1e6 * width**2
    return Size(weights * scale, multiplications * scale * area, outputs * 1e6 * width * area, layers)


def _counted(layout: Layout, width: float, input_shape: tuple[int, ...], classes: int) -> Size:
    """Count layer by layer; a classifier that sees copies of one pixel is trained on that pixel."""
    if layout.pooled:
        pixel = replace(layout, pooled=None)
        if flattened(layout, input_shape, width) == flattened(pixel, input_shape, width) * layout.pooled**2:
            layout = pixel
    weights = multiplications = outputs = 0
    layers = geometry(layout, input_shape, width, classes)
    for layer, shape in layers:
        weights += prod(shape)
        group, _, index = layer.name.partition(".")
        stride = layout.features[int(index)].stride if group == "features" else 1
        # As if it were padded to keep its size.
        own = prod(layer.input_shape[1:]) / stride**2
        multiplications += prod(shape) * own
        # And of the activation after it.
        outputs += 2 * shape[0] * own
    return Size(weights, multiplications, outputs, len(layers))
