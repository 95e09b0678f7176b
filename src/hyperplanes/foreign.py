"""Networks that the pipeline has not trained, as layers with names, shapes and weights.

A checkpoint holds weights but not what the layers do with them. With the name of an architecture its layers
are known and compared with the file; without one, every weight of three or more dimensions is taken
for a convolution.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from hyperplanes.checkpoints import Checkpoint, read_checkpoint
from hyperplanes.cosines import LayerStatistics, layer_statistics
from hyperplanes.errors import InputError
from hyperplanes.layouts import LAYOUTS, LayerGeometry, geometry, require_architecture
from hyperplanes.snapshots import METADATA_KEY, load_snapshot

LINEAR, CONVOLUTION, TRANSPOSED = "linear", "convolution", "transposed convolution"


@dataclass(frozen=True)
class Layer:
    """A layer of a network: where it stands, its weights, and how these make filters.

    `weight` is (F, C / groups, k, k) of a convolution, (F, C) of a linear layer. Filters of a transposed
    convolution are those of the convolution that `rows_of_transposed` describes; `phases` counts them for
    each channel, and `weight` has one array for each phase.
    """

    geometry: LayerGeometry
    kind: str
    weight: np.ndarray | Sequence[np.ndarray]

    @property
    def phases(self) -> int:
        """Number of filters for each channel of the output."""
        return len(self.weight) if self.kind == TRANSPOSED else 1

    def statistics(self) -> LayerStatistics:
        """Return sums and norms of all filters; those of a channel stand together."""
        if self.kind != TRANSPOSED:
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

    `image_shape` is needed for the shapes of the layers' inputs, and given by a snapshot itself. With
    `classes` the last linear layer must have as many outputs.
    """
    checkpoint = read_checkpoint(path)
    if architecture is None:
        if METADATA_KEY in checkpoint.entries:
            snapshot = load_snapshot(path)
            return [Layer(g, CONVOLUTION, snapshot.arrays[f"{g.name}.weight"]) for g in snapshot.layers]
        return _require_any(path, list(_unnamed_layers(checkpoint, with_linear)))
    found = _weights(checkpoint)
    expected = expected_layers(architecture, image_shape, width, _outputs(found, classes))
    convolutions = [(g.name, shape) for g, shape in expected if len(shape) > 2]
    require_same(path, architecture, {n: w.shape for n, w in found.items() if w.ndim > 2}, convolutions)
    linear = {name: weight.shape for name, weight in found.items() if weight.ndim == 2}
    if linear and (last := [g.name for g, shape in expected if len(shape) == 2]):
        _require_classes(path, last[-1], linear, classes)
        require_same(path, architecture, linear, [(g.name, s) for g, s in expected if len(s) == 2], LINEAR)
    if image_shape is None:
        expected = [(replace(g, input_shape=None), shape) for g, shape in expected]
    return named_layers(path, expected, found, with_linear)


def named_layers(
    source: Path | str,
    expected: Sequence[tuple[LayerGeometry, tuple[int, ...]]],
    weights: Mapping[str, np.ndarray],
    with_linear: bool,
) -> list[Layer]:
    """Return the convolutions of an architecture with their weights; linear layers if asked for and given."""
    layers = [
        Layer(g, LINEAR if len(shape) == 2 else CONVOLUTION, weights[g.name])
        for g, shape in expected
        if len(shape) > 2 or (with_linear and g.name in weights)
    ]
    return _require_any(source, layers)


def _weights(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Return the weights of layers that multiply, by name of the layer."""
    return {
        name.removesuffix(".weight"): value
        for name, value in checkpoint.tensors.items()
        if name.endswith(".weight") and value.ndim > 1
    }


def _unnamed_layers(checkpoint: Checkpoint, with_linear: bool) -> Iterator[Layer]:
    number = 0
    for name, weight in _weights(checkpoint).items():
        if weight.ndim > 2 or with_linear:
            number += 1
            here = LayerGeometry(number, name, 0, number - 1, None)
            yield Layer(here, LINEAR if weight.ndim == 2 else CONVOLUTION, weight)


def _require_any(source: Path | str, layers: list[Layer]) -> list[Layer]:
    if not layers:
        raise InputError(
            f"{source} has no convolutions; linear layers are measured with --with-linear, in Python with "
            "with_linear=True"
        )
    return layers


def _outputs(found: Mapping[str, np.ndarray], classes: int | None) -> int:
    """Return the number of outputs: that asked for, or that of the last linear layer of a file."""
    linear = [weight for weight in found.values() if weight.ndim == 2]
    return classes or (len(linear[-1]) if linear else 1000)


def expected_layers(
    architecture: str, image_shape: tuple[int, int, int] | None, width: float, classes: int
) -> list[tuple[LayerGeometry, tuple[int, ...]]]:
    """Return convolutions and linear layers of an architecture, and the shapes of their weights.

    Without torch if the network is one of the paper's.
    """
    require_architecture(architecture, width)
    if architecture in LAYOUTS:
        try:
            shape = image_shape or ((3, 32, 32) if architecture.startswith("mlp") else (3, 224, 224))
            return geometry(architecture, shape, width, classes)
        except InputError:
            # Smaller images than the network takes can only have been scaled.
            return geometry(architecture, (shape[0], 224, 224), width, classes)
    from torch import nn

    from hyperplanes.architectures import layer_geometry, network_shape

    channels, *size = image_shape or (3, 224, 224)
    network = network_shape(architecture, classes, channels, width)
    kinds = (nn.Conv2d, nn.Linear)
    try:
        layers = layer_geometry(network, (channels, *size), kinds)
    except InputError:
        layers = layer_geometry(network, (channels, 224, 224), kinds)
    return [(layer, tuple(network.get_submodule(layer.name).weight.shape)) for layer in layers]


def require_same(
    path: Path,
    architecture: str,
    found: Mapping[str, tuple[int, ...]],
    expected: Sequence[tuple[str, tuple[int, ...]]],
    kind: str = CONVOLUTION,
) -> None:
    """Compare shapes of layers by name; `InputError` names the first that differs."""
    advice = "correct the architecture, or the file"
    for number, (name, shape) in enumerate(expected, 1):
        if found.get(name) != shape:
            has = f"has shape {found[name]}" if name in found else "is missing"
            raise InputError(
                f"{path} is not a {architecture}: {kind} {number}, {name}, {has}, expected {shape}; {advice}"
            )
    names = {name for name, _ in expected}
    for name, shape in found.items():
        if name not in names:
            raise InputError(
                f"{path} is not a {architecture}: it also has a {kind} {name} of shape {shape}; {advice}"
            )


def _require_classes(
    path: Path, last: str, linear: Mapping[str, tuple[int, ...]], classes: int | None
) -> None:
    if classes is not None and last in linear and linear[last][0] != classes:
        raise InputError(
            f"{path} tells {linear[last][0]} classes apart ({last}), the data set has {classes}; name the "
            "data set that it was trained on, or the number of classes"
        )


# Modules


def module_layers(
    network: Any, image_shape: tuple[int, ...] | None = None, with_linear: bool = False
) -> list[Layer]:
    """Return the layers of an nn.Module; in the order of its modules, or of the forward pass of an image."""
    from torch import nn

    from hyperplanes.architectures import layer_geometry

    convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    transposed = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    kinds = (*convolutions, *transposed, *([nn.Linear] if with_linear else []))
    if image_shape is not None:
        places = layer_geometry(network, image_shape, kinds)
    else:
        names = [name for name, module in network.named_modules() if isinstance(module, kinds)]
        places = [LayerGeometry(number, name, 0, number - 1, None) for number, name in enumerate(names, 1)]
    layers = []
    for place in places:
        module = network.get_submodule(place.name)
        weight = module.weight.detach().cpu()
        weight = (weight.float() if weight.itemsize < 4 else weight).numpy()
        if isinstance(module, transposed):
            rows = rows_of_transposed(weight, module.groups, module.stride, module.dilation)
            layers.append(Layer(place, TRANSPOSED, rows))
        else:
            kind = LINEAR if isinstance(module, nn.Linear) else CONVOLUTION
            layers.append(Layer(place, kind, weight))
    return _require_any(f"this {type(network).__name__}", layers)


def rows_of_transposed(
    weight: np.ndarray, groups: int, stride: Sequence[int], dilation: Sequence[int]
) -> list[np.ndarray]:
    """Return the filters of a transposed convolution with `weight` (C, F / groups, k, k), one array a phase.

    An output of channel f sees the weights (C / groups, taps) of those taps t of the kernel for which
    position + padding - dilation * t is a multiple of the stride. So there are up to stride^2 kinds of rows
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
