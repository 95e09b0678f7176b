"""Networks that the pipeline has not trained, as layers with names, shapes and weights.

A checkpoint holds weights but not what the layers do with them. With the name of an architecture its layers
are known and compared with the file; without one, every weight of three or more dimensions is taken
for a convolution.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from anatomy.checkpoints.snapshots import is_snapshot, load_snapshot
from anatomy.checkpoints.torch_files import AUXILIARY, read_checkpoint
from anatomy.networks.catalogue import layout_of, require_architecture
from anatomy.networks.layouts import CONVOLUTION, LINEAR, TRANSPOSED, LayerGeometry, geometry
from anatomy.runtime.errors import InputError
from anatomy.studies.arrangements.projections import LayerStatistics, layer_statistics

# Outputs of a network until a file says how many its last layer has.
CLASSES = 1000


@dataclass(frozen=True)
class Layer:
    """A layer of a network: where it stands, its weights, and how these make filters.

    `weight` is (F, C / groups, k, k) of a convolution, (F, C) of a linear layer. Filters of a transposed
    convolution are those of the convolution that `rows_of_transposed` describes; `phases` counts them for
    each channel, and `weight` has one array for each phase.
    """

    geometry: LayerGeometry
    layer_type: str
    weight: np.ndarray | Sequence[np.ndarray]

    @property
    def phases(self) -> int:
        """Number of filters for each channel of the output."""
        return len(self.weight) if self.layer_type == TRANSPOSED else 1

    def statistics(self) -> LayerStatistics:
        """Return sums and norms of all filters; those of a channel stand together."""
        if self.layer_type != TRANSPOSED:
            return layer_statistics(self.weight, self.geometry)
        parts = [layer_statistics(rows, self.geometry) for rows in self.weight]
        columns = {
            key: np.stack([getattr(part, key) for part in parts], 1).ravel()
            for key in ("sums", "norms", "sizes")
        }
        return LayerStatistics(self.geometry, **columns)


# Checkpoints


def checkpoint_layers(
    path: Path,
    architecture: str | None = None,
    image_shape: tuple[int, int, int] | None = None,
    width: float = 1.0,
    classes: int | None = None,
    with_linear: bool = False,
) -> list[Layer]:
    """Return the layers of a checkpoint or snapshot; `InputError` if it is not of `architecture`.

    `image_shape` is needed for the shapes of the layers' inputs; a snapshot knows its own. With `classes`
    the last layer must have as many outputs.
    """
    checkpoint = read_checkpoint(path)
    known = load_snapshot(path).layers if is_snapshot(path, checkpoint.entries) else None
    options = (architecture, image_shape, width, classes, with_linear)
    return tensor_layers(path, checkpoint.tensors, known, *options)


def tensor_layers(
    path: Path | str,
    tensors: Mapping[str, np.ndarray],
    known: Sequence[LayerGeometry] | None = None,
    architecture: str | None = None,
    image_shape: tuple[int, int, int] | None = None,
    width: float = 1.0,
    classes: int | None = None,
    with_linear: bool = False,
) -> list[Layer]:
    """Return the layers of the arrays of a state dict, as `checkpoint_layers` does.

    `known` are the layers of a snapshot, None of anything else. Messages name `path`.
    """
    found = _weights(tensors)
    if empty := [name for name, weight in found.items() if not weight.size]:
        raise InputError(f"{path}: {empty[0]}.weight has shape {found[empty[0]].shape}, and no numbers")
    shapes = {name: weight.shape for name, weight in found.items()}
    linear = _of_type(shapes, LINEAR)
    if architecture is None:
        if known is None:
            _require_nothing_given(image_shape, width)
            _warn_of_other_names(path, tensors, with_linear)
        elif with_linear and not linear:
            raise _convolutions_only(path)
        return named_layers(path, _unnamed_layers(found, known or (), with_linear), found, with_linear)
    network = (architecture, image_shape and tuple(image_shape), width)
    geometries, expected = expected_layers(*network, classes or CLASSES)
    last = geometries[-1].name
    if last in found:
        geometries, expected = expected_layers(*network, len(found[last]))
    require_same(path, architecture, _of_type(shapes, CONVOLUTION), _of_type(expected, CONVOLUTION))
    _require_classes(path, last, shapes, classes)
    if linear:
        require_same(path, architecture, linear, _of_type(expected, LINEAR), LINEAR)
    inputs = {g.name: g.input_shape if image_shape else None for g in geometries}
    inputs |= {g.name: g.input_shape for g in known or ()}
    geometries = [replace(g, input_shape=inputs[g.name]) for g in geometries]
    return named_layers(path, geometries, found, with_linear)


def _require_nothing_given(image_shape: tuple[int, int, int] | None, width: float) -> None:
    """Raise `InputError` for what would change nothing of a network of which only its tensors are known."""
    given = {"image_shape": image_shape is not None, "width": width != 1}
    if any(given.values()):
        names = " and ".join(name for name, is_given in given.items() if is_given)
        raise InputError(f"{names}: nothing is known of a network without a name; give its architecture too")


def named_layers(
    source: Path | str,
    geometries: Sequence[LayerGeometry],
    weights: Mapping[str, np.ndarray],
    with_linear: bool,
) -> list[Layer]:
    """Return the convolutions among `geometries` with their weights; linear layers if asked for.

    `InputError` if these are asked for and have no weights, if weights are no floating-point numbers, or
    if no layer is left.
    """
    if with_linear and any(g.name not in weights for g in geometries):
        raise _convolutions_only(source)
    chosen = [g for g in geometries if g.name in weights and (with_linear or weights[g.name].ndim > 2)]
    for name in (g.name for g in chosen):
        _require_floating(source, name, weights[name].dtype, weights[name].dtype.kind == "f")
    layers = [_layer(g, weights[g.name]) for g in chosen]
    return _require_any(source, layers, with_linear)


def _layer(met: LayerGeometry, weight: np.ndarray) -> Layer:
    if weight.ndim > 2:
        return Layer(met, CONVOLUTION, weight)
    return Layer(replace(met, input_shape=weight.shape[1:]), LINEAR, weight)


def _require_floating(source: Path | str, layer: str, dtype: Any, is_floating: bool) -> None:
    if not is_floating:
        raise InputError(
            f"{source}: {layer}.weight is {dtype}; expected floating-point numbers, as of a network that is "
            "neither quantised nor a mask"
        )


def _of_type(shapes: Mapping[str, tuple[int, ...]], layer_type: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the linear layers, or of the convolutions, by name."""
    return {name: shape for name, shape in shapes.items() if (len(shape) == 2) == (layer_type == LINEAR)}


def _convolutions_only(source: Path | str) -> InputError:
    return InputError(
        f"{source} holds convolutions only; take a file that has the linear layers, of this pipeline "
        "final.safetensors, or leave --with-linear out; `snapshots: {weights: all}` keeps them in every "
        "snapshot"
    )


def _weights(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights of layers that multiply, by name of the layer."""
    return {
        name.removesuffix(".weight"): value
        for name, value in tensors.items()
        if name.endswith(".weight") and value.ndim > 1 and not AUXILIARY.match(name)
    }


def _unnamed_layers(
    found: Mapping[str, np.ndarray], known: Sequence[LayerGeometry], with_linear: bool
) -> list[LayerGeometry]:
    """Return the layers that a snapshot knows, then the others of a file."""
    names = [g.name for g in known]
    others = [n for n, weight in found.items() if n not in names and (weight.ndim > 2 or with_linear)]
    first = len(known) + 1
    return [*known, *(LayerGeometry(n, name, 0, n - 1, None) for n, name in enumerate(others, first))]


def _warn_of_other_names(path: Path | str, tensors: Mapping[str, np.ndarray], with_linear: bool) -> None:
    """Name on stderr the arrays that could be weights of layers but are not called so."""
    least = 2 if with_linear else 3
    names = [
        name
        for name, value in tensors.items()
        if value.ndim >= least and value.dtype.kind == "f" and not name.endswith(".weight")
    ]
    if names:
        listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        print(
            f"warning: {path}: {len(names)} arrays are not measured ({listed}); weights of layers are those "
            "whose names end in .weight",
            file=sys.stderr,
        )


def _require_any(source: Path | str, layers: list[Layer], with_linear: bool) -> list[Layer]:
    if not layers:
        raise InputError(
            f"{source} has neither convolutions nor linear layers; give another network"
            if with_linear
            else f"{source} has no convolutions; linear layers are measured with --with-linear, in Python "
            "with with_linear=True"
        )
    return layers


@cache
def expected_layers(
    architecture: str, image_shape: tuple[int, int, int] | None, width: float, classes: int
) -> tuple[list[LayerGeometry], dict[str, tuple[int, ...]]]:
    """Return the layers of an architecture that an image meets, and the shapes of all weights, by layer.

    Without torch if the network is one of the paper's. `InputError` if images are too small for it.
    """
    require_architecture(architecture, width)
    if (layout := layout_of(architecture)) is not None:
        shape = image_shape or ((3, 224, 224) if layout.pooled else (3, 32, 32))
        layers = geometry(layout, shape, width, classes)
        return [layer for layer, _ in layers], {layer.name: weight for layer, weight in layers}
    from torch import nn

    from anatomy.networks.build import network_shape
    from anatomy.networks.forward import layer_geometry

    channels, *size = image_shape or (3, 224, 224)
    network = network_shape(architecture, classes, channels, width, tuple(size))
    geometries = layer_geometry(network, (channels, *size), (nn.Conv2d, nn.Linear))
    return geometries, {name: tuple(weight.shape) for name, weight in _weights(network.state_dict()).items()}


def require_same(
    path: Path | str,
    architecture: str,
    found: Mapping[str, tuple[int, ...]],
    expected: Mapping[str, tuple[int, ...]],
    layer_type: str = CONVOLUTION,
) -> None:
    """Compare shapes of layers by name; `InputError` names the first that differs."""
    advice = "correct the architecture, or the file"
    for position, (name, shape) in enumerate(expected.items(), 1):
        if found.get(name) != shape:
            has = f"has shape {found[name]}" if name in found else "is missing"
            raise InputError(
                f"{path} is not a {architecture}: {layer_type} {position}, {name}, {has}, "
                f"expected {shape}; {advice}"
            )
    for name, shape in found.items():
        if name not in expected:
            raise InputError(
                f"{path} is not a {architecture}: it also has a {layer_type} {name} of shape {shape}; "
                f"{advice}"
            )


def _require_classes(
    path: Path | str, last: str, found: Mapping[str, np.ndarray], classes: int | None
) -> None:
    if classes is not None and last in found and found[last][0] != classes:
        raise InputError(
            f"{path} tells {found[last][0]} classes apart ({last}), the data set has {classes}; name the "
            "data set that it was trained on, or the number of classes"
        )


# Modules


def module_layers(
    network: Any, image_shape: tuple[int, ...] | None = None, with_linear: bool = False
) -> list[Layer]:
    """Return the layers of an nn.Module; in the order of its modules, or of the forward pass of an image."""
    from torch import nn

    from anatomy.networks.forward import layer_geometry

    convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    transposed = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    types = (*convolutions, *transposed, *([nn.Linear] if with_linear else []))
    if image_shape is not None:
        geometries = layer_geometry(network, image_shape, types)
    else:
        names = [name for name, module in network.named_modules() if isinstance(module, types)]
        geometries = [
            LayerGeometry(position, name, 0, position - 1, None) for position, name in enumerate(names, 1)
        ]
    layers, own = [], f"this {type(network).__name__}"
    for met in geometries:
        module = network.get_submodule(met.name)
        weight = module.weight.detach().cpu()
        _require_floating(own, met.name, weight.dtype, weight.is_floating_point())
        weight = (weight.float() if weight.itemsize < 4 else weight).numpy()
        if isinstance(module, transposed):
            rows = rows_of_transposed(weight, module.groups, module.stride, module.dilation)
            layers.append(Layer(met, TRANSPOSED, rows))
        else:
            layers.append(_layer(met, weight))
    return _require_any(own, layers, with_linear)


def rows_of_transposed(
    weight: np.ndarray, groups: int, stride: Sequence[int], dilation: Sequence[int]
) -> list[np.ndarray]:
    """Return the filters of a transposed convolution with `weight` (C, F / groups, k, k), one array a phase.

    An output of channel f sees the weights (C / groups, taps) of those taps t of the kernel for which
    position + padding - dilation * t is a multiple of the stride. So there are up to stride^2 different rows
    for each channel, as if stride^2 convolutions took turns; with stride 1 there is one, of all weights.
    """
    inputs, outputs, *kernel = weight.shape
    grouped = weight.reshape(groups, inputs // groups, outputs, *kernel).swapaxes(1, 2)
    filters = grouped.reshape(groups * outputs, inputs // groups, *kernel)
    phases = []
    for residues in product(*map(range, stride)):
        taps = [
            [tap for tap in range(side) if tap * gap % step == residue]
            for side, step, gap, residue in zip(kernel, stride, dilation, residues, strict=True)
        ]
        if prod(map(len, taps)):
            phases.append(filters[:, :, *np.ix_(*taps)].reshape(len(filters), -1))
    return phases
