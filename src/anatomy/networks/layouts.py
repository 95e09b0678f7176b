"""Networks as lists of layers, and where a layer stands; without torch, so that shapes are known fast."""

from dataclasses import dataclass

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


def too_small(image_shape: tuple[int, ...], left: tuple[int, ...], pooling: int) -> InputError:
    """Return the error for images (C, H, W) of which `left` (H, W) is too little for a pooling layer."""
    size, rest = ("x".join(map(str, reversed(sides))) for sides in (image_shape[1:], left))
    return InputError(
        f"images of {size} px are too small for this network: {rest} px are left at max-pooling layer "
        f"{pooling}; use larger images or a shallower architecture"
    )
