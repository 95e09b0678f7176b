"""Convolutions of a network of the MatConvNet model zoo, from its .mat file and without torch.

Files come in two formats (https://www.vlfeat.org/matconvnet/): SimpleNN, a cell array `layers` of
structs, and DagNN, a struct array `layers` whose weights are in a struct array `params`. Both store
filters as (H, W, C / groups, F). Fully connected layers are convolutions there as well.
"""

import resource
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from anatomy.checkpoints.snapshots import Snapshot
from anatomy.networks.layouts import LayerGeometry
from anatomy.runtime.errors import InputError

# Height and width of input images, where a file does not say.
IMAGE_SIZE = (224, 224)
# Most pixels along a side, of an image, a window or a border.
LARGEST = 100_000
# Bytes of memory that reading may take: in any case, and for each byte of the file, which may be compressed.
MEMORY, MEMORY_PER_BYTE = 1 << 30, 32


@dataclass(frozen=True)
class _Layer:
    """A layer that decides shapes: `layer_type` conv or pool, `pad` at the top, bottom, left and right."""

    layer_type: str
    name: str
    window: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int, int, int]
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of the output for an input of `size`; incomplete windows are dropped."""
        top, bottom, left, right = self.pad
        height = (size[0] + top + bottom - self.window[0]) // self.stride[0] + 1
        return height, (size[1] + left + right - self.window[1]) // self.stride[1] + 1


def read_matconvnet(path: Path, origin: Mapping[str, Any]) -> Snapshot:
    """Return the convolutions before the first fully connected layer; `InputError` if there are none.

    Filters become (F, C / groups, H, W). A layer is fully connected if its filters are as large as its
    input. Input shapes follow from the file's image size, strides, padding and pooling; a stage ends at
    a pooling layer.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; expected a .mat file of the MatConvNet model zoo")
    # On some damaged files scipy's reader ends its process by a signal.
    context = get_context("forkserver")
    # So that scipy is imported once, however many files are read.
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(1, context, _bound_memory, [path.stat().st_size]) as reader:
        try:
            return reader.submit(_read, path, origin).result()
        except BrokenProcessPool as error:
            raise InputError(f"{path} is damaged, so that reading it fails; get it again") from error


def _bound_memory(size: int) -> None:
    """Let this process, on Linux, have no more memory than reading a file of `size` bytes may take."""
    if (pages := Path("/proc/self/statm")).is_file():
        used = int(pages.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY + MEMORY_PER_BYTE * size,) * 2)


def _read(path: Path, origin: Mapping[str, Any]) -> Snapshot:
    """Return what `read_matconvnet` does, in a process of its own."""
    try:
        content = loadmat(path, variable_names=["layers", "params", "meta", "normalization"])
    except NotImplementedError as error:
        raise InputError(f"{path} is in MATLAB's format 7.3; save it again in MATLAB with `-v7`") from error
    except Exception as error:
        # scipy raises whatever its parser meets in a file that is no .mat file or a damaged one.
        raise InputError(f"{path} is not a .mat file or is damaged ({error}); get it again") from error
    try:
        snapshot = _convolutions(list(_layers(content)), _image_size(content), origin)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is a .mat file, but not of a MatConvNet network ({type(error).__name__}: {error}); "
            "expected `layers` in the SimpleNN or DagNN format"
        ) from error
    if not snapshot.layers:
        raise InputError(f"{path} has no convolutions before its first fully connected layer")
    return snapshot


def _convolutions(layers: list[_Layer], size: tuple[int, int], origin: Mapping[str, Any]) -> Snapshot:
    """Follow an image of `size` through the layers, up to the first fully connected one."""
    arrays: dict[str, np.ndarray] = {}
    geometry: list[LayerGeometry] = []
    stage = block = 0
    channels = None
    for layer in layers:
        if layer.layer_type == "pool":
            stage, block = stage + 1, 0
        else:
            if layer.window == size and not any(layer.pad):
                break
            if f"{layer.name}.weight" in arrays:
                raise ValueError(f"two convolutions are called {layer.name}")
            # The first layer has no groups; later ones see all filters of the layer before.
            channels = channels or layer.weight.shape[1]
            if channels % layer.weight.shape[1] or len(layer.weight) % (channels // layer.weight.shape[1]):
                raise ValueError(
                    f"{layer.name} has filters of shape {layer.weight.shape}, its input {channels} channels"
                )
            geometry.append(LayerGeometry(len(geometry) + 1, layer.name, stage, block, (channels, *size)))
            arrays[f"{layer.name}.weight"] = layer.weight
            arrays[f"{layer.name}.bias"] = layer.bias
            channels = len(layer.weight)
            block += 1
        size = layer.output_size(size)
        if min(size) < 1:
            raise ValueError(f"nothing is left of an image after {layer.name or 'a pooling layer'}")
    return Snapshot(arrays, geometry, origin)


def _layers(content: Mapping[str, np.ndarray]) -> Iterator[_Layer]:
    """Yield the convolution and pooling layers of a file in either format."""
    if "params" in content:
        values = {_text(p["name"]): p["value"] for p in _structs(content["params"])}
        for layer in _structs(content["layers"]):
            [block] = _structs(layer["block"])
            name, layer_type = _text(layer["name"]), _text(layer["type"])
            if layer_type == "dagnn.Conv":
                weights = [values[_text(parameter)] for parameter in layer["params"].ravel()]
                yield _convolution(name, block, weights)
            elif layer_type == "dagnn.Pooling":
                yield _pooling(name, block, "poolSize")
        return
    for position, layer in enumerate(_structs(content["layers"]), 1):
        name = _text(_field(layer, "name", "")) or f"layer{position}"
        layer_type = _text(layer["type"])
        if layer_type == "conv":
            # Versions before beta 13 keep filters and biases in fields of their own.
            old = "filters" in layer.dtype.names
            weights = [layer["filters"], layer["biases"]] if old else list(layer["weights"].ravel())
            yield _convolution(name, layer, weights)
        elif layer_type == "pool":
            yield _pooling(name, layer, "pool")


def _convolution(name: str, struct: np.void, weights: list[np.ndarray]) -> _Layer:
    # MATLAB drops trailing axes of length one.
    for values in weights:
        if values.dtype.kind not in "fiu":
            raise ValueError(f"{name} has weights of type {values.dtype}; expected real numbers")
    if not weights[0].size:
        raise ValueError(f"{name} has no filters")
    filters = weights[0].reshape(*weights[0].shape, *[1] * (4 - weights[0].ndim))
    weight = np.ascontiguousarray(filters.transpose(3, 2, 0, 1), dtype=np.float32)
    bias = np.zeros(len(weight)) if len(weights) < 2 or not weights[1].size else weights[1]
    return _Layer(
        layer_type="conv",
        name=name,
        window=weight.shape[2:],
        stride=_integers(struct, "stride", 1, 2),
        pad=_integers(struct, "pad", 0, 4),
        weight=weight,
        bias=np.asarray(bias, dtype=np.float32).reshape(len(weight)),
    )


def _pooling(name: str, struct: np.void, window: str) -> _Layer:
    return _Layer(
        layer_type="pool",
        name=name,
        window=_integers(struct, window, 1, 2),
        stride=_integers(struct, "stride", 1, 2),
        pad=_integers(struct, "pad", 0, 4),
    )


def _image_size(content: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """Return height and width of the network's input images."""
    meta = content
    if "meta" in content:
        [struct] = _structs(content["meta"])
        meta = {name: struct[name] for name in struct.dtype.names or ()}
    if "normalization" not in meta:
        return IMAGE_SIZE
    [normalization] = _structs(meta["normalization"])
    height, width = _whole("imageSize", np.ravel(_field(normalization, "imageSize", IMAGE_SIZE))[:2], 1)
    return height, width


def _structs(values: np.ndarray) -> list[np.void]:
    """Return the structs of a struct array, or of a cell array of structs."""
    return [v.ravel()[0] if isinstance(v, np.ndarray) else v for v in values.ravel()]


def _field(struct: np.void, name: str, default: Any) -> Any:
    return struct[name] if name in struct.dtype.names else default


def _text(value: np.ndarray | str) -> str:
    """Return a MATLAB string."""
    return "".join(map(str, np.ravel(value)))


def _integers(struct: np.void, name: str, default: int, count: int) -> tuple[int, ...]:
    """Return a field of `count` integers, of at least `default`; a single one stands for all."""
    values = np.broadcast_to(np.ravel(_field(struct, name, default)), count)
    return _whole(name, values, default)


def _whole(name: str, values: np.ndarray, least: int) -> tuple[int, ...]:
    """Return values as integers; `ValueError` unless each is whole, and between `least` and `LARGEST`."""
    numbers = values.tolist()
    if not all(isinstance(n, int | float) and least <= n <= LARGEST and n == int(n) for n in numbers):
        raise ValueError(f"{name} is {numbers}; expected whole numbers of at least {least}")
    return tuple(map(int, numbers))
