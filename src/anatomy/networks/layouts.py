"""Networks as lists of layers, and where a layer stands; without torch, so that shapes are known fast."""

from dataclasses import dataclass
from math import prod

from anatomy.runtime.errors import InputError

# What a layer is.
CONVOLUTION, LINEAR, TRANSPOSED = "convolution", "linear", "transposed convolution"


@dataclass(frozen=True)
class LayerGeometry:
    """Where a layer is: position from 1, module name, stage, block, input (C, H, W); None if not known."""

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


def scaled(count: int, width: float) -> int:
    """Number of channels or units at a width factor, at least one."""
    return max(1, round(count * width))


def too_small(image_shape: tuple[int, ...], left: tuple[int, ...], layer: str) -> InputError:
    """Return the error for images (C, H, W) of which `left` (H, W) is too little for a layer."""
    size, rest = ("x".join(map(str, reversed(sides))) for sides in (image_shape[1:], left))
    return InputError(
        f"images of {size} px are too small for this network: {rest} px are left at {layer}; "
        "use larger images or a shallower architecture"
    )


def _moved(layer: Conv | Pool, size: tuple[int, ...]) -> tuple[int, ...]:
    """Return the (H, W) of what a layer makes of a map (H, W); not positive where it does not fit."""
    padding = layer.padding if isinstance(layer, Conv) else 0
    return tuple((side + 2 * padding - layer.kernel) // layer.stride + 1 for side in size)


def require_side(image_shape: tuple[int, ...], least: int) -> None:
    """Raise `InputError` unless images (C, H, W) have `least` pixels along both sides."""
    if min(image_shape[1:]) < least:
        size = "x".join(map(str, reversed(image_shape[1:])))
        raise InputError(
            f"images of {size} px are too small for this network, which needs {least}x{least}; use larger "
            "images or a shallower architecture"
        )


def flattened(layout: Layout, image_shape: tuple[int, ...], width: float) -> int:
    """Return how many numbers the classifier sees of an image (C, H, W), or of a point (d,).

    `InputError` for images that are too small.
    """
    channels, *size = image_shape
    stage = 0
    for index, layer in enumerate(layout.features):
        if isinstance(layer, str):
            continue
        stage += isinstance(layer, Pool)
        moved = _moved(layer, size)
        if not layout.pooled and min(moved) < 1:
            raise too_small(image_shape, size, _layer(layer, index, stage))
        size = moved
        channels = scaled(layer.filters, width) if isinstance(layer, Conv) else channels
    return channels * (layout.pooled**2 if layout.pooled else prod(size))


def _layer(layer: Conv | Pool, index: int, stage: int) -> str:
    return f"max-pooling layer {stage}" if isinstance(layer, Pool) else f"convolution features.{index}"


def geometry(
    layout: Layout, image_shape: tuple[int, int, int], width: float = 1.0, classes: int | None = None
) -> list[tuple[LayerGeometry, tuple[int, ...]]]:
    """Return the layers of a network for images of (C, H, W), and the shapes of their weights.

    Convolutions alone, as `forward.layer_geometry` says of the network but without torch; with
    `classes` linear layers as well, in the stage after the last pooling.
    """
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
                    raise too_small(image_shape, tuple(size), _layer(layer, index, stage))
                size = _moved(layer, size)
            case Conv():
                filters = scaled(layer.filters, width)
                shape = (filters, channels, layer.kernel, layer.kernel)
                add(f"features.{index}", (channels, *size), shape)
                size = _moved(layer, size)
                if not layout.pooled and min(size) < 1:
                    raise too_small(image_shape, layers[-1][0].input_shape[1:], _layer(layer, index, stage))
                channels = filters
    if classes is None:
        return layers
    inputs = flattened(layout, image_shape, width)
    for index, layer in enumerate((*layout.classifier, classes)):
        if isinstance(layer, str):
            continue
        outputs = classes if index == len(layout.classifier) else scaled(layer, width)
        add(f"classifier.{index}", (inputs,), (outputs, inputs))
        inputs = outputs
    return layers
